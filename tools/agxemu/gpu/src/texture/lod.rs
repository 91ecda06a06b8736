// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where a lane of a sample looks, and at which level of detail.

use agx_isa::exec::format::Format;
use agx_isa::exec::host::{Dim, LodMode, TextureRequest};
use agx_isa::exec::Lanes;

use super::descriptor::{Image, Sampler};
use super::filter::face;

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

/// Coordinates of a lane in texels of the first level, which are what differences are taken of.
fn scaled(request: &TextureRequest, image: &Image, sampler: &Sampler, lane: usize) -> [f32; 3] {
    let place = place(request, lane);
    let size = image.size(image.first_level).map(|n| n as f32);
    std::array::from_fn(|axis| match sampler.pixel_coordinates {
        true => place.at[axis],
        false => place.at[axis] * size[axis],
    })
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

/// Returns the level of detail, before and after the sampler limits it.
pub fn lod(request: &TextureRequest, image: &Image, sampler: &Sampler, lane: usize) -> [f32; 2] {
    let length = |d: [f32; 3]| d.iter().map(|v| v * v).sum::<f32>().sqrt();
    let raw = match request.lod.mode {
        LodMode::Explicit => half(request.lod.value[lane]),
        LodMode::Auto | LodMode::Bias => {
            let quad = lane & !3;
            let at = |lane| scaled(request, image, sampler, lane);
            let (here, right, below) = (at(quad), at(quad | 1), at(quad | 2));
            let difference = |to: [f32; 3]| std::array::from_fn(|i| to[i] - here[i]);
            let longest = length(difference(right)).max(length(difference(below)));
            let bias = match request.lod.mode {
                LodMode::Bias => half(request.lod.value[lane]),
                _ => 0.0,
            };
            longest.log2() + bias
        }
        LodMode::Gradient => {
            let size = image.size(image.first_level).map(|n| n as f32);
            let along = |d: &[Lanes; 3]| {
                let axes = request.dim.gradient();
                let part = |i: usize| f32::from_bits(d[i][lane]) * size[i];
                length(std::array::from_fn(
                    |i| if i < axes { part(i) } else { 0.0 },
                ))
            };
            along(&request.lod.dx).max(along(&request.lod.dy)).log2()
        }
    };
    let least = match &request.lod.min {
        Some(min) => half(min[lane]).max(sampler.min_lod),
        None => sampler.min_lod,
    };
    [raw, raw.max(least).min(sampler.max_lod.max(least))]
}
