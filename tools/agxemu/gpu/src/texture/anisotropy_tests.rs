// SPDX-License-Identifier: MIT OR Apache-2.0

//! Samples whose pixels are longer than they are wide.

use agx_isa::exec::host::{Dim, LodMode, TextureOp, TextureRequest};

use super::tests::{all, memory, paint, read, request, target, texture, D2, LINEAR, MAX_LOD};
use crate::host::GpuHost;

/// A sample at the left edge of a texture of 32 texels, of a pixel that shows so many of them to
/// the right and down; at most 2 to the power of `log` probes.
fn stretched(log: u64, right: f32, down: f32) -> TextureRequest {
    let sampler = [MAX_LOD, LINEAR, (20, 22, log)];
    let mut request = request(TextureOp::Sample, Dim::D2, texture(D2, 32, 1, 1), &sampler);
    let texels = |n: f32| all((n / 32.0).to_bits());
    request.coordinates = [0.0, 8.0, 0.0, 0.0].map(texels);
    request.lod.mode = LodMode::Gradient;
    request.lod.dx[0] = texels(right);
    request.lod.dy[1] = texels(down);
    request
}

fn red(request: &TextureRequest) -> f32 {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    paint(&mut host, target(D2, 32, 0, 1, 1), Dim::D2, 32, 1);
    read(&mut host, request)[0]
}

#[test]
fn probes_are_along_the_longer_side() {
    // Red is the column, and the left half of each footprint has none: (0.3 + 1.9) / 4, and
    // (5/6 + 31/18 + 47/18) / 8.
    for (log, want) in [(0, 0.0), (2, 0.55), (4, 0.6458)] {
        let got = red(&stretched(log, 8.0, 1.0));
        assert!((got - want).abs() < 1.0 / 64.0, "{log}: {got}, not {want}");
    }
    // Down all columns are the first one.
    assert_eq!(red(&stretched(4, 1.0, 8.0)), 0.0);
    // A square has one probe, and a level that is stated as well.
    assert_eq!(red(&stretched(4, 8.0, 8.0)), 0.0);
    let mut stated = stretched(4, 8.0, 1.0);
    stated.lod.mode = LodMode::Explicit;
    assert_eq!(red(&stated), 0.0);
}

/// The level is that of the shorter side, unless there would be too many probes.
#[test]
fn probes_make_levels_finer() {
    for (log, right, level) in [(0, 8.0, 3.0), (2, 8.0, 1.0), (4, 8.0, 0.0), (4, 4.0, 0.0)] {
        let mut request = stretched(log, right, 1.0);
        request.query_lod = true;
        let memory = memory();
        let mut host = GpuHost::new(&memory, false);
        // What was computed comes second, and what is read is in 255ths.
        assert_eq!(read(&mut host, &request)[1], level * 255.0, "{log} {right}");
    }
}
