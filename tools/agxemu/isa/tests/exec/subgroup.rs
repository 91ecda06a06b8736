// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ballots, shuffles, reductions and scans.

use agx_isa::exec::assemble::{dalu, float, half, imm, word, Builder};
use agx_isa::exec::Lanes;
use agx_isa::table::Op;

use super::support::{lanes, Bench};

/// Code with the lanes below 8 and those that are 5 modulo 7 switched off around `inst`.
fn partial(inst: Builder) -> (Vec<Builder>, u32) {
    let zero = Builder::new(Op::MovImm16).operands(&[dalu(0, false)]);
    let some = Builder::new(Op::IfIcmp)
        .operands(&[word(9), imm(1)])
        .field("n", 1);
    let pop = Builder::new(Op::PopExec).field("n", 1);
    let mask = (0..32)
        .filter(|lane| active(*lane) == 1)
        .fold(0, |mask, lane| mask | 1 << lane);
    (vec![zero, some, inst, pop], mask)
}

fn active(lane: u32) -> u32 {
    u32::from(lane >= 8 && lane % 7 != 5)
}

/// Runs with r2 as given; r1 holds 9 where nothing is written.
fn run(inst: Builder, value: impl Fn(u32) -> u32, index: impl Fn(u32) -> u32) -> (Lanes, u32) {
    let (code, mask) = partial(inst);
    let bench = Bench::new(&code)
        .set(1, |_| 9)
        .set(2, value)
        .set(3, index)
        .set(9, active);
    (*bench.done().get(1), mask)
}

fn masked(mask: u32, value: impl Fn(u32) -> u32) -> Lanes {
    lanes(|lane| {
        if mask >> lane & 1 == 1 {
            value(lane)
        } else {
            9
        }
    })
}

#[test]
fn ballots_count_active_lanes() {
    let ballot = |simd| {
        let inst = Builder::new(Op::IcmpBallot).operands(&[dalu(2, true), word(2), imm(16)]);
        inst.field("simd", simd).field("icond", 1)
    };
    let (seen, mask) = run(ballot(1), |lane| lane, |_| 0);
    assert_eq!(seen, masked(mask, |_| mask & 0xffff));
    let (seen, _) = run(ballot(0), |lane| lane, |_| 0);
    assert_eq!(
        seen,
        masked(mask, |lane| (mask & 0xffff) >> (lane & !3) & 15)
    );
    // Inverted, and of floats.
    let (seen, _) = run(ballot(1).field("icond", 8), |lane| lane, |_| 0);
    assert_eq!(seen, masked(mask, |_| mask & !0xffff));
    let inst = Builder::new(Op::FcmpBallot)
        .operands(&[
            dalu(2, true),
            float(4, 9, false, false),
            float(0x30, 0, false, false),
        ])
        .field("simd", 1)
        .field("fcond", 2);
    let (seen, _) = run(inst, |lane| (lane as f32 / 16.0).to_bits(), |_| 0);
    assert_eq!(seen, masked(mask, |_| mask & !0x1_ffff));
}

#[test]
fn shuffles_read_inactive_lanes() {
    let shuffle = |simd, op, index| {
        let inst = Builder::new(Op::Shuffle).operands(&[dalu(2, true), word(2), index]);
        inst.field("simd", simd).field("op", op)
    };
    let value = |lane: u32| lane * 3 + 100;
    // The same index everywhere: any lane's value.
    for at in [0, 5, 13, 31] {
        let (seen, mask) = run(shuffle(1, 0, half(6)), value, |_| 0xffff_0000 | at);
        assert_eq!(seen, masked(mask, |_| value(at)));
        let (seen, _) = run(shuffle(1, 0, imm(u64::from(at))), value, |_| 0);
        assert_eq!(seen, masked(mask, |_| value(at)));
    }
    // Beyond the group: the own value.
    let (seen, mask) = run(shuffle(1, 0, word(3)), value, |_| 40);
    assert_eq!(seen, masked(mask, value));
    // Different indices: each quad offers one value.
    let index = |lane: u32| lane ^ 5;
    let (seen, _) = run(shuffle(1, 0, word(3)), value, index);
    let offered =
        |quad: u32| value(quad * 4 + (0..4).fold(0, |all, n| all | index(quad * 4 + n) & 3));
    assert_eq!(seen, masked(mask, |lane| offered(index(lane) / 4)));
    // Inside quads.
    let (seen, _) = run(shuffle(0, 0, word(3)), value, |lane| lane / 3);
    assert_eq!(seen, masked(mask, |lane| value(lane & !3 | lane / 3 & 3)));
    for x in 1..4 {
        let (seen, _) = run(shuffle(0, 1, imm(u64::from(x))), value, |_| 0);
        assert_eq!(seen, masked(mask, |lane| value(lane ^ x)));
    }
}

#[test]
fn reductions_and_scans() {
    let reduce = |op: u64, simd, prefix, wide: bool| {
        let source = if wide { word(2) } else { half(4) };
        let inst = Builder::new(Op::Reduce).operands(&[dalu(2, wide), source]);
        inst.field("op", op)
            .field("simd", simd)
            .field("prefix", prefix)
    };
    type Combine = fn(u32, u32) -> u32;
    let cases: [(u64, u32, Combine); 8] = [
        (0, !0, |a, b| a & b),
        (2, 0, |a, b| a | b),
        (4, 0, |a, b| a ^ b),
        (16, 0, u32::wrapping_add),
        (20, 0x7fff_ffff, |a, b| (a as i32).min(b as i32) as u32),
        (22, 0x8000_0000, |a, b| (a as i32).max(b as i32) as u32),
        (28, !0, u32::min),
        (30, 0, u32::max),
    ];
    let value = |lane: u32| lane.wrapping_mul(0x9e37_79b9) ^ 0x55aa_0f0f;
    for (op, identity, combine) in cases {
        for (simd, size) in [(1, 32), (0, 4)] {
            let before = |lane: u32, end: u32| {
                let first = lane / size * size;
                (first..end)
                    .filter(|&l| active(l) == 1)
                    .fold(identity, |a, l| combine(a, value(l)))
            };
            let (seen, mask) = run(reduce(op, simd, 0, true), value, |_| 0);
            assert_eq!(
                seen,
                masked(mask, |lane| before(lane, lane / size * size + size)),
                "{op}"
            );
            let (seen, _) = run(reduce(op, simd, 1, true), value, |_| 0);
            assert_eq!(seen, masked(mask, |lane| before(lane, lane)), "{op} scan");
        }
    }
    // 16-bit: the sign is bit 15, the other half stays.
    let (seen, mask) = run(
        reduce(20, 1, 0, false),
        |lane| if lane == 20 { 0x8001 } else { 5 },
        |_| 0,
    );
    assert_eq!(seen, masked(mask, |_| 0x8001));
    let (seen, _) = run(reduce(22, 1, 1, false), |_| 0x8005, |_| 0);
    assert_eq!(seen[8], 0x8000);
    assert_eq!(seen[9], 0x8005);
    // Floats.
    let floats = |lane: u32| (lane as f32 * 0.5).to_bits();
    let (seen, _) = run(reduce(1, 1, 0, true), floats, |_| 0);
    let sum: f32 = (0..32)
        .filter(|&l| active(l) == 1)
        .map(|l| l as f32 * 0.5)
        .sum();
    assert_eq!(seen, masked(mask, |_| sum.to_bits()));
    let (seen, _) = run(reduce(3, 1, 1, true), floats, |_| 0);
    assert_eq!((seen[8], seen[9]), (1f32.to_bits(), 4f32.to_bits()));
    let (seen, _) = run(reduce(5, 1, 0, true), floats, |_| 0);
    assert_eq!(seen, masked(mask, |_| 4f32.to_bits()));
    let (seen, _) = run(reduce(7, 1, 0, false), |lane| 0x3c00 + lane, |_| 0);
    assert_eq!(seen, masked(mask, |_| 0x3c00 + 31));
}
