// SPDX-License-Identifier: MIT OR Apache-2.0

//! Masks of samples, and depth that a shader emits sample by sample.

use super::support::{constant, frame, multisampled, paint, rect, Bench, DATA};
use agx_isa::exec::assemble::Builder;
use agx_isa::table::Op;

const GREEN: [u8; 4] = [0, 255, 0, 255];

/// Tests the samples of `target` that are in `live`, and kills the others of them.
fn mask(target: u64, live: u64) -> Builder {
    Builder::new(Op::SampleMask)
        .field("targetimm", 1)
        .field("target", target)
        .field("liveimm", 1)
        .field("live", live)
}

/// Emits what is in r10 as the depth of `samples`.
fn emit(samples: u64) -> Builder {
    Builder::new(Op::ZsEmit)
        .field("which", 1)
        .field("targetimm", 1)
        .field("target", samples)
        .field("zs", 20)
}

/// Returns how many of 16 samples have the depth of the primitive, the one that the shader emits,
/// and that of the background, after a shader that starts with `first` and emits in `steps`.
fn samples_at(first: &[Builder], steps: &[u64]) -> [u64; 3] {
    let depths = [0.25f32, 0.7, 1.0];
    let mut bench = Bench::new(multisampled(frame(32, 32), 4));
    let mut code = vec![constant(10, depths[1].to_bits())];
    code.extend(first.iter().cloned());
    code.extend(steps.iter().map(|&samples| emit(samples)));
    code.extend(paint(GREEN));
    let draw = bench.draw(&code, false);
    bench.depth_test(draw, 7);
    bench.patch(draw, rect(0, 0, 2, 2), depths[0].into());
    for (n, depth) in depths.into_iter().enumerate() {
        let equal = bench.draw(&paint(GREEN), true);
        bench.depth_test(equal, 2);
        bench.state(equal).fragment_control[0] |= 2 << 14;
        bench.state(equal).occlusion = n as u16;
        bench.patch(equal, rect(0, 0, 2, 2), depth.into());
    }
    bench.run();
    [0, 1, 2].map(|n| {
        let bytes = bench.memory.get(DATA + 0x8000 + 8 * n, 8);
        u64::from_le_bytes(bytes.try_into().expect("eight"))
    })
}

#[test]
fn a_sample_that_is_killed_takes_no_depth() {
    for steps in [&[255][..], &[1, 2, 4, 8]] {
        assert_eq!(samples_at(&[], steps), [0, 16, 0]);
        assert_eq!(samples_at(&[mask(0b0100, 0)], steps), [0, 12, 4]);
        assert_eq!(samples_at(&[mask(0b0100, 0b1011)], steps), [0, 12, 4]);
    }
    // Those for which nothing is emitted are tested in the end.
    assert_eq!(samples_at(&[mask(0b0100, 0)], &[1, 2]), [4, 8, 4]);
}

/// As Mesa's prolog has it where its epilog emits: the depth that counts is the primitive's. That
/// a test is never made again is inferred.
#[test]
fn a_sample_that_the_mask_has_tested_takes_no_depth() {
    for steps in [&[255][..], &[1, 2, 4, 8]] {
        assert_eq!(samples_at(&[mask(255, 0b1011)], steps), [12, 0, 4]);
    }
}
