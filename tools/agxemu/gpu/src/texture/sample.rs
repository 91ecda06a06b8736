// SPDX-License-Identifier: MIT OR Apache-2.0

//! Texel fetches and samples.

use agx_isa::exec::host::{
    bits, Dim, HostFault, LodMode, Numeric, TextureOp, TextureRequest, TextureResult,
};
use agx_isa::exec::{Lanes, MemoryFault};

use super::compressed::Texels;
use super::descriptor::{mapped, Image, Mip, Place as Texel, Sampler};
use super::level::{level_sample, mix, swizzled};
use super::lod::{detail, Detail, Quads};
use super::metadata::{Metadata, State};
use agx_isa::exec::LaneFault;

/// Reads memory.
pub type Load<'a> = dyn FnMut(u64, &mut [u8]) -> Result<(), MemoryFault> + 'a;

/// What texels are read through.
pub(super) struct Reader<'a, 'l> {
    pub image: &'a Image,
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
    pub fn texel(
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

pub(super) fn nibble(offsets: u32, axis: usize) -> i32 {
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
    let any =
        levels == 0 && sampler.min_linear == sampler.mag_linear && sampler.max_anisotropy == 1;
    let detail = match any && !request.query_lod {
        true => Detail::ANY,
        false => detail(request, image, sampler, reader.quads, lane),
    };
    let lod = detail.limited;
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
        return Ok([level.to_bits(), detail.raw.to_bits(), 0, 0]);
    }
    let linear = if lod > 0.0 {
        sampler.min_linear
    } else {
        sampler.mag_linear
    };
    let mut probe = |shift: [f32; 3]| {
        let mut at_level = |level: f32| {
            let level = image.first_level + level as u32;
            level_sample(request, reader, sampler, lane, level, linear, shift)
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
    };
    let once = request.gather.is_some() || image.codec.numeric() == Numeric::Integer;
    if detail.probes == 1 || once {
        return probe([0.0; 3]);
    }
    let mut sum = [0.0; 4];
    for n in 0..detail.probes {
        for (sum, part) in sum.iter_mut().zip(probe(detail.shift(n))?) {
            *sum += f32::from_bits(part);
        }
    }
    Ok(sum.map(|sum| (sum / detail.probes as f32).to_bits()))
}
