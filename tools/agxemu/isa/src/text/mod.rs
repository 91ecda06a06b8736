// SPDX-License-Identifier: MIT OR Apache-2.0

//! Instructions as text, in the form that Mesa's disassembler gives them (src/asahi/isa): mnemonic,
//! destinations, sources, immediates, modifiers. A modifier that does nothing is not written.

mod memory;
mod names;
mod operand;

use std::fmt;

use crate::decode::Instruction;
use crate::table::{Kind, Op};
use names::{channels, format as element, wait_group};
use operand::{operand, register, registers, File, Size};

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, parts) = Text(self).write();
        let parts: Vec<String> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        if parts.is_empty() {
            f.write_str(&name)
        } else {
            write!(f, "{name:<8} {}", parts.join(", "))
        }
    }
}

/// The mnemonic and what follows it; what is empty is left out.
type Line = (String, Vec<String>);

struct Text<'a>(&'a Instruction);

impl Text<'_> {
    fn field(&self, name: &str) -> u64 {
        self.0.field(name)
    }

    fn bits(&self, first: u8, last: u8) -> u64 {
        (self.0.word >> first) as u64 & ((1 << (last - first + 1)) - 1)
    }

    fn flag(&self, name: &str, text: &str) -> String {
        if self.field(name) != 0 {
            text.into()
        } else {
            String::new()
        }
    }

    /// Returns the operands of the entry, in its order.
    fn operands(&self) -> Vec<String> {
        let all = self.0.entry.operands.iter().enumerate();
        all.filter_map(|(n, o)| operand(o.kind, self.0.operand(n)))
            .collect()
    }

    /// Returns the channels that a vector in memory has.
    fn mask(&self) -> String {
        let operands = self.0.entry.operands;
        let mem = operands.iter().position(|o| o.kind == Kind::Mem);
        mem.map_or(String::new(), |n| channels(self.0.operand(n) >> 9 & 15))
    }

    /// Returns `name`, the operands, and `more`.
    fn line(&self, name: impl Into<String>, more: impl IntoIterator<Item = String>) -> Line {
        let mut parts = self.operands();
        parts.extend(more);
        (name.into(), parts)
    }

    fn write(&self) -> Line {
        let sat = || self.flag("sat", "sat");
        let op = self.0.entry.op;
        match op {
            Op::MovImm16 | Op::MovImm32 => self.line("ldimm", [self.field("imm").to_string()]),
            Op::GetSr => self.line("mov", [names::special_register(self.field("sr"))]),
            Op::Iadd | Op::Imad => self.add(op),
            Op::Bfi | Op::Bfeil | Op::Extr | Op::Asr | Op::Shlhi | Op::Shrhi | Op::Asrh => {
                self.bit_field(op)
            }
            Op::Bitop => {
                let (name, one) = names::bit_operation(self.field("tt"));
                let mut parts = self.operands();
                // An input that does not count is only written if it is not zero.
                if one && self.0.operand(2) == 0 {
                    parts.pop();
                }
                (name.into(), parts)
            }
            Op::Intl => self.line("intl", []),
            Op::Bitrev => self.line("bitrev", []),
            Op::Popcount => self.line("popcnt", []),
            Op::Ffs => self.line("ffs", []),
            Op::Convert => self.line(
                names::conversion(self.field("mode")),
                [names::round(self.field("round"))],
            ),
            Op::Fadd => self.line("fadd", [sat()]),
            Op::Fmul => self.line("fmul", [sat()]),
            Op::Ffma => self.line("ffma", [sat()]),
            Op::Hadd => self.line("hadd", [sat()]),
            Op::Hmul => self.line("hmul", [sat()]),
            Op::Hfma => self.line("hfma", [sat()]),
            Op::Funop => self.line(names::float_function(self.field("op")), [sat()]),
            Op::Icmpsel => self.line("csel", [names::integer_condition(self.field("icond"))]),
            Op::Fcmpsel => self.line("csel", [names::float_condition(self.field("fcond"))]),
            Op::IfIcmp | Op::IfFcmp => self.mask_op("if"),
            Op::ElseIcmp | Op::ElseFcmp => self.mask_op("else"),
            Op::WhileIcmp | Op::WhileFcmp => self.mask_op("while"),
            Op::PopExec => self.line(
                "pop_exec",
                [self.field("n").to_string(), self.flag("cache", "cache")],
            ),
            Op::JmpExecAny => self.jump("jmp_any"),
            Op::JmpExecNone => self.jump("jmp_none"),
            Op::Call => self.jump("call"),
            Op::CallReg => self.line("call", []),
            Op::Ret => self.line("ret", []),
            Op::Stop => self.line("stop", []),
            Op::Trap => self.line("trap", []),
            Op::Wait => self.line("wait", [wait_group(self.field("group"))]),
            Op::ThreadgroupBarrier => self.line("barrier", []),
            Op::MemoryBarrier => self.line(names::memory_barrier(self.bits(8, 15)), []),
            Op::IcmpBallot | Op::FcmpBallot => self.ballot(op),
            Op::Shuffle => self.line(
                "shuffle",
                [
                    self.quad(),
                    self.flag("rotate", "rotate"),
                    names::shuffle(self.field("op")),
                ],
            ),
            Op::Reduce => self.line(
                if self.field("simd") != 0 {
                    "simd"
                } else {
                    "quad"
                },
                [
                    self.flag("prefix", "prefix"),
                    names::subgroup(self.field("op")),
                ],
            ),
            Op::DeviceLoad => self.memory("load"),
            Op::DeviceStore => self.memory("store"),
            Op::UniformStore => self.uniform_store(),
            Op::TexStateStore => self.state_store(format!("ts{}", self.field("ts"))),
            Op::SamplerStateStore => self.state_store(format!("ss{}", self.field("ss"))),
            Op::Atomic => self.atomic(),
            Op::LocalLoad => self.line("lload", [element(self.field("fmt")), self.mask()]),
            Op::LocalStore => self.line("lstore", [element(self.field("fmt")), self.mask()]),
            Op::LocalAtomic => self.local_atomic(),
            Op::StackLoad => self.memory("stack_load"),
            Op::StackStore => self.memory("stack_store"),
            Op::StackAdjust => self.line("stack_adjust", []),
            Op::Smpf => self.sample("smpf"),
            Op::Smpi => self.sample("smpi"),
            Op::ImageWrite => self.image_write(),
            Op::ImageWriteBlock => self.image_write_block(),
            Op::LdTile => self.tile("ld_tile"),
            Op::StTile => self.tile("st_tile"),
            Op::StVar => self.line(
                "st_var",
                [
                    self.register_or_immediate("uvs", self.field("uvsimm") == 1),
                    self.flag("last", "last"),
                ],
            ),
            Op::NoVar => self.line("no_var", []),
            Op::Iter => self.iterate("iter", true),
            Op::Iterproj => self.iterate("iter", true),
            Op::Ldcf => self.iterate("ldcf", false),
            Op::SampleMask => self.line(
                "sample_mask",
                [
                    self.register_or_immediate("target", self.field("targetimm") == 1),
                    self.register_or_immediate("live", self.field("liveimm") == 1),
                ],
            ),
            Op::ZsEmit => self.line(
                "zs_emit",
                [
                    self.register_or_immediate("target", self.field("targetimm") == 1),
                    self.descriptor("zs", self.field("which")),
                ],
            ),
            Op::WaitPix => self.pixels("pixwait"),
            Op::SignalPix => self.pixels("pixrel"),
            Op::Doorbell => self.line("doorbell", [self.field("imm").to_string()]),
            Op::JmpIfSkippingDoorbell => {
                self.line("jmp_if_skipping_doorbell", [self.field("off").to_string()])
            }
            Op::JmpIncomplete => self.line("jmp_incomplete", [self.field("off").to_string()]),
            Op::SimdMatrixFma16 => self.line("simd_matrix_fmadd16", []),
            Op::SimdMatrixFma32 => self.line("simd_matrix_fmadd32", []),
            Op::StackMap => self.map("map"),
            Op::StackUnmap => self.map("unmap"),
        }
    }

    fn add(&self, op: Op) -> Line {
        let (negated, shift) = (self.field("neg") != 0, self.field("shift"));
        let more = [names::shift(shift), self.flag("sat", "sat")];
        match (op, negated) {
            (Op::Iadd, false) => self.line("iadd", more),
            (Op::Iadd, true) => self.line("isub", more),
            // Nothing is added.
            (_, false) if shift == 0 && self.0.operand(3) == 0 => {
                let mut parts = self.operands();
                parts.pop();
                parts.push(self.flag("sat", "sat"));
                ("imul".into(), parts)
            }
            (_, false) => self.line("imadd", more),
            (_, true) => self.line("imsub", more),
        }
    }

    fn bit_field(&self, op: Op) -> Line {
        let alone = self.0.operand(1) == 0 && self.field("m") == 0;
        let short = match op {
            Op::Bfi if alone => Some("shl"),
            Op::Bfeil if alone => Some("shr"),
            _ => None,
        };
        if let Some(name) = short {
            let mut parts = self.operands();
            parts.remove(1);
            return (name.into(), parts);
        }
        let name = match op {
            Op::Bfi => "bfi",
            Op::Bfeil => "bfeil",
            Op::Extr => "extr",
            Op::Asr => "asr",
            Op::Shlhi => "shlhi",
            Op::Shrhi => "shrhi",
            _ => "asrh",
        };
        self.line(name, [self.field("m").to_string()])
    }

    fn mask_op(&self, name: &str) -> Line {
        let op = self.0.entry.op;
        let cache = self.flag("cache", "cache");
        if op == Op::IfFcmp && self.bits(8, 43) == 0 {
            return ("update_exec".into(), vec![cache]);
        }
        let condition = match op {
            Op::IfIcmp | Op::ElseIcmp | Op::WhileIcmp => {
                names::integer_condition(self.field("icond"))
            }
            _ => names::float_condition(self.field("fcond")),
        };
        self.line(name, [self.field("n").to_string(), cache, condition])
    }

    fn jump(&self, name: &str) -> Line {
        self.line(name, [(self.field("off") as u32 as i32).to_string()])
    }

    fn quad(&self) -> String {
        if self.field("simd") == 0 {
            "quad".into()
        } else {
            String::new()
        }
    }

    fn ballot(&self, op: Op) -> Line {
        let condition = match op {
            Op::IcmpBallot => {
                // Not equal to an immediate zero of both: all lanes.
                let all = self.bits(16, 25) == 1
                    && self.bits(28, 37) == 0
                    && self.bits(47, 48) == 3
                    && self.bits(49, 63) == 0;
                if all {
                    return ("ballot".into(), self.operands()[..1].to_vec());
                }
                names::integer_condition(self.field("icond"))
            }
            _ => names::float_condition(self.field("fcond")),
        };
        self.line("ballot", [self.quad(), condition])
    }

    /// Returns coefficients, interpolated or not.
    fn iterate(&self, name: &str, interpolated: bool) -> Line {
        let coefficient = |field: &str| format!("cf{}", self.field(field));
        let count = match self.field("count") {
            _ if !interpolated => 3,
            0 => 4,
            n => n,
        };
        let size = Size::word_if(self.field("size32") == 1);
        let from = match self.field("cfreg") {
            0 => coefficient("cf"),
            _ => register(File::General, self.field("cf"), Size::Half),
        };
        let mut parts = vec![
            registers(File::General, self.field("dst"), size, count),
            from,
        ];
        if self.0.entry.op == Op::Iterproj {
            parts.push(coefficient("cfw"));
        }
        let sample = self.field("smp");
        parts.push(match self.field("interp") {
            3 => register(File::General, sample, Size::Half),
            1 => sample.to_string(),
            _ => String::new(),
        });
        if interpolated {
            parts.extend([
                self.flag("fwd", "fwd"),
                self.flag("elide", "elide"),
                names::interpolation(self.field("interp")),
                self.flag("kill", "kill"),
            ]);
        }
        (name.into(), parts)
    }

    fn pixels(&self, name: &str) -> Line {
        let (i, j) = (self.field("i"), self.field("j"));
        self.line(name, [i.to_string(), j.to_string()])
    }

    fn map(&self, name: &str) -> Line {
        let (target, slot) = (self.field("target"), self.field("slot"));
        self.line(name, [target.to_string(), slot.to_string()])
    }
}
