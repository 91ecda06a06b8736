// SPDX-License-Identifier: MIT OR Apache-2.0

//! Depth, stencil and occlusion: tests and counters.

use super::support::{
    constant, frame, multisampled, paint, rect, test_and_paint, Bench, DATA, DEPTH, STENCIL,
};
use crate::cdm::End;
use crate::fault::Unit;
use agx_isa::exec::assemble::Builder;
use agx_isa::table::Op;

const RED: [u8; 4] = [255, 0, 0, 255];
pub(super) const GREEN: [u8; 4] = [0, 255, 0, 255];

/// Both ways to test: before the shader and by it.
fn both(colour: [u8; 4]) -> [(Vec<Builder>, bool); 2] {
    [(paint(colour), true), (test_and_paint(colour), false)]
}

#[test]
fn depth_functions() {
    for (function, passing) in [
        (0, [false, false, false]),
        (1, [true, false, false]),
        (2, [false, true, false]),
        (3, [true, true, false]),
        (4, [false, false, true]),
        (5, [true, false, true]),
        (6, [false, true, true]),
        (7, [true, true, true]),
    ] {
        for (code, early) in both(GREEN) {
            let mut bench = Bench::new(frame(32, 32));
            bench.job.background_depth = 0.5f32.to_bits();
            let draw = bench.draw(&code, early);
            bench.depth_test(draw, function);
            // One column each below, at and above what is there; then the same depths once more
            // against what they have left.
            for (n, z) in [0.25, 0.5, 0.75].into_iter().enumerate() {
                let x = 4 * n as u32;
                bench.patch(draw, rect(x, 0, x + 4, 8), z);
            }
            let again = bench.draw(&paint(RED), true);
            bench.depth_test(again, 2);
            for (n, z) in [0.25, 0.5, 0.75].into_iter().enumerate() {
                let x = 4 * n as u32;
                bench.patch(again, rect(x, 4, x + 4, 8), z);
            }
            bench.run();
            for (n, passes) in passing.into_iter().enumerate() {
                let x = 4 * n as u32 + 1;
                let colour = if passes { GREEN } else { [0; 4] };
                assert_eq!(bench.pixel(x, 1), colour, "{function} {n} {early}");
                let equal = passes || n == 1;
                let colour = if equal { RED } else { [0; 4] };
                assert_eq!(bench.pixel(x, 5), colour, "{function} {n} {early}");
            }
        }
    }
}

#[test]
fn both_depth_functions_hold_and_either_word_lets_write() {
    let mut bench = Bench::new(frame(32, 32));
    bench.job.background_depth = 0.5f32.to_bits();
    bench.keep_depth();
    bench.job.zls.control = 1 << 19;
    let draw = bench.draw(&paint(GREEN), true);
    // Less in the first word, greater or equal in the second: none can be both.
    bench.state(draw).face = [1 << 24 | 1 << 21; 2];
    bench.state(draw).face2 = [6 << 24; 2];
    bench.patch(draw, rect(0, 0, 8, 8), 0.25);
    // Always in the second, which lets write as well.
    let other = bench.draw(&paint(RED), true);
    bench.state(other).face = [1 << 24 | 1 << 21; 2];
    bench.state(other).face2 = [7 << 24; 2];
    bench.patch(other, rect(8, 0, 16, 8), 0.25);
    bench.run();
    assert_eq!((bench.pixel(1, 1), bench.pixel(9, 1)), ([0; 4], RED));
    let depth = bench.depth_and_stencil().0;
    let texel = |n: usize| f32::from_le_bytes(depth[4 * n..4 * n + 4].try_into().expect("four"));
    // Texel (8, 0) has number 64 in Morton order.
    assert_eq!((texel(0), texel(64)), (0.5, 0.25));
}

#[test]
fn depth_changes_over_a_primitive_and_is_limited() {
    let mut bench = Bench::new(frame(64, 32));
    bench.keep_depth();
    let draw = bench.draw(&paint(GREEN), true);
    bench.depth_test(draw, 7);
    bench.scissor(0, rect(0, 0, 64, 32), [0.1, 0.4]);
    let patch = bench.patch(draw, rect(0, 0, 64, 32), 0.0);
    patch.depth = [1.0 / 128.0, 0.0, 0.0];
    bench.run();
    let depth = |x: u32| {
        // Of row 0: the bits of x on even places.
        let morton = (0..6).fold(0, |all, bit| all | (x >> bit & 1) << (2 * bit));
        let bytes = bench.memory.get(DEPTH + u64::from(morton) * 4, 4);
        f32::from_le_bytes(bytes.try_into().expect("four"))
    };
    assert_eq!((depth(0), depth(63)), (0.1, 0.4));
    assert_eq!(depth(33), 33.5 / 128.0);
}

#[test]
fn a_bias_moves_triangles() {
    let record = [3.0f32, 2.0, 0.0];
    let bytes: Vec<u8> = record.iter().flat_map(|v| v.to_le_bytes()).collect();
    let depth = |object: u32, int: bool, limit: f32| {
        let mut bench = Bench::new(frame(32, 32));
        bench.keep_depth();
        bench.memory.put(DATA + 0x4000 + 5 * 12, &bytes);
        bench
            .memory
            .put(DATA + 0x4000 + 5 * 12 + 8, &limit.to_le_bytes());
        bench.job.depth_bias_is_int = int;
        let draw = bench.draw(&paint(GREEN), true);
        bench.depth_test(draw, 7);
        let state = bench.state(draw);
        state.fragment_control[0] |= 1 << 17;
        state.depth_bias = 5;
        state.face2 = [object << 28 | 7 << 24 | 1 << 21; 2];
        let patch = bench.patch(draw, rect(0, 0, 2, 2), 0.25);
        patch.depth = [0.0, -1.0 / 64.0, 0.25];
        bench.run();
        f32::from_le_bytes(bench.memory.get(DEPTH, 4).try_into().expect("four"))
    };
    let plain = 0.25 - 0.5 / 64.0;
    // Lines are not moved.
    assert_eq!(depth(1, false, 0.0), plain);
    // Twice the slope, and three units of the last place of 0.25.
    let unit = f32::powi(2.0, -2 - 23);
    assert_eq!(depth(0, false, 0.0), plain + 2.0 / 64.0 + 3.0 * unit);
    assert_eq!(depth(0, false, 0.01), plain + 0.01);
    assert_eq!(depth(0, false, -0.01), plain + 2.0 / 64.0 + 3.0 * unit);
    // Three times one, which is beyond the range.
    assert_eq!(depth(0, true, 0.0), 1.0);
}

/// Returns what the APIs say of a stencil operation.
fn operation(op: u32, old: u8, reference: u8) -> u8 {
    match op {
        0 => old,
        1 => 0,
        2 => reference,
        3 => (u16::from(old) + 1).min(255) as u8,
        4 => (i16::from(old) - 1).max(0) as u8,
        5 => 255 - old,
        6 => ((u16::from(old) + 1) % 256) as u8,
        _ => ((u16::from(old) + 255) % 256) as u8,
    }
}

#[test]
fn stencil_operations() {
    // Columns: the stencil test fails, depth fails, both pass.
    for op in 0..8 {
        for (old, reference, write) in [
            (0u8, 7u8, 0xff),
            (255, 7, 0xff),
            (100, 7, 0xff),
            (0xa5, 0x5a, 0x0f),
        ] {
            for (code, early) in both(GREEN) {
                let mut bench = Bench::new(frame(32, 32));
                bench.keep_depth();
                bench.job.zls.control = 1 << 18;
                bench.job.background_values = 0x300 | u32::from(old);
                bench.job.background_depth = 0.5f32.to_bits();
                for (n, (function, z)) in [(0, 0.25), (7, 0.75), (7, 0.25)].into_iter().enumerate()
                {
                    let draw = bench.draw(&code, early);
                    bench.depth_test(draw, 1);
                    let state = bench.state(draw);
                    state.fragment_control[0] |= 1 << 18;
                    state.face[0] |= u32::from(reference);
                    let ops = [22, 19, 16];
                    state.stencil[0] = write | 0xff00 | function << 25 | op << ops[n];
                    let x = 2 * n as u32;
                    bench.patch(draw, rect(x, 0, x + 2, 2), z);
                }
                bench.run();
                let new = operation(op, old, reference);
                let mask = write as u8;
                let expected = old & !mask | new & mask;
                // Quads of two by two follow each other in Morton order: 0, 4, then 16.
                for (n, at) in [0, 4, 16].into_iter().enumerate() {
                    let found = bench.memory.get(STENCIL + at, 1)[0];
                    assert_eq!(found, expected, "{op} {old} {n} {early}");
                }
                assert_eq!(bench.memory.get(STENCIL + 20, 1)[0], old);
                assert_eq!(
                    [0, 2, 4].map(|x| bench.pixel(x, 0)),
                    [[0; 4], [0; 4], GREEN]
                );
            }
        }
    }
}

#[test]
fn stencil_compares_under_the_read_mask_and_by_side() {
    let mut bench = Bench::new(frame(32, 32));
    bench.job.background_values = 0x35;
    let mut column = 0;
    let mut check = |two_sided: bool, back: bool, passes: bool| {
        let draw = bench.draw(&paint(GREEN), true);
        let state = bench.state(draw);
        state.fragment_control[1] |= 1 << 18 | u32::from(two_sided) << 19;
        // Front: equal in the low nibble. Back: not equal, with a reference of its own.
        state.face = [7 << 24 | 1 << 21 | 0xf5, 7 << 24 | 1 << 21 | 0x35];
        state.stencil = [0x0f << 8 | 2 << 25, 0xff << 8 | 5 << 25];
        let patch = bench.patch(draw, rect(column, 0, column + 1, 1), 0.5);
        patch.primitive.back_facing = back;
        bench.run();
        let colour = if passes { GREEN } else { [0; 4] };
        assert_eq!(bench.pixel(column, 0), colour, "{two_sided} {back}");
        column += 1;
    };
    check(false, false, true);
    check(true, false, true);
    check(false, true, true);
    check(true, true, false);
}

#[test]
fn shaders_emit_depth_and_stencil() {
    let emit = |which: u64| {
        Builder::new(Op::ZsEmit)
            .field("which", which)
            .field("targetimm", 1)
            .field("target", 255)
            .field("zs", 20)
    };
    let run = |z: f32, which: u64| {
        let mut bench = Bench::new(frame(32, 32));
        bench.keep_depth();
        bench.job.zls.control = 1 << 18 | 1 << 19;
        let mut code = vec![
            constant(10, if which == 2 { 0x177 } else { z.to_bits() }),
            constant(11, 0x177),
            emit(which),
        ];
        code.extend(paint(GREEN));
        let draw = bench.draw(&code, false);
        bench.depth_test(draw, 7);
        bench.state(draw).fragment_control[0] |= 1 << 18;
        bench.state(draw).stencil = [0xff | 0xff00 | 7 << 25 | 2 << 16; 2];
        bench.state(draw).face[0] |= 0x11;
        bench.patch(draw, rect(0, 0, 2, 2), 0.25);
        bench.run();
        let depth = bench.memory.get(DEPTH, 4).try_into().expect("four");
        let stencil = bench.memory.get(STENCIL, 1)[0];
        (f32::from_le_bytes(depth), stencil, bench.pixel(0, 0))
    };
    assert_eq!(run(0.7, 1), (0.7, 0x11, GREEN));
    assert_eq!(run(0.7, 2), (0.25, 0x77, GREEN));
    assert_eq!(run(0.7, 3), (0.7, 0x77, GREEN));
    // Beyond the range it is limited; what is no number fails even "always".
    assert_eq!(run(7.0, 1), (1.0, 0x11, GREEN));
    assert_eq!(run(f32::NAN, 1), (1.0, 0, [0; 4]));
}

#[test]
fn discarded_samples_write_nothing() {
    // Lanes with odd x keep their samples.
    let odd = Builder::new(Op::GetSr).operands(&[agx_isa::exec::assemble::dalu(20, true)]);
    let negative = Builder::new(Op::Iadd).operands(&[
        agx_isa::exec::assemble::dalu64(20, 1),
        agx_isa::exec::assemble::mul(0, 0, false),
        agx_isa::exec::assemble::mul(20, 9, false),
    ]);
    let and = Builder::new(Op::Bitop).operands(&[
        agx_isa::exec::assemble::dalu(20, true),
        agx_isa::exec::assemble::word(10),
        agx_isa::exec::assemble::imm(1),
    ]);
    let mask = Builder::new(Op::SampleMask)
        .field("targetimm", 1)
        .field("target", 255)
        .field("live", 20);
    let mut code = vec![
        odd.field("sr", 80),
        and.field("tt", 8),
        negative.field("neg", 1),
        mask,
    ];
    code.extend(paint(GREEN));
    let mut bench = Bench::new(frame(32, 32));
    bench.keep_depth();
    bench.job.zls.control = 1 << 19;
    let draw = bench.draw(&code, false);
    bench.depth_test(draw, 1);
    bench.state(draw).fragment_control[0] |= 2 << 14;
    bench.patch(draw, rect(0, 0, 8, 2), 0.25);
    bench.run();
    for x in 0..8 {
        let colour = if x % 2 == 1 { GREEN } else { [0; 4] };
        assert_eq!(bench.pixel(x, 1), colour);
    }
    let depth = bench.memory.get(DEPTH, 8);
    assert_eq!(depth[..4], 1.0f32.to_le_bytes());
    assert_eq!(depth[4..], 0.25f32.to_le_bytes());
    assert_eq!(bench.memory.get(DATA + 0x8000, 1), [8]);
}

#[test]
fn queries_count_what_passes() {
    for samples in [1, 4] {
        let base = frame(64, 64);
        let mut bench = Bench::new(match samples {
            1 => base,
            _ => multisampled(base, samples),
        });
        bench.threads = 3;
        let mut draw = |mode: u32, index: u16| {
            let draw = bench.draw(&paint(GREEN), true);
            bench.depth_test(draw, 1);
            bench.state(draw).fragment_control[0] |= mode << 14;
            bench.state(draw).occlusion = index;
            draw
        };
        let (count, any, none) = (draw(2, 3), draw(3, 4), draw(0, 5));
        bench.patch(count, rect(0, 0, 64, 64), 0.5);
        bench.patch(count, rect(0, 0, 64, 64), 0.7);
        bench.patch(count, rect(30, 30, 35, 35), 0.4);
        bench.patch(any, rect(30, 30, 35, 35), 0.3);
        bench.patch(none, rect(30, 30, 35, 35), 0.2);
        // It accumulates.
        bench.memory.put(DATA + 0x8000 + 24, &[7]);
        bench.run();
        let counter = |n: u64| {
            let bytes = bench.memory.get(DATA + 0x8000 + 8 * n, 8);
            u64::from_le_bytes(bytes.try_into().expect("eight"))
        };
        let pixels = u64::from(samples) * (64 * 64 + 25);
        assert_eq!([3, 4, 5].map(counter), [7 + pixels, 1, 0]);
    }
}

#[test]
fn a_counter_without_memory_is_a_fault() {
    let mut bench = Bench::new(frame(32, 32));
    bench.job.occlusion = 0x7000;
    let draw = bench.draw(&paint(GREEN), true);
    bench.state(draw).fragment_control[0] |= 2 << 14;
    bench.state(draw).occlusion = 2;
    bench.patch(draw, rect(0, 0, 1, 1), 0.5);
    let End::Fault(fault) = bench.end() else {
        panic!("another end")
    };
    assert_eq!((fault.unit, fault.access.va), (Unit::Ras, 0x7010));
    bench.job.occlusion = 0x7004;
    let End::Illegal(text) = bench.end() else {
        panic!("another end")
    };
    assert_eq!(text, "counters at 0x7004, which is not aligned");
    bench.state(draw).fragment_control[0] = 1 << 14 | 1 << 16;
    assert!(matches!(bench.end(), End::Illegal(_)));
}
