// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where a lane of a sample looks, and at which level of detail.

use agx_isa::exec::format::Format;
use agx_isa::exec::host::{Dim, LodMode, TextureRequest};
use agx_isa::exec::Lanes;

use super::descriptor::{Image, Sampler};
use super::filter::{face, face_change};

fn half(bits: u32) -> f32 {
    f32::from_bits(Format::F16.unpack(bits & 0xffff, 0, true))
}

/// Where a lane looks.
pub struct Place {
    /// In the direction of the axes, or on a face.
    pub at: [f32; 3],
    /// Array layer or face; for a cube array both.
    pub layer: u32,
}

/// Returns where a lane looks.
pub fn place(request: &TextureRequest, lane: usize) -> Place {
    let f = |n: usize| f32::from_bits(request.coordinates[n][lane]);
    let low = |n: usize| request.coordinates[n][lane] & 0xffff;
    let cube = |more: u32| {
        let (face, [s, t]) = face([f(0), f(1), f(2)]);
        Place {
            at: [s, t, 0.0],
            layer: more * 6 + face,
        }
    };
    let flat = |at, layer| Place { at, layer };
    match request.dim {
        Dim::D1 => flat([f(0), 0.0, 0.0], 0),
        Dim::D1Array => flat([f(0), 0.0, 0.0], low(1)),
        Dim::D2 | Dim::D2Ms => flat([f(0), f(1), 0.0], 0),
        Dim::D2Array => flat([f(0), f(1), 0.0], low(2)),
        Dim::D2MsArray => flat([f(0), f(1), 0.0], request.coordinates[2][lane] >> 16),
        Dim::D3 => flat([f(0), f(1), f(2)], 0),
        Dim::Cube => cube(0),
        Dim::CubeArray => cube(low(3)),
    }
}

/// How far a change of a lane's coordinates goes, in texels of the first level.
fn distance(
    request: &TextureRequest,
    image: &Image,
    sampler: &Sampler,
    lane: usize,
    change: [f32; 3],
) -> f32 {
    let size = image.size(image.first_level).map(|n| n as f32);
    let change = match request.dim {
        Dim::Cube | Dim::CubeArray => {
            let direction = [0, 1, 2].map(|n| f32::from_bits(request.coordinates[n][lane]));
            let [s, t] = face_change(direction, change);
            [s, t, 0.0]
        }
        _ => change,
    };
    let scaled = |axis: usize| match sampler.pixel_coordinates {
        true => change[axis],
        false => change[axis] * size[axis],
    };
    [0, 1, 2]
        .map(scaled)
        .map(|v| v * v)
        .iter()
        .sum::<f32>()
        .sqrt()
}

/// Levels of detail that come from differences in quads, of which each is worked out once.
#[derive(Default)]
pub struct Quads {
    last: Option<(usize, f32)>,
}

impl Quads {
    fn of(&mut self, quad: usize, level: impl FnOnce() -> f32) -> f32 {
        match self.last {
            Some((known, level)) if known == quad => level,
            _ => self.last.insert((quad, level())).1,
        }
    }
}

/// Returns the level of detail, before and after the sampler limits it.
pub fn lod(
    request: &TextureRequest,
    image: &Image,
    sampler: &Sampler,
    quads: &mut Quads,
    lane: usize,
) -> [f32; 2] {
    let axes = request.dim.gradient();
    let along = |lane, part: &dyn Fn(usize) -> f32| {
        let change = std::array::from_fn(|axis| if axis < axes { part(axis) } else { 0.0 });
        distance(request, image, sampler, lane, change)
    };
    let raw = match request.lod.mode {
        LodMode::Explicit => half(request.lod.value[lane]),
        LodMode::Auto | LodMode::Bias => {
            let quad = lane & !3;
            let at = |axis: usize, lane: usize| f32::from_bits(request.coordinates[axis][lane]);
            let to = |other| along(quad, &|axis| at(axis, other) - at(axis, quad));
            let level = || to(quad | 1).max(to(quad | 2)).log2();
            let bias = match request.lod.mode {
                LodMode::Bias => half(request.lod.value[lane]),
                _ => 0.0,
            };
            quads.of(quad, level) + bias
        }
        LodMode::Gradient => {
            let of = |d: &[Lanes; 3]| along(lane, &|axis| f32::from_bits(d[axis][lane]));
            of(&request.lod.dx).max(of(&request.lod.dy)).log2()
        }
    };
    let least = match &request.lod.min {
        Some(min) => half(min[lane]).max(sampler.min_lod),
        None => sampler.min_lod,
    };
    [raw, raw.max(least).min(sampler.max_lod.max(least))]
}
