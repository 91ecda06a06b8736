// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is not carried out: unknown bytes, forms without a known meaning, accesses that fail.

use agx_isa::exec::assemble::{
    alu, dalu, dalu64, imm, index_imm, index_word, mem, mul, uniform_base, word, Builder,
};
use agx_isa::exec::{Cache, Fault, FaultKind, Stop};
use agx_isa::table::Op;

use super::support::{Bench, CODE, DATA};

fn unsupported(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Unsupported(_))
}

#[test]
fn unknown_bytes_are_named() {
    let mut bench = Bench::new(&[]);
    bench.host.memory[..4].copy_from_slice(&[0x6f, 0, 0, 0x08]);
    let fault = bench.fault();
    assert_eq!((fault.pc, &fault.kind), (CODE, &FaultKind::Unknown));
    assert_eq!(fault.bytes[..4], [0x6f, 0, 0, 0x08]);
    let text = fault.to_string();
    assert!(
        text.starts_with("unknown instruction at 0x1000: 6f000008"),
        "{text}"
    );
}

#[test]
fn a_fault_is_final_until_reset() {
    let mut bench = Bench::new(&[Builder::new(Op::Trap)]);
    let first = bench.run();
    assert!(matches!(&first, Stop::Fault(fault) if fault.kind == FaultKind::Trap));
    assert_eq!(bench.run(), first);
    bench.group.reset(CODE + 2, &bench.dispatch, 0);
    assert_eq!(bench.run(), Stop::Done);
    assert_eq!(bench.run(), Stop::Done);
}

#[test]
fn code_may_be_missing_or_cut() {
    let mut bench = Bench::new(&[]);
    bench.group.reset(0x10, &bench.dispatch, 0);
    assert!(matches!(bench.fault().kind, FaultKind::Fetch(fault) if fault.va == 0x10));
    let mut bench = Bench::new(&[]);
    let end = bench.host.memory.len();
    bench.host.memory[end - 2..].copy_from_slice(&[0x62, 0x01]);
    bench.group.reset(CODE + end as u64 - 2, &bench.dispatch, 0);
    assert_eq!(bench.fault().kind, FaultKind::Truncated);
    let mut bench = Bench::new(&[]);
    bench.group.reset(CODE + 1, &bench.dispatch, 0);
    assert!(unsupported(&bench.fault()));
}

#[test]
fn forms_without_a_known_meaning_are_refused() {
    let bitop = |a, b| Builder::new(Op::Bitop).operands(&[dalu(2, true), a, b]);
    let convert = Builder::new(Op::Convert).operands(&[dalu(2, true), word(2)]);
    let sum = Builder::new(Op::Iadd);
    let load = |mem, fmt| {
        let operands = [mem, uniform_base(0), index_imm(0)];
        Builder::new(Op::DeviceLoad)
            .operands(&operands)
            .field("fmt", fmt)
    };
    let shuffle = Builder::new(Op::Shuffle).operands(&[dalu(2, true), word(2), imm(0)]);
    let branch = Builder::new(Op::IfIcmp).operands(&[word(2), imm(0)]);
    let wide = mul(4, 9, false);
    for (what, inst) in [
        ("register type", bitop(alu(4, 8), imm(0))),
        ("pair as source", bitop(alu(4, 12), imm(0))),
        ("odd register", bitop(alu(5, 9), imm(0))),
        ("odd uniform", bitop(alu(5, 6), imm(0))),
        (
            "odd destination",
            Builder::new(Op::Popcount).operands(&[dalu(3, true), imm(0)]),
        ),
        ("rounding mode", convert.field("mode", 8).field("round", 2)),
        ("conversion", convert.field("mode", 3)),
        (
            "pair beyond the end",
            sum.operands(&[dalu64(254, 2), wide, wide]),
        ),
        (
            "saturated shift",
            sum.operands(&[dalu64(2, 1), wide, wide])
                .field("sat", 1)
                .field("shift", 1),
        ),
        ("format", load(mem(4, true, 1), 9)),
        ("32 bits into 16", load(mem(4, false, 1), 2)),
        ("no channels", load(mem(4, true, 0), 2)),
        ("beyond the end", load(mem(250, true, 15), 2)),
        ("rotation", shuffle.field("rotate", 1)),
        ("relative shuffle", shuffle.field("op", 2)),
        ("integer condition", branch.field("icond", 3)),
        (
            "float function",
            Builder::new(Op::Funop)
                .operands(&[dalu(2, true)])
                .field("op", 2),
        ),
        (
            "pixel position",
            Builder::new(Op::StTile).operands(&[mem(0, true, 1)]),
        ),
        ("helper", Builder::new(Op::Doorbell)),
        (
            "special register",
            Builder::new(Op::GetSr)
                .operands(&[dalu(2, true)])
                .field("sr", 99),
        ),
        (
            "local atomic of 16 bits",
            Builder::new(Op::LocalAtomic).field("dstvalid", 1),
        ),
        ("atomic", Builder::new(Op::Atomic).field("op", 11)),
    ] {
        let fault = Bench::new(&[inst]).fault();
        assert!(unsupported(&fault), "{what}: {fault}");
        assert_eq!((fault.pc, fault.bytes), (CODE, inst.bytes()), "{what}");
    }
}

#[test]
fn bits_without_a_meaning_must_be_zero() {
    let mut bench = Bench::new(&[Builder::new(Op::ThreadgroupBarrier)]);
    bench.host.memory[1] |= 0x40;
    let fault = bench.fault();
    assert!(unsupported(&fault), "{fault}");
    assert!(fault.to_string().contains("bit 14 is set"), "{fault}");
}

#[test]
fn faults_print_the_instruction() {
    let sum = Builder::new(Op::Imad).operands(&[dalu64(2, 1), mul(7, 0, false)]);
    let fault = Bench::new(&[sum.field("sat", 1).field("shift", 1)]).fault();
    assert_eq!(
        fault.to_string(),
        "unsupported instruction (saturation with a shift or 64 bits) at 0x1000: \
         5e05070080000000 imadd    r1, 7, 0, 0, lsl 1, sat"
    );
}

#[test]
fn accesses_that_fail_name_lane_and_address() {
    let operands = [mem(4, true, 1), uniform_base(0), index_word(2, true)];
    for (op, write) in [(Op::DeviceLoad, false), (Op::DeviceStore, true)] {
        let inst = Builder::new(op).operands(&operands).field("fmt", 2);
        // Lanes from 9 on are far below the mapped memory.
        let far = |lane: u32| {
            if lane < 9 {
                lane
            } else {
                0u32.wrapping_sub(0x4000) + lane
            }
        };
        let fault = Bench::new(&[inst]).set(2, far).fault();
        let FaultKind::Memory(access) = fault.kind else {
            panic!("{fault}")
        };
        let va = DATA.wrapping_add_signed((i64::from(far(9) as i32)) * 4);
        assert_eq!(
            (access.lane, access.fault.va, access.fault.write),
            (9, va, write)
        );
        assert_eq!(access.fault.code, 7);
    }
    let inst = Builder::new(Op::LocalLoad)
        .operands(&[mem(4, true, 1), 4, 1 << 16])
        .field("fmt", 2);
    let fault = Bench::new(&[inst]).set(2, |lane| lane * 33).fault();
    // 1024 bytes: 31 * 33 + 4 is the first end beyond.
    assert_eq!(
        fault.kind,
        FaultKind::Local {
            lane: 31,
            address: 1023
        }
    );
    let inst = Builder::new(Op::StackStore).operands(&[mem(4, true, 1), index_imm(16)]);
    let grow = Builder::new(Op::StackAdjust).operands(&[index_imm(4)]);
    let fault = Bench::new(&[grow, inst.field("fmt", 2)]).fault();
    assert_eq!(
        fault.kind,
        FaultKind::Scratch {
            lane: 0,
            address: 16
        }
    );
}

#[test]
fn only_a_preamble_writes_uniforms() {
    let store = Builder::new(Op::UniformStore)
        .operands(&[mem(4, false, 15), index_imm(300)])
        .field("fmt", 1);
    assert!(unsupported(&Bench::new(&[store]).fault()));
    let mut bench = Bench::sized(&[store], [1, 1, 1])
        .set(2, |_| 0x2222_1111)
        .set(3, |_| 0x4444_3333);
    let mut budget = 10;
    let stop = bench.group.run_preamble(
        &mut bench.host,
        &mut bench.shared,
        &bench.dispatch,
        &mut Cache::new(),
        &mut budget,
    );
    assert_eq!((stop, budget), (Stop::Done, 8));
    assert_eq!(
        bench.shared.uniforms[300..304],
        [0x1111, 0x2222, 0x3333, 0x4444]
    );
}
