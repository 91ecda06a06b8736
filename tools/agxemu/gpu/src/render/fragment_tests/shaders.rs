// SPDX-License-Identifier: MIT OR Apache-2.0

//! What fragment shaders are given, and what they cannot do.

use agx_isa::exec::assemble::{
    dalu, dalu64, index_imm, index_word, mem, mul, uniform_base, Builder,
};
use agx_isa::table::Op;

use super::support::{constant, frame, paint, rect, test_and_paint, Bench, DATA, USC};
use crate::cdm::End;
use crate::fault::Unit;
use crate::render::scene::Shape;

const GREEN: [u8; 4] = [0, 255, 0, 255];

/// Stores r4 as it is, in the place of all four bytes.
fn store_word() -> Builder {
    Builder::new(Op::StTile)
        .operands(&[mem(8, true, 1)])
        .field("fmt", 2)
        .field("smask", 0xff)
}

/// Part `part` (A, B or C) of a coefficient register, as a picture.
fn coefficient(bindings: &[u32], register: u64, part: u64, change: impl FnOnce(&mut Bench)) -> u32 {
    let load = Builder::new(Op::Ldcf)
        .field("dst", 2 * (4 - part))
        .field("size32", 1)
        .field("count", 1)
        .field("cf", register);
    let mut bench = Bench::new(frame(32, 32));
    let draw = bench.draw(&[load, store_word()], true);
    let list: Vec<u8> = [0x0102]
        .iter()
        .chain(bindings)
        .flat_map(|w| w.to_le_bytes())
        .collect();
    bench.memory.put(USC + 0x8000, &list);
    let state = bench.state(draw);
    state.fragment_shader[0] |= (bindings.len() as u32) << 16;
    state.fragment_shader[2] = 0x8000;
    let patch = bench.patch(draw, rect(4, 4, 6, 6), 0.0);
    patch.depth = [0.5, 0.25, 0.125];
    patch.words = (0..8).map(|n| 10.0 + n as f32).collect();
    patch.primitive.id = 0x0102_0304;
    change(&mut bench);
    bench.run();
    assert_eq!(bench.pixel(4, 4), bench.pixel(5, 5));
    u32::from_le_bytes(bench.pixel(4, 4))
}

fn binding(components: u32, model: u32, source: u32, slot: u32, register: u32) -> u32 {
    components - 1 | model << 2 | source << 5 | slot << 8 | register << 16
}

#[test]
fn bindings_name_values_by_slot() {
    let get = |bindings: &[u32], register, part| coefficient(bindings, register, part, |_| {});
    let float = |v: f32| v.to_bits();
    // Slot 0 is 1/w, whatever the model; words follow from the fifth on.
    assert_eq!(get(&[binding(1, 3, 0, 0, 9)], 9, 2), float(1.0));
    assert_eq!(get(&[binding(1, 7, 0, 1, 9)], 9, 2), float(14.0));
    assert_eq!(get(&[binding(3, 7, 0, 1, 9)], 11, 2), float(16.0));
    let second = [binding(1, 7, 0, 1, 9), binding(2, 3, 0, 2, 40)];
    assert_eq!(get(&second, 41, 2), float(16.0));
    // Flat: A is zero, B and C are the raw word, of the vertex that the model names.
    for (model, vertex) in [(0, 0), (6, 1), (2, 2)] {
        let flat = [binding(1, model, 0, 2, 3)];
        assert_eq!(get(&flat, 3, 0), 0);
        assert_eq!(get(&flat, 3, 1), float(15.0) + vertex);
        assert_eq!(get(&flat, 3, 2), float(15.0) + vertex);
    }
    // Window z by its source, and by its slot once it is selected, which moves the words.
    assert_eq!(get(&[binding(1, 3, 1, 1, 0)], 0, 1), float(0.25));
    let select = |bench: &mut Bench| bench.state(0).output_select |= 1 << 21;
    assert_eq!(
        coefficient(&[binding(1, 3, 0, 1, 0)], 0, 0, select),
        float(0.5)
    );
    assert_eq!(
        coefficient(&[binding(1, 3, 0, 2, 0)], 0, 2, select),
        float(14.0)
    );
    assert_eq!(get(&[binding(1, 0, 3, 0, 0)], 0, 2), 0x0102_0304);
    // Words that vertices do not have.
    assert_eq!(get(&[binding(1, 7, 0, 5, 0)], 0, 2), 0);
    let point = |bench: &mut Bench| bench.patches[0].primitive.shape = Shape::Point;
    let coordinate = [binding(4, 3, 2, 0, 0)];
    let parts = [0, 1, 2, 3].map(|n| coefficient(&coordinate, n, 2, point));
    assert_eq!(parts, [0.25f32, 0.75, 0.0, 1.0].map(f32::to_bits));
    assert_eq!(get(&coordinate, 1, 2), 0);
    // Upwards for the object type of a lower left origin: 1 - t, and the others as before.
    for (object, expected) in [(4, [0.25f32, 0.75, 0.0, 1.0]), (2, [0.25, 0.25, 0.0, 1.0])] {
        let point = |bench: &mut Bench| {
            bench.patches[0].primitive.shape = Shape::Point;
            let front = &mut bench.state(0).face2[0];
            *front = *front & !(15 << 28) | object << 28;
        };
        let parts = [0, 1, 2, 3].map(|n| coefficient(&coordinate, n, 2, point));
        assert_eq!(parts, expected.map(f32::to_bits), "object type {object}");
        // The slopes of the patch: half a width down, and so half of it up.
        let slope = coefficient(&coordinate, 1, 1, point);
        let up = if object == 2 { -0.5 } else { 0.5f32 };
        assert_eq!(slope, up.to_bits(), "object type {object}");
    }
}

/// A shader that divides by w gets the point coordinate divided by w as well.
#[test]
fn point_coordinates_with_perspective_are_divided_by_w() {
    for (model, object, expected) in [
        (7, 4, [0.125f32, 0.375, 0.0, 0.5]),
        (7, 2, [0.125, 0.125, 0.0, 0.5]),
        (3, 4, [0.25, 0.75, 0.0, 1.0]),
    ] {
        let point = |bench: &mut Bench| {
            bench.patches[0].primitive.shape = Shape::Point;
            bench.patches[0].inverse_w = 0.5;
            let front = &mut bench.state(0).face2[0];
            *front = *front & !(15 << 28) | object << 28;
        };
        let coordinate = [binding(4, model, 2, 0, 0)];
        let parts = [0, 1, 2, 3].map(|n| coefficient(&coordinate, n, 2, point));
        assert_eq!(parts, expected.map(f32::to_bits), "model {model}, {object}");
        let slope = f32::from_bits(coefficient(&coordinate, 0, 0, point));
        assert_eq!(slope, if model == 7 { 0.25 } else { 0.5 });
    }
}

#[test]
fn bindings_without_meaning_are_refused() {
    for (word, what) in [
        (binding(1, 1, 0, 1, 0), "shade model 1"),
        (binding(1, 3, 5, 0, 0), "source 5"),
        (binding(2, 3, 0, 0, 255), "register 256"),
    ] {
        let mut bench = Bench::new(frame(32, 32));
        let draw = bench.draw(&paint(GREEN), true);
        bench.memory.put(USC + 0x8004, &word.to_le_bytes());
        bench.state(draw).fragment_shader[0] |= 1 << 16;
        bench.state(draw).fragment_shader[2] = 0x8000;
        bench.patch(draw, rect(4, 4, 6, 6), 0.0);
        let End::Illegal(text) = bench.end() else {
            panic!("another end")
        };
        assert!(text.contains(what), "{text}");
        bench.state(draw).fragment_shader[2] = 0x7fff_0000;
        assert!(matches!(bench.end(), End::Fault(fault) if fault.unit == Unit::Ipp));
    }
}

#[test]
fn draws_that_shade_nothing_still_test() {
    // No shader at all, and the bit that turns shading off.
    for off in [false, true] {
        let mut bench = Bench::new(frame(32, 32));
        let draw = bench.draw(&test_and_paint(GREEN), false);
        match off {
            true => bench.state(draw).fragment_control[1] |= 1 << 21,
            false => bench.state(draw).fragment_shader = [0; 4],
        }
        bench.depth_test(draw, 1);
        let over = bench.draw(&paint(GREEN), true);
        bench.depth_test(over, 1);
        bench.patch(draw, rect(0, 0, 8, 8), 0.25);
        bench.patch(over, rect(0, 0, 16, 8), 0.5);
        bench.run();
        assert_eq!((bench.pixel(7, 7), bench.pixel(8, 7)), ([0; 4], GREEN));
    }
}

#[test]
fn a_shader_without_a_test_is_tested_in_the_end() {
    let mut bench = Bench::new(frame(32, 32));
    let draw = bench.draw(&paint(GREEN), false);
    bench.depth_test(draw, 1);
    bench.state(draw).fragment_control[0] |= 2 << 14;
    bench.patch(draw, rect(0, 0, 3, 3), 0.25);
    bench.patch(draw, rect(0, 0, 3, 3), 0.5);
    bench.run();
    assert_eq!(bench.memory.get(DATA + 0x8000, 1), [9]);
}

#[test]
fn memory_is_written_by_covered_pixels_only() {
    // The first uniform is the address of the counter.
    let count = Builder::new(Op::Atomic)
        .operands(&[uniform_base(0), index_imm(0)])
        .field("src", 12);
    let mut bench = Bench::new(frame(32, 32));
    bench
        .memory
        .put(DATA + 0xe000, &(DATA + 0x9000).to_le_bytes());
    let draw = bench.draw(&[constant(6, 1), count], true);
    bench.patch(draw, rect(1, 1, 6, 4), 0.25);
    bench.run();
    assert_eq!(bench.memory.get(DATA + 0x9000, 2), [15, 0]);
}

/// What is changed in memory between `wait_pix` and `signal_pix` is changed by one fragment of the
/// pixel after the other, in the order of their primitives: of one draw, whose quads share groups,
/// and of several.
#[test]
fn fragments_of_a_pixel_change_memory_one_after_the_other() {
    const WORDS: u64 = DATA + 0x1_0000;
    const SIDE: u32 = 64;
    let register = |n: u64| mul(n * 2, 9, false);
    let value = |n: u64| mul(n, 0, false);
    let special = |n: u64, sr| {
        Builder::new(Op::GetSr)
            .operands(&[dalu(n * 2, true)])
            .field("sr", sr)
    };
    // The word of the pixel times three, and `more` added.
    let change = |more: u32| {
        let memory = |op| {
            Builder::new(op)
                .operands(&[mem(16, true, 1), uniform_base(0), index_word(7, false)])
                .field("fmt", 2)
        };
        let multiply = |to, a, b, c| Builder::new(Op::Imad).operands(&[to, a, b, c]);
        [
            special(4, 80),
            special(5, 81),
            multiply(dalu64(14, 1), register(5), value(SIDE.into()), register(4)),
            Builder::new(Op::WaitPix),
            memory(Op::DeviceLoad),
            multiply(dalu64(16, 1), register(8), value(3), value(more.into())),
            memory(Op::DeviceStore),
            Builder::new(Op::SignalPix),
        ]
    };
    for draws in [1, 8] {
        for threads in [1, 4] {
            let mut bench = Bench::new(frame(SIDE, SIDE));
            bench.threads = threads;
            bench.memory.put(DATA + 0xe000, &WORDS.to_le_bytes());
            let mut expected = vec![0u32; (SIDE * SIDE) as usize];
            for n in 0..16 {
                if n < draws {
                    bench.draw(&change(n + 1), true);
                }
                let draw = n % draws;
                // Over the borders of regions and of quads, and of a quad in each region, so that
                // several have room in a group.
                let area = match n {
                    0..8 => rect(3 * n, 2 * n + 1, 64 - 2 * n, 63 - 3 * n),
                    _ => rect(31, 31, 34, 34),
                };
                bench.patch(draw, area, 0.25);
                for y in area.y0..area.y1 {
                    for x in area.x0..area.x1 {
                        let word = &mut expected[(y * SIDE + x) as usize];
                        *word = *word * 3 + draw + 1;
                    }
                }
            }
            bench.run();
            let words: Vec<_> = bench
                .memory
                .get(WORDS, expected.len() * 4)
                .chunks_exact(4)
                .map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")))
                .collect();
            assert!(expected[32 * 64 + 32] > 3u32.pow(15));
            assert!(words == expected, "{draws} draws, {threads} threads");
        }
    }
}

#[test]
fn special_registers_are_of_the_pixel_and_the_frame() {
    for (sr, expected) in [
        (80, 17),
        (81, 6),
        (2, 0),
        (12, 32),
        (14, 0),
        (21, 3),
        (63, 1),
        (62, 1),
    ] {
        let read = Builder::new(Op::GetSr)
            .operands(&[dalu(8, true)])
            .field("sr", sr);
        let mut bench = Bench::new(frame(32, 32));
        let draw = bench.draw(&[read, store_word()], true);
        bench
            .patch(draw, rect(16, 6, 19, 7), 0.25)
            .primitive
            .back_facing = true;
        bench.run();
        assert_eq!(bench.pixel(17, 6), [expected, 0, 0, 0], "{sr}");
    }
}

#[test]
fn endless_shaders_end_as_a_hang() {
    let forever = Builder::new(Op::JmpExecAny).field("off", 0);
    for kind in 0..3 {
        let mut bench = Bench::new(frame(64, 64));
        bench.job.process_empty_tiles = true;
        bench.threads = 2;
        match kind {
            0 => bench.job.background = bench.program(&[forever], None),
            1 => bench.job.end_of_tile = bench.program(&[forever], None),
            _ => {
                let draw = bench.draw(&[forever], true);
                bench.patch(draw, rect(0, 0, 1, 1), 0.25);
            }
        }
        assert!(matches!(bench.end(), End::Hang(_)));
    }
}

#[test]
fn faults_of_shaders_end_the_command() {
    let mut bench = Bench::new(frame(64, 64));
    let draw = bench.draw(&[Builder::new(Op::Trap)], true);
    bench.patch(draw, rect(0, 0, 1, 1), 0.25);
    let End::Illegal(text) = bench.end() else {
        panic!("another end")
    };
    assert!(text.contains("trap"), "{text}");
    bench.state(draw).fragment_shader[1] = 0x7fff_0000;
    assert!(matches!(bench.end(), End::Fault(fault) if fault.unit == Unit::Ipp));
    let barrier = Builder::new(Op::ThreadgroupBarrier);
    let program = bench.program(&[barrier], Some(true));
    bench.state(draw).fragment_shader[1] = program.usc;
    assert!(matches!(bench.end(), End::Illegal(_)));
}
