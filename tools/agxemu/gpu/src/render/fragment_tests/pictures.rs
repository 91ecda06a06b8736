// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tiles, their programs, and the order of primitives.

use agx_isa::exec::assemble::{dalu, float, mem, Builder};
use agx_isa::table::Op;

use super::support::{frame, multisampled, paint, rect, Bench, DATA, TARGET};
use crate::cdm::End;
use crate::fault::Unit;
use crate::render::Frame;

const RED: [u8; 4] = [255, 0, 0, 255];
const GREEN: [u8; 4] = [0, 255, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];
const GREY: [u8; 4] = [90, 91, 92, 93];

#[test]
fn a_clear_fills_the_frame_and_no_more() {
    let mut bench = Bench::new(frame(70, 41));
    bench.job.background = bench.program(&paint(GREY), None);
    bench.job.process_empty_tiles = true;
    bench.run();
    for y in 0..41 {
        for x in 0..70 {
            assert_eq!(bench.pixel(x, y), GREY, "{x} {y}");
        }
    }
    // Rows are padded from 70 to 72 pixels.
    assert_eq!(bench.memory.get(TARGET + 280, 8), [0; 8]);
    assert_eq!(bench.memory.get(TARGET + 41 * 288, 288), [0; 288]);
}

#[test]
fn tiles_without_primitives_are_left_alone() {
    let mut bench = Bench::new(frame(96, 96));
    bench.job.background = bench.program(&paint(GREY), None);
    let draw = bench.draw(&paint(RED), true);
    bench.patch(draw, rect(40, 40, 50, 50), 0.5);
    bench.run();
    assert_eq!(bench.pixel(45, 45), RED);
    assert_eq!(bench.pixel(33, 33), GREY);
    assert_eq!(bench.pixel(31, 33), [0; 4]);
    assert_eq!(bench.pixel(64, 64), [0; 4]);
    bench.job.process_empty_tiles = true;
    bench.run();
    assert_eq!(bench.pixel(31, 33), GREY);
    assert_eq!(bench.pixel(95, 95), GREY);
}

#[test]
fn small_tiles_make_the_same_picture() {
    let mut pictures = Vec::new();
    for utile in [[32, 32], [32, 16], [16, 16]] {
        let mut bench = Bench::new(Frame {
            utile,
            ..frame(100, 60)
        });
        bench.job.background = bench.program(&paint(GREY), None);
        let draw = bench.draw(&paint(RED), true);
        bench.patch(draw, rect(3, 7, 99, 55), 0.5);
        bench.run();
        pictures.push(bench.picture());
    }
    assert_eq!(pictures[0], pictures[1]);
    assert_eq!(pictures[0], pictures[2]);
    assert!(pictures[0].chunks_exact(4).any(|pixel| pixel == RED));
}

#[test]
fn programs_for_another_tile_are_refused() {
    let mut bench = Bench::new(frame(32, 32));
    bench.job.process_empty_tiles = true;
    bench.job.frame.sample_size = 16;
    let End::Illegal(text) = bench.end() else {
        panic!("another end")
    };
    assert!(text.contains("1 samples of 8 bytes"), "{text}");
}

#[test]
fn boxes_are_drawn_in_their_order() {
    let mut bench = Bench::new(frame(64, 64));
    let (red, green) = (
        bench.draw(&paint(RED), true),
        bench.draw(&paint(GREEN), true),
    );
    bench.patch(red, rect(0, 0, 20, 20), 0.5);
    bench.patch(green, rect(10, 10, 40, 40), 0.9);
    bench.patch(red, rect(30, 30, 63, 63), 0.1);
    bench.run();
    for (x, y, colour) in [
        (9, 9, RED),
        (10, 10, GREEN),
        (19, 19, GREEN),
        (29, 39, GREEN),
        (30, 30, RED),
        (62, 62, RED),
        (63, 62, [0; 4]),
        (62, 63, [0; 4]),
    ] {
        assert_eq!(bench.pixel(x, y), colour, "{x} {y}");
    }
}

#[test]
fn fragments_of_a_pixel_see_what_was_drawn_before() {
    // Each adds to what the tile holds; all boxes are of one draw.
    let load = Builder::new(Op::LdTile)
        .operands(&[mem(8, true, 15)])
        .field("fmt", 4)
        .field("smask", 0xff);
    let add = |register: u64| {
        let value = float(register * 2, 9, false, false);
        // 6/64 more, which is 24/255 when it is stored.
        let more = float(6, 0, false, false);
        Builder::new(Op::Fadd).operands(&[dalu(register * 2, true), value, more])
    };
    let store = super::support::store_colour();
    let mut bench = Bench::new(frame(32, 32));
    let draw = bench.draw(&[load, add(4), store], true);
    for n in 0..5 {
        bench.patch(draw, rect(0, 0, 2 + 2 * n, 2), 0.5);
    }
    bench.run();
    let red = |x: u32| bench.pixel(x, 1)[0];
    assert_eq!([8, 6, 4, 2, 0].map(red), [24, 48, 72, 96, 120]);
}

#[test]
fn quads_of_many_primitives_share_a_group() {
    let run = |apart: bool| {
        let mut bench = Bench::new(frame(32, 32));
        let draws = [bench.draw(&paint(RED), true), bench.draw(&paint(RED), true)];
        for n in 0..16 {
            let draw = draws[if apart { n % 2 } else { 0 }];
            let x = 2 * n as u32;
            bench.patch(draw, rect(x, 4, x + 2, 6), 0.5);
        }
        let instructions = bench.run();
        assert_eq!(bench.pixel(31, 5), RED);
        instructions
    };
    // Six instructions for each group: two of eight quads, or sixteen of one.
    assert_eq!(run(true) - run(false), 14 * 6);
}

#[test]
fn layers_have_tiles_of_their_own() {
    let layered = Frame {
        layers: 3,
        ..frame(32, 32)
    };
    // Red is the layer, in 255ths.
    let colour = [
        Builder::new(Op::GetSr)
            .operands(&[dalu(8, true)])
            .field("sr", 2),
        Builder::new(Op::StTile)
            .operands(&[mem(8, true, 1)])
            .field("fmt", 0)
            .field("smask", 255),
    ];
    let mut bench = Bench::new(layered);
    bench.job.background = bench.program(&colour, None);
    bench.job.process_empty_tiles = true;
    let draw = bench.draw(&paint(BLUE), true);
    bench.patch(draw, rect(0, 0, 1, 1), 0.5).primitive.layer = 1;
    bench.run();
    // Layers of a tiled image start a page each.
    let texel = |layer: u64, n: u64| bench.memory.get(TARGET + layer * 0x4000 + n * 4, 4);
    assert_eq!(texel(0, 0), [0, 0, 0, 0]);
    assert_eq!(texel(1, 0), BLUE);
    assert_eq!(texel(1, 1), [1, 0, 0, 0]);
    assert_eq!(texel(2, 0), [2, 0, 0, 0]);
    assert_eq!(texel(2, 1023), [2, 0, 0, 0]);
}

#[test]
fn samples_are_covered_and_stored_apart() {
    for samples in [2, 4] {
        let mut bench = Bench::new(multisampled(frame(32, 32), samples));
        bench.job.background = bench.program(&paint(GREY), None);
        let draw = bench.draw(&paint(RED), true);
        bench.patch(draw, rect(0, 0, 32, 32), 0.5).samples = 0b10;
        bench.run();
        for n in 0..1024 * u64::from(samples) {
            let expected = if n % u64::from(samples) == 1 {
                RED
            } else {
                GREY
            };
            assert_eq!(bench.memory.get(TARGET + n * 4, 4), expected, "{n}");
        }
    }
}

#[test]
fn scissors_cut() {
    let mut bench = Bench::new(frame(64, 64));
    let draw = bench.draw(&paint(RED), true);
    bench.state(draw).scissor = 5;
    bench
        .patch(draw, rect(0, 0, 64, 64), 0.5)
        .primitive
        .viewport = 2;
    bench.scissor(7, rect(11, 13, 40, 33), [0.0, 1.0]);
    bench.run();
    for y in 0..64 {
        for x in 0..64 {
            let inside = (11..40).contains(&x) && (13..33).contains(&y);
            assert_eq!(bench.pixel(x, y) == RED, inside, "{x} {y}");
        }
    }
    bench.scissor(7, rect(40, 13, 11, 33), [0.0, 1.0]);
    bench.run();
    assert_eq!(bench.pixel(30, 20), [0; 4]);
    bench.job.scissors = 0x5000;
    let End::Fault(fault) = bench.end() else {
        panic!("another end")
    };
    assert_eq!((fault.unit, fault.access.va), (Unit::Ras, 0x5000 + 7 * 16));
}

#[test]
fn parts_of_a_frame_make_the_same_picture() {
    // The partial background loads what the partial end of tile has stored.
    let picture = |after: Option<u32>| {
        let mut bench = random(7, 1);
        bench.job.partial_after = after;
        let load = [
            Builder::new(Op::GetSr)
                .operands(&[dalu(16, true)])
                .field("sr", 80),
            Builder::new(Op::GetSr)
                .operands(&[dalu(18, true)])
                .field("sr", 81),
            Builder::new(Op::Smpi)
                .operands(&[mem(8, true, 15)])
                .field("crd", 16)
                .field("dim", 2)
                .field("lodmode", 6)
                .field("lod", 40)
                .field("tex", 0),
            super::support::store_colour(),
        ];
        bench.job.partial_background = load_program(&mut bench, &load);
        bench.run();
        bench.picture()
    };
    let whole = picture(None);
    for after in [1, 3, 10] {
        assert!(picture(Some(after)) == whole, "{after}");
    }
}

/// Returns a program whose first texture is the target, for reading.
fn load_program(bench: &mut Bench, code: &[Builder]) -> crate::render::Program {
    let frame = bench.job.frame;
    let stride = u64::from(frame.width * 4).next_multiple_of(16);
    let texture = crate::texture::tests::descriptor(&[
        (0, 3, 2),
        (6, 12, 0x28),
        (16, 27, 0o3210),
        (28, 41, u64::from(frame.width) - 1),
        (42, 55, u64::from(frame.height) - 1),
        (66, 101, TARGET >> 4),
        (110, 126, stride / 16 - 1),
    ]);
    bench.memory.put(DATA + 0xd000, &texture);
    bench.with_texture(code, None, DATA + 0xd000)
}

/// Boxes, depths and shaders by chance; depth and stencil are kept in memory.
pub fn random(seed: u64, threads: usize) -> Bench {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move |bound: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as u32 % bound
    };
    let mut bench = Bench::new(frame(128, 96));
    bench.threads = threads;
    bench.job.background = bench.program(&paint(GREY), None);
    bench.keep_depth();
    let mut draws = Vec::new();
    for n in 0..6 {
        let colour = [next(256) as u8, next(256) as u8, next(256) as u8, 255];
        let early = n % 2 == 0;
        let code = match early {
            true => paint(colour),
            false => super::support::test_and_paint(colour),
        };
        let draw = bench.draw(&code, early);
        bench.depth_test(draw, next(8));
        let word = next(256) | next(256) << 8 | next(0x1000) << 16;
        let state = bench.state(draw);
        state.fragment_control[0] |= 1 << 18 | next(2) << 19 | 2 << 14;
        state.stencil = [word, word.rotate_left(3) & 0xfff_ffff];
        state.occlusion = next(3) as u16;
        draws.push(draw);
    }
    for _ in 0..60 {
        let (x, y) = (next(120), next(90));
        let draw = draws[next(6) as usize];
        let size = rect(
            x,
            y,
            (x + 1 + next(60)).min(128),
            (y + 1 + next(60)).min(96),
        );
        let z = f64::from(next(100)) / 100.0;
        let patch = bench.patch(draw, size, z);
        patch.depth[0] = f64::from(next(9)) / 1000.0;
        patch.primitive.back_facing = next(2) == 1;
    }
    bench
}

#[test]
fn threads_do_not_change_anything() {
    for seed in 0..4 {
        let results: Vec<_> = [1, 2, 5]
            .map(|threads| {
                let bench = random(seed, threads);
                bench.run();
                let counters = bench.memory.get(DATA + 0x8000, 64);
                (bench.picture(), bench.depth_and_stencil(), counters)
            })
            .to_vec();
        assert!(results[0] == results[1] && results[0] == results[2]);
        assert_ne!(results[0].2, [0; 64]);
    }
}
