// SPDX-License-Identifier: MIT OR Apache-2.0

//! How many lane-instructions per second the interpreter carries out, per class of instruction.
//!
//! Each class is an endless loop of the same instructions, run with all 32 lanes until its budget is
//! used up; the loop's jump is counted too. Memory is flat. The second column is what a CPU without
//! AVX2 would do.

use std::time::Instant;

use agx_isa::exec::assemble as asm;
use agx_isa::exec::assemble::Builder;
use agx_isa::exec::host::{
    AtomicOp, BlockWrite, HostFault, ImageWrite, TextureRequest, TextureResult,
};
use agx_isa::exec::{
    prefer_baseline, Cache, Dispatch, Group, Host, MemoryFault, Shared, Stop, LANES,
};
use agx_isa::table::Op;

const CODE: u64 = 0x1_0000;
const DATA: u64 = 0x2_0000;

struct Flat(Vec<u8>);

impl Flat {
    fn range(
        &self,
        va: u64,
        len: usize,
        write: bool,
    ) -> Result<std::ops::Range<usize>, MemoryFault> {
        let start = va as usize;
        match start.checked_add(len) {
            Some(end) if end <= self.0.len() => Ok(start..end),
            _ => Err(MemoryFault { va, write, code: 0 }),
        }
    }
}

impl Host for Flat {
    fn load(&mut self, va: u64, out: &mut [u8]) -> Result<(), MemoryFault> {
        let range = self.range(va, out.len(), false)?;
        out.copy_from_slice(&self.0[range]);
        Ok(())
    }

    fn store(&mut self, va: u64, data: &[u8]) -> Result<(), MemoryFault> {
        let range = self.range(va, data.len(), true)?;
        self.0[range].copy_from_slice(data);
        Ok(())
    }

    fn fetch(&mut self, va: u64, out: &mut [u8]) -> Result<usize, MemoryFault> {
        self.load(va, out)?;
        Ok(out.len())
    }

    fn atomic(
        &mut self,
        va: u64,
        _: u8,
        op: AtomicOp,
        operand: u64,
        compare: u64,
    ) -> Result<u64, MemoryFault> {
        let mut bytes = [0; 4];
        self.load(va, &mut bytes)?;
        let old = u32::from_le_bytes(bytes);
        self.store(
            va,
            &op.apply(old, operand as u32, compare as u32).to_le_bytes(),
        )?;
        Ok(old.into())
    }

    fn texture(&mut self, _: &TextureRequest, _: &mut TextureResult) -> Result<(), HostFault> {
        Err(HostFault::Unsupported("textures".into()))
    }

    fn image_write(&mut self, _: &ImageWrite) -> Result<(), HostFault> {
        Err(HostFault::Unsupported("images".into()))
    }

    fn block_write(&mut self, _: &BlockWrite, _: &Dispatch, _: &[u8]) -> Result<(), HostFault> {
        Err(HostFault::Unsupported("images".into()))
    }
}

/// 32-bit register as float source.
fn f(number: u64) -> u64 {
    asm::float(number * 2, 9, false, false)
}

fn h(number: u64) -> u64 {
    asm::half_float(number, 1, false, false)
}

/// The same instruction with different registers.
fn varied(build: impl Fn(u64, u64, u64) -> Builder) -> Vec<u8> {
    (0..24)
        .flat_map(|n| build(8 + n % 8, 16 + n % 7, 24 + n % 5).bytes())
        .collect()
}

fn classes() -> Vec<(&'static str, bool, Vec<u8>)> {
    let b = Builder::new;
    let d = |n: u64| asm::dalu(n * 2, true);
    let m = |n: u64| asm::mul(n * 2, 9, false);
    let c = |n: u64| asm::cmpsel(n * 2, 1, true);
    let buffer = asm::uniform_base(0);
    let lane = |signed| asm::index_word(4, signed);
    let access = |op, mask, shift| {
        varied(move |n, _, _| {
            b(op)
                .operands(&[asm::mem(n * 8, true, mask), buffer, lane(false)])
                .field("fmt", 2)
                .field("shift", shift)
        })
    };
    vec![
        (
            "iadd",
            true,
            varied(|x, y, z| b(Op::Iadd).operands(&[asm::dalu64(x * 2, 1), m(y), m(z)])),
        ),
        (
            "imad",
            true,
            varied(|x, y, z| b(Op::Imad).operands(&[asm::dalu64(x * 2, 1), m(y), m(z), m(x)])),
        ),
        (
            "iadd 64",
            true,
            varied(|x, y, z| {
                b(Op::Iadd).operands(&[asm::dalu64(x * 2, 2), asm::mul(y * 2, 13, false), m(z)])
            }),
        ),
        (
            "bitop",
            true,
            varied(|x, y, z| {
                b(Op::Bitop)
                    .operands(&[d(x), asm::word(y), asm::word(z)])
                    .field("tt", 6)
            }),
        ),
        (
            "shift",
            true,
            varied(|x, y, z| b(Op::Bfi).operands(&[d(x), asm::imm(0), asm::word(y), asm::word(z)])),
        ),
        (
            "icmpsel",
            true,
            varied(|x, y, z| {
                b(Op::Icmpsel)
                    .operands(&[d(x), asm::word(y), asm::word(z), c(y), c(z)])
                    .field("icond", 1)
            }),
        ),
        (
            "fadd",
            true,
            varied(|x, y, z| b(Op::Fadd).operands(&[d(x), f(y), f(z)])),
        ),
        (
            "ffma",
            true,
            varied(|x, y, z| b(Op::Ffma).operands(&[d(x), f(y), f(z), f(x)])),
        ),
        (
            "ffma, uniform",
            true,
            varied(|x, y, _| {
                b(Op::Ffma).operands(&[d(x), f(y), asm::float(4, 6, false, false), f(x)])
            }),
        ),
        (
            "hfma",
            true,
            varied(|x, y, z| b(Op::Hfma).operands(&[asm::dalu(x, false), h(y), h(z), h(x)])),
        ),
        (
            "convert",
            true,
            varied(|x, y, _| {
                b(Op::Convert)
                    .operands(&[d(x), asm::word(y)])
                    .field("mode", 10)
                    .field("round", 1)
            }),
        ),
        (
            "rcp",
            true,
            varied(|x, y, _| b(Op::Funop).operands(&[d(x), f(y)]).field("op", 8)),
        ),
        (
            "log2",
            true,
            varied(|x, y, _| b(Op::Funop).operands(&[d(x), f(y)]).field("op", 12)),
        ),
        (
            "exp2",
            true,
            varied(|x, y, _| b(Op::Funop).operands(&[d(x), f(y)]).field("op", 13)),
        ),
        (
            "if/pop",
            true,
            (0..12)
                .flat_map(|_| {
                    let mut code = b(Op::IfIcmp)
                        .operands(&[asm::word(9), asm::word(10)])
                        .field("n", 1)
                        .field("icond", 1)
                        .bytes();
                    code.extend(b(Op::PopExec).field("n", 1).bytes());
                    code
                })
                .collect(),
        ),
        ("load 32", false, access(Op::DeviceLoad, 1, 0)),
        ("load 4x32", false, access(Op::DeviceLoad, 15, 2)),
        ("store 32", false, access(Op::DeviceStore, 1, 0)),
        ("store 4x32", false, access(Op::DeviceStore, 15, 2)),
        ("load 32, scattered", false, access(Op::DeviceLoad, 1, 1)),
        ("store 32, scattered", false, access(Op::DeviceStore, 1, 1)),
        (
            "local load",
            false,
            varied(|x, _, _| {
                b(Op::LocalLoad)
                    .operands(&[asm::mem(x * 2, true, 1), 10, 1 << 16])
                    .field("fmt", 2)
            }),
        ),
    ]
}

/// Millions of lane-instructions per second, the best of five runs.
fn rate(name: &str, code: &[u8]) -> f64 {
    let mut host = Flat(vec![0; 0x4_0000]);
    host.0[CODE as usize..][..code.len()].copy_from_slice(code);
    let mut shared = Shared::default();
    shared.uniforms[0] = DATA as u16;
    shared.uniforms[1] = (DATA >> 16) as u16;
    shared.uniforms[5] = 0x3f80;
    let size = [LANES as u32, 1, 1];
    let dispatch = Dispatch {
        nominal: size,
        size,
        ..Dispatch::default()
    };
    let mut group = Group::new(CODE, &dispatch, 0);
    for lane in 0..LANES {
        group.register_mut(4)[lane] = lane as u32;
        group.register_mut(5)[lane] = lane as u32 * 4;
        for register in 16..32 {
            let value = 1.0 + lane as f32 / (register as f32);
            group.register_mut(register)[lane] = value.to_bits();
        }
    }
    let mut cache = Cache::new();
    let mut local = vec![0; 4096];
    let mut best = 0.0f64;
    for _ in 0..5 {
        let count = 400_000;
        let mut budget = count;
        let start = Instant::now();
        let stop = group.run(
            &mut host,
            &shared,
            &dispatch,
            &mut local,
            &mut cache,
            &mut budget,
        );
        assert_eq!(stop, Stop::Budget, "{name}");
        let rate = (count * LANES as u64) as f64 / start.elapsed().as_secs_f64();
        best = best.max(rate / 1e6);
    }
    best
}

fn main() {
    println!("M lane-instructions/s");
    println!("{:<22} {:>10} {:>10}", "class", "this CPU", "baseline");
    let mut low = [f64::INFINITY; 2];
    for (name, arithmetic, mut code) in classes() {
        let off = -(code.len() as i32);
        let back = Builder::new(Op::JmpExecAny).field("off", u64::from(off as u32));
        code.extend(back.bytes());
        let best = rate(name, &code);
        prefer_baseline(true);
        let base = rate(name, &code);
        prefer_baseline(false);
        println!("{name:<22} {best:>10.0} {base:>10.0}");
        let kind = usize::from(!arithmetic);
        low[kind] = low[kind].min(best);
    }
    let [arithmetic, memory] = low;
    println!("slowest arithmetic {arithmetic:.0}, slowest memory {memory:.0}");
}
