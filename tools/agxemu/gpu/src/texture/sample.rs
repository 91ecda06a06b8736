// SPDX-License-Identifier: MIT OR Apache-2.0

//! Texel fetches and samples.

use agx_isa::exec::host::{
    bits, Dim, HostFault, LodMode, Numeric, TextureOp, TextureRequest, TextureResult,
};
use agx_isa::exec::{Lanes, MemoryFault};

use super::compressed::Texels;
use super::descriptor::{mapped, Image, Mip, Place as Texel, Sampler, Wrap};
use super::filter::{direction, face, taps, Taps};
use super::lod::{lod, place, Quads};
use super::metadata::{Metadata, State};
use agx_isa::exec::LaneFault;

/// Reads memory.
pub type Load<'a> = dyn FnMut(u64, &mut [u8]) -> Result<(), MemoryFault> + 'a;

struct Reader<'a, 'l> {
    image: &'a Image,
    /// The block that was read last, of compressed formats.
    block: &'a mut Option<(u64, Texels)>,
    load: &'a mut Load<'l>,
    /// Metadata of the square that was looked at last, and what it says.
    square: &'a mut (u64, State),
    quads: &'a mut Quads,
    /// No texel so far was on a page that a sparse image does not have.
    resident: bool,
}

impl Reader<'_, '_> {
    /// Where the texel at `place` is, or what stands for it.
    fn resolved(
        &mut self,
        metadata: &Metadata,
        level: u32,
        [x, y, layer]: [u32; 3],
        place: u64,
    ) -> Result<u64, MemoryFault> {
        let Some(entry) = metadata.entry(level, layer, x, y) else {
            return Ok(place);
        };
        if self.square.0 != entry {
            let mut bytes = [0; 8];
            (self.load)(entry, &mut bytes)?;
            *self.square = (entry, metadata.state(bytes));
        }
        if self.square.1 == State::Raw {
            return Ok(place);
        }
        // The colour is at the start of the square.
        let [width, height] = metadata.square();
        let first = self
            .image
            .place(level, x & !(width - 1), y & !(height - 1), layer, 0);
        Ok(first.and_then(Texel::address).unwrap_or(place))
    }

    /// A texel's channels as they are in memory; zeros outside.
    fn texel(
        &mut self,
        level: u32,
        at: [u32; 3],
        sample: u32,
    ) -> Result<Option<[u32; 4]>, MemoryFault> {
        let image = self.image;
        let [x, y, layer] = at;
        let place = match image.place(level, x, y, layer, sample) {
            None => return Ok(None),
            Some(Texel::At(address)) => address,
            Some(Texel::Mapped { entry, offset }) => {
                let mut bytes = [0; 4];
                (self.load)(entry, &mut bytes)?;
                let Some(page) = mapped(u32::from_le_bytes(bytes)) else {
                    self.resident = false;
                    return Ok(Some([0; 4]));
                };
                page + offset
            }
        };
        let place = match &image.metadata {
            Some(metadata) => self.resolved(metadata, level, at, place)?,
            None => place,
        };
        let mut bytes = [0; 16];
        let bytes = &mut bytes[..image.codec.bytes()];
        let Some(compressed) = &image.codec.compressed else {
            (self.load)(place, bytes)?;
            return Ok(Some(image.codec.decode(bytes)));
        };
        let texels = match &mut self.block {
            Some((at, texels)) if *at == place => &*texels,
            last => {
                (self.load)(place, bytes)?;
                &last.insert((place, compressed.decode(bytes))).1
            }
        };
        let [width, height] = compressed.block();
        Ok(Some(texels[(y % height * width + x % width) as usize]))
    }
}

fn swizzled(image: &Image, texel: [u32; 4]) -> [u32; 4] {
    image.swizzle.map(|from| match from {
        0..=3 => texel[usize::from(from)],
        4 => image.codec.one(),
        _ => 0,
    })
}

/// Carries a request out; `image` is what its descriptor says.
///
/// # Errors
///
/// What is not supported, or where memory may not be read.
pub fn run(
    request: &TextureRequest,
    image: &Image,
    result: &mut TextureResult,
    load: &mut Load<'_>,
) -> Result<(), HostFault> {
    result.numeric = image.codec.numeric();
    result.residency = [0; 32];
    if request.query_lod {
        result.numeric = Numeric::Float;
    }
    let sampler = match request.op {
        TextureOp::Fetch => None,
        TextureOp::Sample => {
            let sampler = Sampler::new(&request.sampler, &image.codec);
            Some(sampler.map_err(HostFault::Unsupported)?)
        }
    };
    let mut block = None;
    // No address has its lowest bit set.
    let mut square = (1, State::Raw);
    let mut quads = Quads::default();
    for lane in bits(request.mask) {
        let mut reader = Reader {
            image,
            block: &mut block,
            square: &mut square,
            load: &mut *load,
            quads: &mut quads,
            resident: true,
        };
        let texel = match &sampler {
            None => fetch(request, &mut reader, lane),
            Some(sampler) => sample(request, &mut reader, sampler, lane),
        };
        let texel = texel.map_err(|fault| HostFault::Memory(LaneFault::new(lane, fault)))?;
        // What else than not zero it is, is inferred.
        result.residency[lane] = u32::from(!reader.resident);
        for (channel, value) in result.channels.iter_mut().zip(texel) {
            channel[lane] = value;
        }
    }
    Ok(())
}

/// Layer and sample of integer coordinates.
pub fn integer_place(dim: Dim, coordinates: &[Lanes; 4], lane: usize) -> ([u32; 3], u32) {
    let c = |n: usize| coordinates[n][lane];
    let low = |n: usize| c(n) & 0xffff;
    match dim {
        Dim::D1 => ([c(0), 0, 0], 0),
        Dim::D1Array => ([c(0), 0, low(1)], 0),
        Dim::D2 => ([c(0), c(1), 0], 0),
        Dim::D2Array | Dim::Cube => ([c(0), c(1), low(2)], 0),
        Dim::D3 => ([c(0), c(1), c(2)], 0),
        Dim::D2Ms => ([c(0), c(1), 0], low(2)),
        Dim::D2MsArray => ([c(0), c(1), c(2) >> 16], low(2)),
        Dim::CubeArray => ([c(0), c(1), low(2).wrapping_add(low(3) * 6)], 0),
    }
}

fn nibble(offsets: u32, axis: usize) -> i32 {
    ((offsets >> (4 * axis) & 15) as i32) << 28 >> 28
}

fn fetch(
    request: &TextureRequest,
    reader: &mut Reader<'_, '_>,
    lane: usize,
) -> Result<[u32; 4], MemoryFault> {
    let ([mut x, mut y, mut layer], sample) =
        integer_place(request.dim, &request.coordinates, lane);
    if let Some(offset) = &request.offset {
        x = x.wrapping_add_signed(nibble(offset[lane], 0));
        y = y.wrapping_add_signed(nibble(offset[lane], 1));
        if request.dim == Dim::D3 {
            layer = layer.wrapping_add_signed(nibble(offset[lane], 2));
        }
    }
    let level = match request.lod.mode {
        LodMode::Auto => 0,
        _ => request.lod.value[lane] & 0xffff,
    };
    let level = reader.image.first_level.saturating_add(level);
    let texel = match level <= reader.image.last_level {
        true => reader.texel(level, [x, y, layer], sample)?,
        false => None,
    };
    // Outside everything is zero, but what the format does not have.
    Ok(swizzled(reader.image, texel.unwrap_or([0; 4])))
}

fn sample(
    request: &TextureRequest,
    reader: &mut Reader<'_, '_>,
    sampler: &Sampler,
    lane: usize,
) -> Result<[u32; 4], MemoryFault> {
    let image = reader.image;
    // With one level and one filter the level of detail makes no difference.
    let levels = image.last_level - image.first_level;
    let any = levels == 0 && sampler.min_linear == sampler.mag_linear;
    let [raw, lod] = match any && !request.query_lod {
        true => [0.0; 2],
        false => lod(request, image, sampler, reader.quads, lane),
    };
    let last = levels as f32;
    let limited = lod.clamp(0.0, last);
    let level = match sampler.mip {
        Mip::None => 0.0,
        // Half way goes to the smaller number.
        Mip::Nearest => (limited + 0.5).ceil() - 1.0,
        Mip::Linear => limited,
    };
    if request.query_lod {
        // Inferred: the order of the two, and that the first one is the level which a sample reads,
        // as OpenGL and Vulkan want it.
        return Ok([level.to_bits(), raw.to_bits(), 0, 0]);
    }
    let linear = if lod > 0.0 {
        sampler.min_linear
    } else {
        sampler.mag_linear
    };
    let mut at_level = |level: f32| {
        let level = image.first_level + level as u32;
        level_sample(request, reader, sampler, lane, level, linear)
    };
    if request.gather.is_some() {
        return at_level(0.0);
    }
    match sampler.mip {
        Mip::None | Mip::Nearest => at_level(level),
        Mip::Linear => {
            let share = level - level.floor();
            let near = at_level(level.floor())?;
            if share == 0.0 {
                return Ok(near);
            }
            let far = at_level(level.floor() + 1.0)?;
            Ok(std::array::from_fn(|i| mix(near[i], far[i], share)))
        }
    }
}

fn mix(a: u32, b: u32, share: f32) -> u32 {
    let (a, b) = (f32::from_bits(a), f32::from_bits(b));
    (a + (b - a) * share).to_bits()
}

/// What a texel becomes before it is filtered, and before channels are chosen: OpenGL's modes of
/// depth textures would not work otherwise. That all channels get the result is inferred.
fn compared(request: &TextureRequest, sampler: &Sampler, texel: [u32; 4], lane: usize) -> [u32; 4] {
    let Some(reference) = &request.compare else {
        return texel;
    };
    let (r, t) = (f32::from_bits(reference[lane]), f32::from_bits(texel[0]));
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

/// Returns a sample of one level.
fn level_sample(
    request: &TextureRequest,
    reader: &mut Reader<'_, '_>,
    sampler: &Sampler,
    lane: usize,
    level: u32,
    linear: bool,
) -> Result<[u32; 4], MemoryFault> {
    let image = reader.image;
    let size = image.size(level);
    let place = place(request, lane);
    let cube = matches!(request.dim, Dim::Cube | Dim::CubeArray);
    let filtered = linear || request.gather.is_some();
    let axis = |axis: usize| -> Taps {
        let scale = if sampler.pixel_coordinates {
            1.0
        } else {
            size[axis] as f32
        };
        let offset = request.offset.as_ref().map_or(0, |o| nibble(o[lane], axis));
        // Beyond the edge of a face, another face goes on.
        let mode = if cube && !sampler.seamful {
            Wrap::Border
        } else {
            sampler.wrap[axis]
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
        Ok(swizzled(image, compared(request, sampler, texel, lane)))
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
