// SPDX-License-Identifier: MIT OR Apache-2.0

//! Depth and stencil in memory: stored and loaded.

use super::depth::GREEN;
use super::support::{frame, multisampled, paint, rect, Bench, DATA, DEPTH, STENCIL};
use crate::cdm::End;
use crate::fault::Unit;
use crate::render::Frame;

/// Draws depth that tells each sample from all others, and returns the memory.
fn stored(frame: Frame, control: u64) -> Bench {
    let mut bench = Bench::new(frame);
    bench.keep_depth();
    bench.job.zls.control = 1 << 18 | 1 << 19 | control;
    for plane in [
        &mut bench.job.zls.depth_store,
        &mut bench.job.zls.depth_load,
        &mut bench.job.zls.stencil_store,
        &mut bench.job.zls.stencil_load,
    ] {
        // Two pages for a layer.
        plane.stride = 1 << 14 | 1;
    }
    bench.job.process_empty_tiles = true;
    for layer in 0..frame.layers {
        let draw = bench.draw(&paint(GREEN), true);
        bench.depth_test(draw, 7);
        bench.state(draw).fragment_control[0] |= 1 << 18;
        bench.state(draw).stencil[0] = 0xff | 0xff00 | 7 << 25 | 2 << 16;
        bench.state(draw).face[0] |= 40 + layer;
        let patch = bench.patch(draw, rect(0, 0, frame.width, frame.height), 0.0);
        patch.depth = [1.0 / 256.0, 1.0 / 4096.0, f64::from(layer) / 65536.0];
        patch.primitive.layer = layer as u16;
    }
    bench
}

#[test]
fn what_is_stored_is_loaded_again() {
    let layered = Frame {
        layers: 2,
        ..frame(50, 40)
    };
    for (frame, order, format) in [
        (frame(50, 40), 0, 0),
        (frame(50, 40), 1, 0),
        (frame(50, 40), 0, 2),
        (layered, 0, 0),
        (layered, 1, 2),
        (multisampled(frame(50, 40), 2), 0, 0),
        (multisampled(layered, 4), 0, 2),
    ] {
        let orders = order << 1 | order << 3 | order << 5 | order << 7;
        let bench = stored(frame, orders | format << 25);
        bench.run();
        let first = bench.depth_and_stencil();
        assert!(first.0.iter().filter(|&&b| b != 0).count() > 2000);
        assert!(first.1.contains(&40));
        // The same depths pass "equal" once they are loaded, and no others.
        let loaded = |z: f64, stencil: u32| {
            let mut again = stored(frame, orders | format << 25 | 1 << 14 | 1 << 15);
            again.memory.put(DEPTH, &first.0);
            again.memory.put(STENCIL, &first.1);
            for draw in &mut again.draws {
                draw.face = draw.face.map(|word| word & 0xff | 2 << 24 | 1 << 21);
                draw.face[0] += stencil;
                draw.fragment_control[0] |= 2 << 14;
                draw.stencil[0] = 0xff00 | 2 << 25;
            }
            for patch in &mut again.patches {
                patch.depth[2] += z;
            }
            again.run();
            assert!(again.depth_and_stencil() == first);
            let bytes = again.memory.get(DATA + 0x8000, 4);
            u32::from_le_bytes(bytes.try_into().expect("four"))
        };
        let all = 50 * 40 * frame.layers * frame.samples;
        assert_eq!(loaded(0.0, 0), all, "{frame:?} {order} {format}");
        assert_eq!(loaded(0.0, 1), 0);
        assert_eq!(loaded(0.125, 0), 0);
    }
}

#[test]
fn layers_of_depth_are_as_far_apart_as_the_register_says() {
    let layered = Frame {
        layers: 2,
        ..frame(32, 32)
    };
    let bench = stored(layered, 0);
    bench.run();
    let word = |at: u64| {
        let bytes = bench.memory.get(at, 4).try_into().expect("four");
        f32::from_le_bytes(bytes)
    };
    let first = 0.5 / 256.0 + 0.5 / 4096.0;
    assert_eq!(word(DEPTH), first);
    assert_eq!(word(DEPTH + 0x8000), first + 1.0 / 65536.0);
    assert_eq!(bench.memory.get(STENCIL + 0x8000, 1), [41]);
}

#[test]
fn sixteen_bits_are_rounded_before_the_test() {
    let mut bench = Bench::new(frame(32, 32));
    bench.keep_depth();
    bench.job.zls.control = 1 << 19 | 2 << 25;
    bench.job.background_depth = 0x8000;
    let draw = bench.draw(&paint(GREEN), true);
    bench.depth_test(draw, 2);
    // A third of a step away is equal, more than half a step is not.
    bench.patch(draw, rect(0, 0, 2, 2), (32768.0 + 0.33) / 65535.0);
    bench.patch(draw, rect(2, 0, 4, 2), (32768.0 + 0.6) / 65535.0);
    bench.run();
    assert_eq!((bench.pixel(0, 0), bench.pixel(2, 0)), (GREEN, [0; 4]));
    assert_eq!(bench.memory.get(DEPTH, 2), 0x8000u16.to_le_bytes());
}

#[test]
fn depth_without_memory_is_a_fault() {
    let mut bench = stored(frame(32, 32), 0);
    bench.job.zls.depth_store.base = 0x10_0000;
    let End::Fault(fault) = bench.end() else {
        panic!("another end")
    };
    assert_eq!((fault.unit, fault.access.write), (Unit::Zls, true));
    bench.job.zls.control |= 1 << 25;
    assert!(matches!(bench.end(), End::Illegal(_)));
}

#[test]
fn bits_of_the_control_without_meaning_are_refused() {
    let known = [1, 2, 3, 4, 5, 6, 7, 8, 14, 15, 18, 19, 25, 26];
    for bit in (0..64).filter(|bit| !known.contains(bit)) {
        let mut bench = stored(frame(32, 32), 0);
        bench.job.zls.control |= 1 << bit;
        let End::Illegal(text) = bench.end() else {
            panic!("another end with bit {bit}")
        };
        let expected = format!("zls_ctrl {:#x}: bit {bit}", bench.job.zls.control);
        assert!(text.starts_with(&expected), "{text}");
    }
}

#[test]
fn squares_of_one_depth_are_loaded_and_become_raw() {
    for samples in [1, 4] {
        let base = frame(32, 32);
        let mut bench = Bench::new(match samples {
            1 => base,
            _ => multisampled(base, samples),
        });
        bench.keep_depth();
        let metadata = DEPTH + 0x4_0000;
        // Z load, Z store, and that both are compressed.
        bench.job.zls.control = 1 << 15 | 1 << 19 | 1 << 2 | 1 << 6;
        bench.job.zls.depth_load.comp_base = metadata;
        bench.job.zls.depth_store.comp_base = metadata;
        // All is 0.25, but for the second square in Morton order, which is 0.75.
        let side = if samples == 1 { 16u32 } else { 8 };
        let texels = u64::from(32 * 32 * samples);
        for n in 0..texels {
            bench.memory.put(DEPTH + 4 * n, &0.25f32.to_le_bytes());
        }
        bench.memory.put(DEPTH + 4 * 256, &0.75f32.to_le_bytes());
        bench.memory.put(metadata, &[0x7f; 256]);
        bench.memory.put(metadata + 8, &[3; 8]);
        let draw = bench.draw(&paint(GREEN), true);
        bench.depth_test(draw, 2);
        bench.state(draw).fragment_control[0] |= 2 << 14;
        bench.patch(draw, rect(0, 0, 32, 32), 0.75);
        bench.run();
        // The square is to the right of the first.
        let counter = bench.memory.get(DATA + 0x8000, 4);
        let passed = u32::from_le_bytes(counter.try_into().expect("four"));
        assert_eq!(passed, side * side * samples);
        assert_eq!(bench.memory.get(metadata + 8, 8), [0x7f; 8]);
        for n in 0..texels {
            let expected = if n / 256 == 1 { 0.75f32 } else { 0.25 };
            assert_eq!(bench.memory.get(DEPTH + 4 * n, 4), expected.to_le_bytes());
        }
        // Without the flag the metadata is not looked at.
        bench.memory.put(metadata + 8, &[3; 8]);
        bench.job.zls.control = 1 << 15;
        bench.memory.put(DATA + 0x8000, &[0; 4]);
        bench.memory.put(DEPTH + 4 * 257, &0.25f32.to_le_bytes());
        bench.run();
        let counter = bench.memory.get(DATA + 0x8000, 4);
        let passed = u32::from_le_bytes(counter.try_into().expect("four"));
        assert_eq!(passed, 255);
    }
}
