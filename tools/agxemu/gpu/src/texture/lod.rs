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

/// Returns where a lane looks, whose coordinates are changed by `shift`.
pub fn place(request: &TextureRequest, lane: usize, shift: [f32; 3]) -> Place {
    let f = |n: usize| f32::from_bits(request.coordinates[n][lane]) + shift[n];
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

/// What of a texture a pixel shows.
#[derive(Clone, Copy, Debug, Default)]
struct Footprint {
    /// Level of detail before bias and limits.
    level: f32,
    probes: u32,
    /// The change of coordinates from one end of the footprint to the other.
    along: [f32; 3],
}

impl Footprint {
    /// From how the coordinates change between pixels, to the right and down.
    fn new(
        request: &TextureRequest,
        image: &Image,
        sampler: &Sampler,
        lane: usize,
        [x, y]: [[f32; 3]; 2],
    ) -> Self {
        let [right, down] = [x, y].map(|change| distance(request, image, sampler, lane, change));
        let (long, short) = (right.max(down), right.min(down));
        let most = sampler.max_anisotropy as f32;
        // As many as the long side has of the short one. That there are so many, and where they
        // are, is inferred from GL_EXT_texture_filter_anisotropic.
        let ratio = (long / short).ceil();
        let probes = if ratio < most { ratio.max(1.0) } else { most };
        let probes = if long > 0.0 { probes } else { 1.0 };
        Self {
            level: (long / probes).log2(),
            probes: probes as u32,
            along: if right < down { y } else { x },
        }
    }

    /// Returns a level that is stated.
    fn of_level(level: f32) -> Self {
        Self {
            level,
            probes: 1,
            along: [0.0; 3],
        }
    }
}

/// Footprints that come from differences in quads, of which each is worked out once.
#[derive(Default)]
pub struct Quads {
    last: Option<(usize, Footprint)>,
}

impl Quads {
    fn of(&mut self, quad: usize, footprint: impl FnOnce() -> Footprint) -> Footprint {
        match self.last {
            Some((known, footprint)) if known == quad => footprint,
            _ => self.last.insert((quad, footprint())).1,
        }
    }
}

/// At which level a lane samples, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Detail {
    /// The level of detail, before and after the sampler limits it.
    pub raw: f32,
    pub limited: f32,
    pub probes: u32,
    along: [f32; 3],
}

impl Detail {
    /// Returns the detail of a sample whose level makes no difference.
    pub const ANY: Self = Self {
        raw: 0.0,
        limited: 0.0,
        probes: 1,
        along: [0.0; 3],
    };

    /// Returns the change of coordinates of a probe.
    pub fn shift(&self, probe: u32) -> [f32; 3] {
        let share = (probe + 1) as f32 / (self.probes + 1) as f32 - 0.5;
        self.along.map(|part| part * share)
    }
}

/// Returns the level of detail of a lane.
pub fn detail(
    request: &TextureRequest,
    image: &Image,
    sampler: &Sampler,
    quads: &mut Quads,
    lane: usize,
) -> Detail {
    let axes = request.dim.gradient();
    let change = |part: &dyn Fn(usize) -> f32| {
        std::array::from_fn(|axis| if axis < axes { part(axis) } else { 0.0 })
    };
    let footprint = match request.lod.mode {
        LodMode::Explicit => Footprint::of_level(half(request.lod.value[lane])),
        LodMode::Auto | LodMode::Bias => {
            let quad = lane & !3;
            let at = |axis: usize, lane: usize| f32::from_bits(request.coordinates[axis][lane]);
            let to = |other| change(&|axis| at(axis, other) - at(axis, quad));
            let changes = || [to(quad | 1), to(quad | 2)];
            quads.of(quad, || {
                Footprint::new(request, image, sampler, quad, changes())
            })
        }
        LodMode::Gradient => {
            let of = |d: &[Lanes; 3]| change(&|axis| f32::from_bits(d[axis][lane]));
            let changes = [of(&request.lod.dx), of(&request.lod.dy)];
            Footprint::new(request, image, sampler, lane, changes)
        }
    };
    let bias = match request.lod.mode {
        LodMode::Bias => half(request.lod.value[lane]),
        _ => 0.0,
    };
    let raw = footprint.level + bias;
    let least = match &request.lod.min {
        Some(min) => half(min[lane]).max(sampler.min_lod),
        None => sampler.min_lod,
    };
    Detail {
        raw,
        limited: raw.max(least).min(sampler.max_lod.max(least)),
        probes: footprint.probes,
        along: footprint.along,
    }
}
