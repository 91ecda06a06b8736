// SPDX-License-Identifier: MIT OR Apache-2.0

//! Device, threadgroup and scratch memory: addresses, masks, formats, atomics.

use agx_isa::exec::assemble::{dalu, imm, index_imm, index_word, mem, uniform_base, word, Builder};
use agx_isa::exec::host::{bits, contiguous, AtomicOp};
use agx_isa::table::Op;

use super::support::{lanes, Bench, DATA};

const I8: u64 = 0;
const I16: u64 = 1;
const I32: u64 = 2;

fn device(op: Op, regs: u64, index: u64, fmt: u64) -> Builder {
    Builder::new(op)
        .operands(&[regs, uniform_base(0), index])
        .field("fmt", fmt)
}

fn local(op: Op, regs: u64, fmt: u64) -> Builder {
    // r2l is the base, the index 0.
    Builder::new(op)
        .operands(&[regs, 4, 1 << 16])
        .field("fmt", fmt)
}

/// Byte n of the data is n * 7 + 1.
fn pattern(mut bench: Bench) -> Bench {
    for (n, byte) in bench.data().iter_mut().enumerate() {
        *byte = (n * 7 + 1) as u8;
    }
    bench
}

fn value(at: u32, size: u32) -> u32 {
    (0..size).fold(0, |all, n| all | ((at + n) * 7 + 1 & 0xff) << (8 * n))
}

#[test]
fn loads_find_their_elements() {
    let run = |inst, index: fn(u32) -> u32| pattern(Bench::new(&[inst])).set(2, index).done();
    let linear = |lane| lane;
    let mixed = |lane| lane * 5 % 32;
    for (fmt, size) in [(I8, 1), (I16, 2), (I32, 4)] {
        for shift in 0..3 {
            for index in [linear, mixed] {
                let inst = device(Op::DeviceLoad, mem(8, true, 3), index_word(2, true), fmt);
                let bench = run(inst.field("shift", shift), index);
                let at = |lane| (index(lane) << shift) * size;
                assert_eq!(
                    *bench.get(4),
                    lanes(|lane| value(at(lane), size)),
                    "{fmt} {shift}"
                );
                assert_eq!(*bench.get(5), lanes(|lane| value(at(lane) + size, size)));
            }
        }
    }
    // Into halves, from r4h on; the other halves stay.
    let inst = device(Op::DeviceLoad, mem(9, false, 7), index_imm(3), I16);
    let bench = run(inst, linear);
    assert_eq!(bench.get(4)[0], value(6, 2) << 16);
    assert_eq!(bench.get(5)[9], value(8, 2) | value(10, 2) << 16);
    // Registers follow each other even where the mask has a gap.
    let inst = device(Op::DeviceLoad, mem(8, true, 0b1101), index_imm(0), I32);
    let bench = run(inst, linear);
    let got: Vec<u32> = (4..8).map(|r| bench.get(r)[17]).collect();
    assert_eq!(got, [value(0, 4), value(8, 4), value(12, 4), 0]);
    // Addresses are rounded down to whole elements.
    let mut odd = Bench::new(&[device(Op::DeviceLoad, mem(8, true, 1), index_imm(1), I32)]);
    odd.shared.uniforms[0] += 3;
    assert_eq!(pattern(odd).done().get(4)[0], value(4, 4));
}

#[test]
fn indices_are_extended_as_stated() {
    let run = |index, base: u64| {
        let inst = Builder::new(Op::DeviceLoad).operands(&[mem(8, true, 1), 12, index]);
        let bench = pattern(Bench::new(&[inst.field("fmt", I32)])).set(2, |_| 0xffff_fffe);
        bench
            .set(6, |_| base as u32)
            .set(7, |_| (base >> 32) as u32)
            .done()
            .get(4)[0]
    };
    assert_eq!(run(index_word(2, true), DATA + 16), value(8, 4));
    let far = (DATA + 16).wrapping_sub(0xffff_fffe * 4);
    assert_eq!(run(index_word(2, false), far), value(16, 4));
    assert_eq!(run(index_imm(-1), DATA + 16), value(12, 4));
    assert_eq!(
        run(index_imm(-1) | 1 << 17, DATA.wrapping_sub(0xffff * 4)),
        value(0, 4)
    );
}

#[test]
fn stores_write_active_lanes_only() {
    let store = device(Op::DeviceStore, mem(8, true, 1), index_word(2, true), I32);
    let zero = Builder::new(Op::MovImm16).operands(&[dalu(0, false)]);
    let odd = Builder::new(Op::IfIcmp)
        .operands(&[word(3), imm(1)])
        .field("n", 1);
    let bench = Bench::new(&[zero, odd, store, Builder::new(Op::PopExec).field("n", 1)]);
    let bench = bench
        .set(2, |lane| lane)
        .set(3, |lane| lane & 1)
        .set(4, |lane| lane + 100);
    let mut bench = bench.done();
    for lane in 0..32 {
        let expect = if lane & 1 == 1 { lane + 100 } else { 0 };
        assert_eq!(bench.word(lane as usize * 4), expect);
    }
    // Narrow elements are cut off, and one lane's bytes follow another's.
    let store = device(Op::DeviceStore, mem(8, true, 3), index_word(2, true), I8).field("shift", 1);
    let bench = Bench::new(&[store])
        .set(2, |lane| lane)
        .set(4, |lane| 0x1100 + lane);
    let mut bench = bench.set(5, |lane| 0x2280 + lane).done();
    assert_eq!(bench.data()[..6], [0, 0x80, 1, 0x81, 2, 0x82]);
    assert_eq!(bench.data()[62..66], [31, 0x9f, 0, 0]);
    // Where lanes meet, the highest wins.
    let store = device(Op::DeviceStore, mem(8, true, 1), index_imm(2), I32);
    let mut bench = Bench::new(&[store]).set(4, |lane| lane).done();
    assert_eq!(bench.word(8), 31);
}

#[test]
fn formats_convert_both_ways() {
    // Format, wide registers, bytes of one element (or word), channel values as floats.
    let f = f32::to_bits;
    let cases: [(u64, u32, u32, Vec<f32>); 12] = [
        (3, 2, 0x3e00, vec![1.5]),
        (4, 1, 0x33, vec![0.2]),
        (5, 1, 0x81, vec![-1.0]),
        (5, 1, 0x7f, vec![1.0]),
        (6, 2, 0xffff, vec![1.0]),
        (7, 2, 0x8001, vec![-1.0]),
        (8, 4, 0x4000_03ff, vec![1.0, 0.0, 0.0, 1.0 / 3.0]),
        (10, 1, 0xff, vec![1.0]),
        (
            12,
            4,
            0x3c0 | 0x400 << 11 | 0x1c0 << 22,
            vec![1.0, 2.0, 0.5],
        ),
        (
            14,
            4,
            0x3c0 | 0x400 << 11 | 0x1c0 << 22,
            vec![1.0, 2.0, 0.5],
        ),
        (
            13,
            4,
            0x100 | 0x080 << 9 | 0x1ff << 18 | 16 << 27,
            vec![1.0, 0.5, 511.0 / 256.0],
        ),
        (
            15,
            4,
            0x100 | 0x080 << 9 | 0x1ff << 18 | 16 << 27,
            vec![1.0, 0.5, 511.0 / 256.0],
        ),
    ];
    for (fmt, size, raw, values) in cases {
        let mask = (1 << values.len()) - 1;
        let load = device(Op::DeviceLoad, mem(8, true, mask), index_imm(0), fmt);
        let store = device(Op::DeviceStore, mem(8, true, mask), index_imm(16), fmt);
        let mut bench = Bench::new(&[load, store]);
        bench.data()[..4].copy_from_slice(&raw.to_le_bytes());
        let mut bench = bench.done();
        for (n, value) in values.iter().enumerate() {
            assert_eq!(bench.get(4 + n)[11], f(*value), "format {fmt} channel {n}");
        }
        let back = bench.word(16 * size as usize);
        assert_eq!(back, raw, "format {fmt}");
    }
    // Half registers get half floats.
    let load = device(Op::DeviceLoad, mem(8, false, 1), index_imm(0), 4);
    let mut bench = Bench::new(&[load]);
    bench.data()[0] = 255;
    assert_eq!(bench.done().get(4)[0], 0x3c00);
}

#[test]
fn rounding_in_formats() {
    let store = |fmt, value: f32| {
        let inst = device(Op::DeviceStore, mem(8, true, 1), index_imm(0), fmt);
        Bench::new(&[inst])
            .set(4, |_| value.to_bits())
            .done()
            .word(0)
    };
    assert_eq!(store(4, 2.0), 255);
    assert_eq!(store(4, f32::NAN), 0);
    // 127.5 and 63.5 are ties.
    assert_eq!(store(4, 0.5), 128);
    assert_eq!(store(5, 0.5), 64);
    assert_eq!(store(5, -2.0), 0x81);
    assert_eq!(store(3, 65520.0), 0x7c00);
    assert_eq!(store(3, 65519.0), 0x7bff);
    // 6 bits of mantissa: 1 + 3/128 is between 1/64 and 2/64, even is 2/64.
    let red = 1.0 + 3.0 / 128.0;
    assert_eq!(store(12, red) & 0x7ff, 0x3c2);
    assert_eq!(store(14, red) & 0x7ff, 0x3c1);
    assert_eq!(store(12, 1e9) & 0x7ff, 0x7c0);
    assert_eq!(store(14, 1e9) & 0x7ff, 0x7bf);
    assert_eq!(store(12, -1.0) & 0x7ff, 0);
    // The shared exponent goes up when rounding fills the mantissa.
    assert_eq!(store(13, 1.9999), 0x100 | 17 << 27);
    assert_eq!(store(15, 1.9999), 0x1ff | 16 << 27);
    assert_eq!(store(13, 1e9), 0x1ff | 31 << 27);
    assert_eq!(store(10, 0.5), 188);
}

#[test]
fn threadgroup_memory_is_shared_and_addressed_in_bytes() {
    let store = local(Op::LocalStore, mem(8, true, 3), I32);
    let load = local(Op::LocalLoad, mem(20, true, 1), I16);
    let bench = Bench::new(&[store, load]).set(2, |lane| 1016 - lane * 8);
    let bench = bench
        .set(4, |lane| lane * 0x10001)
        .set(5, |_| 0xffff_ffff)
        .done();
    assert_eq!(bench.local[1016..], [0, 0, 0, 0, 255, 255, 255, 255]);
    assert_eq!(bench.local[768..772], [31, 0, 31, 0]);
    assert_eq!(*bench.get(10), lanes(|lane| lane));
    // The index counts elements.
    let indexed = Builder::new(Op::LocalLoad).operands(&[mem(20, true, 1), 2 << 8, 3 | 1 << 16]);
    let mut bench = Bench::new(&[indexed.field("fmt", I32)]);
    bench.local[12] = 9;
    assert_eq!(bench.done().get(10)[5], 9);
}

#[test]
fn scratch_memory_is_private() {
    let stack = |op, regs, index, fmt| Builder::new(op).operands(&[regs, index]).field("fmt", fmt);
    let code = [
        Builder::new(Op::StackAdjust).operands(&[index_imm(16)]),
        stack(Op::StackStore, mem(8, true, 3), index_imm(8), I32),
        stack(Op::StackStore, mem(8, false, 1), index_imm(21), I8),
        stack(Op::StackLoad, mem(20, true, 1), index_word(2, true), I32),
        stack(Op::StackLoad, mem(24, true, 1), index_imm(20), I16),
    ];
    let bench = Bench::new(&code).set(2, |lane| 8 + lane % 2 * 4);
    let bench = bench
        .set(4, |lane| lane + 1000)
        .set(5, |lane| lane + 2000)
        .done();
    let expect = lanes(|lane| {
        if lane % 2 == 0 {
            lane + 1000
        } else {
            lane + 2000
        }
    });
    assert_eq!(*bench.get(10), expect);
    assert_eq!(*bench.get(12), lanes(|lane| (lane + 1000 & 0xff) << 8));
}

#[test]
fn atomics_return_the_old_value() {
    for (code, op) in [
        AtomicOp::Add,
        AtomicOp::Sub,
        AtomicOp::Exchange,
        AtomicOp::CompareExchange,
        AtomicOp::UnsignedMin,
        AtomicOp::SignedMin,
        AtomicOp::UnsignedMax,
        AtomicOp::SignedMax,
        AtomicOp::And,
        AtomicOp::Or,
        AtomicOp::Xor,
    ]
    .into_iter()
    .enumerate()
    {
        let fields = |inst: Builder| {
            inst.field("op", code as u64)
                .field("dst", 20)
                .field("dstvalid", 1)
                .field("src", 8)
        };
        let device = fields(Builder::new(Op::Atomic).operands(&[uniform_base(0), index_imm(3)]));
        let on_chip = fields(Builder::new(Op::LocalAtomic).operands(&[2 << 8, 3 | 1 << 16]));
        let start = 0x8000_0010_u32;
        let operand = |lane: u32| lane.wrapping_mul(0x1357_9bdf);
        let compare = |lane: u32| {
            if lane == 0 {
                start
            } else {
                operand(lane - 1) ^ lane / 9
            }
        };
        let mut memory = start;
        let old = lanes(|_| 0);
        let old: Vec<u32> = (0..old.len() as u32)
            .map(|lane| {
                let old = memory;
                let signed = |f: fn(i32, i32) -> i32| f(old as i32, operand(lane) as i32) as u32;
                memory = match code {
                    0 => old.wrapping_add(operand(lane)),
                    1 => old.wrapping_sub(operand(lane)),
                    2 => operand(lane),
                    3 if old == compare(lane) => operand(lane),
                    3 => old,
                    4 => old.min(operand(lane)),
                    5 => signed(i32::min),
                    6 => old.max(operand(lane)),
                    7 => signed(i32::max),
                    8 => old & operand(lane),
                    9 => old | operand(lane),
                    _ => old ^ operand(lane),
                };
                old
            })
            .collect();
        let run = |inst| {
            let mut bench = Bench::new(&[inst]).set(4, operand).set(5, compare);
            bench.data()[12..16].copy_from_slice(&start.to_le_bytes());
            bench.local[12..16].copy_from_slice(&start.to_le_bytes());
            bench.done()
        };
        let mut bench = run(device);
        assert_eq!(bench.get(10)[..], old[..], "{op:?}");
        assert_eq!(bench.word(12), memory, "{op:?}");
        let mut bench = run(on_chip.field("size32", 1));
        assert_eq!(bench.get(10)[..], old[..], "{op:?}");
        assert_eq!(bench.local[12..16], memory.to_le_bytes());
        assert_eq!(bench.word(12), start);
    }
}

#[test]
fn state_registers_come_from_memory() {
    let state = |op, number, off, immediate| {
        let inst =
            Builder::new(op).field(if op == Op::TexStateStore { "ts" } else { "ss" }, number);
        inst.field("off", off).field("immoff", immediate)
    };
    let code = [
        state(Op::TexStateStore, 5, 24, 1),
        state(Op::SamplerStateStore, 2, 4, 0),
    ];
    let mut bench = pattern(Bench::sized(&code, [1, 1, 1])).set(2, |_| 64);
    let mut budget = 10;
    let stop = bench.group.run_preamble(
        &mut bench.host,
        &mut bench.shared,
        &bench.dispatch,
        &mut bench.cache,
        &mut budget,
    );
    assert_eq!(stop, agx_isa::exec::Stop::Done);
    let texture = bench.shared.textures[5].expect("a texture");
    assert_eq!(texture[..], bench.data()[24..48]);
    let sampler = bench.shared.samplers[2].expect("a sampler");
    assert_eq!(sampler.bytes[..8], bench.data()[64..72]);
    assert!(!sampler.extended && sampler.bytes[8..] == [0; 16]);
}

#[test]
fn ranges_of_lanes_are_seen() {
    let at = |f: fn(usize) -> u64| std::array::from_fn(f);
    let linear = at(|lane| 100 + lane as u64 * 4);
    assert_eq!(contiguous(&linear, !0, 4), Some((0, 32)));
    assert_eq!(contiguous(&linear, 0x00ff_f000, 4), Some((12, 24)));
    assert_eq!(contiguous(&linear, 1 << 31, 4), Some((31, 32)));
    assert_eq!(contiguous(&linear, 0x00ff_f001, 4), None);
    assert_eq!(contiguous(&linear, !0, 8), None);
    assert_eq!(contiguous(&linear, 0, 4), None);
    assert_eq!(
        contiguous(&at(|lane| (lane as u64 * 8).wrapping_sub(16)), !0, 8),
        None
    );
    assert_eq!(bits(0x8000_0005).collect::<Vec<_>>(), [0, 2, 31]);
}
