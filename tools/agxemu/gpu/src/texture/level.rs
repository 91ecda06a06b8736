// SPDX-License-Identifier: MIT OR Apache-2.0

//! One level of a sample: texels, compared and mixed.

use agx_isa::exec::host::{Dim, Numeric, TextureRequest};
use agx_isa::exec::MemoryFault;

use super::descriptor::{Image, Sampler, Wrap};
use super::filter::{direction, face, taps, Taps};
use super::lod::place;
use super::sample::{nibble, Reader};

/// Returns the channels that the texture takes of a texel.
pub(super) fn swizzled(image: &Image, texel: [u32; 4]) -> [u32; 4] {
    image.swizzle.map(|from| match from {
        0..=3 => texel[usize::from(from)],
        4 => image.codec.one(),
        _ => 0,
    })
}

/// Returns the mixture of two channels.
pub(super) fn mix(a: u32, b: u32, share: f32) -> u32 {
    let (a, b) = (f32::from_bits(a), f32::from_bits(b));
    (a + (b - a) * share).to_bits()
}

/// What a texel becomes before it is filtered, and before channels are chosen: OpenGL's modes of
/// depth textures would not work otherwise. That all channels get the result is inferred, and that
/// the reference is clamped to what the texels of a format can be: the APIs demand it, and drivers
/// give it as the shader has it.
fn compared(
    request: &TextureRequest,
    image: &Image,
    sampler: &Sampler,
    texel: [u32; 4],
    lane: usize,
) -> [u32; 4] {
    let Some(reference) = &request.compare else {
        return texel;
    };
    let (r, t) = (f32::from_bits(reference[lane]), f32::from_bits(texel[0]));
    let r = match image.codec.is_unorm() {
        true => r.clamp(0.0, 1.0),
        false => r,
    };
    let holds = match sampler.compare {
        0 => r <= t,
        1 => r >= t,
        2 => r < t,
        3 => r > t,
        4 => r == t,
        5 => r != t,
        6 => true,
        _ => false,
    };
    [f32::from(u8::from(holds)).to_bits(); 4]
}

/// Returns a sample of one level, at coordinates that are changed by `shift`.
pub(super) fn level_sample(
    request: &TextureRequest,
    reader: &mut Reader<'_, '_>,
    sampler: &Sampler,
    lane: usize,
    level: u32,
    linear: bool,
    shift: [f32; 3],
) -> Result<[u32; 4], MemoryFault> {
    let image = reader.image;
    let size = image.size(level);
    let place = place(request, lane, shift);
    let cube = matches!(request.dim, Dim::Cube | Dim::CubeArray);
    let filtered = linear || request.gather.is_some();
    let axis = |axis: usize| -> Taps {
        let scale = if sampler.pixel_coordinates {
            1.0
        } else {
            size[axis] as f32
        };
        let offset = request.offset.as_ref().map_or(0, |o| nibble(o[lane], axis));
        // Beyond the edge of a face, another face goes on; one texel alone is always this face's.
        let mode = match cube && !sampler.seamful {
            true if filtered => Wrap::Border,
            true => Wrap::Edge,
            false => sampler.wrap[axis],
        };
        taps(place.at[axis] * scale, size[axis], mode, filtered, offset)
    };
    let (x, y) = (axis(0), axis(1));
    let z = match request.dim {
        Dim::D3 => axis(2),
        _ => Taps {
            at: [Some(place.layer.min(image.layers - 1)); 2],
            share: 0.0,
        },
    };
    let mut tap = |i: usize, j: usize, k: usize| -> Result<[u32; 4], MemoryFault> {
        let at = match (x.at[i], y.at[j], z.at[k]) {
            (Some(x), Some(y), Some(z)) => Some([x, y, z]),
            (_, _, Some(layer)) if cube && !sampler.seamful => {
                // The texel's centre, as seen from the middle of the cube.
                let to = |at: f32, n: usize, size: u32| {
                    ((at * size as f32 - 0.5).floor() + n as f32 + 0.5) / size as f32
                };
                let centre = [to(place.at[0], i, size[0]), to(place.at[1], j, size[1])];
                let (other, at) = face(direction(layer % 6, centre));
                let texel = |at: f32, size: u32| ((at * size as f32) as u32).min(size - 1);
                Some([
                    texel(at[0], size[0]),
                    texel(at[1], size[1]),
                    layer / 6 * 6 + other,
                ])
            }
            _ => None,
        };
        let texel = match at {
            Some(at) => reader.texel(level, at, 0)?.unwrap_or([0; 4]),
            None => sampler.border,
        };
        let texel = compared(request, image, sampler, texel, lane);
        Ok(swizzled(image, texel))
    };
    if let Some(channel) = request.gather {
        let channel = usize::from(channel);
        return Ok([
            tap(0, 1, 0)?[channel],
            tap(1, 1, 0)?[channel],
            tap(1, 0, 0)?[channel],
            tap(0, 0, 0)?[channel],
        ]);
    }
    // Integers are never filtered.
    if !linear || image.codec.numeric() == Numeric::Integer {
        return tap(0, 0, 0);
    }
    let mut slice = |k: usize| -> Result<[u32; 4], MemoryFault> {
        let mut row = |j: usize| -> Result<[u32; 4], MemoryFault> {
            let (a, b) = (tap(0, j, k)?, tap(1, j, k)?);
            Ok(std::array::from_fn(|c| mix(a[c], b[c], x.share)))
        };
        let (a, b) = (row(0)?, row(1)?);
        Ok(std::array::from_fn(|c| mix(a[c], b[c], y.share)))
    };
    let front = slice(0)?;
    if z.share == 0.0 {
        return Ok(front);
    }
    let back = slice(1)?;
    Ok(std::array::from_fn(|c| mix(front[c], back[c], z.share)))
}
