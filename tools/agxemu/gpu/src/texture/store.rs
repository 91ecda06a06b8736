// SPDX-License-Identifier: MIT OR Apache-2.0

//! Stores of texels and of image blocks.

use agx_isa::exec::format::Format;
use agx_isa::exec::host::{bits, BlockPlace, BlockWrite, Dim, HostFault, ImageWrite, Numeric};
use agx_isa::exec::{Dispatch, LaneFault, MemoryFault};

use super::descriptor::{Image, Place};
use super::metadata::{Metadata, State};
use super::sample::integer_place;
use super::Memory;

/// One texel for each lane; those outside the image are dropped.
///
/// # Errors
///
/// What is not supported, or where memory may not be written.
pub fn texels(request: &ImageWrite, memory: &mut dyn Memory) -> Result<(), HostFault> {
    let image = Image::target(&request.image).map_err(HostFault::Unsupported)?;
    let numeric = image.codec.numeric();
    for lane in bits(request.mask) {
        let ([x, y, layer], sample) = integer_place(request.dim, &request.coordinates, lane);
        let level = image.first_level + (request.lod[lane] & 0xffff);
        let place = image.place(level, x, y, layer, sample);
        let Some(place) = place.and_then(Place::address) else {
            continue;
        };
        let values = request.data.map(|channel| {
            let value = channel[lane];
            match (request.wide, numeric) {
                (false, Numeric::Float) => Format::F16.unpack(value & 0xffff, 0, true),
                _ => value,
            }
        });
        let channels = image.swizzle.map(|from| values[usize::from(from)]);
        let texel = image.codec.encode(channels, request.round_to_zero);
        let fault = |fault| HostFault::Memory(LaneFault::new(lane, fault));
        if let Some(metadata) = &image.metadata {
            let at = [x, y, layer];
            make_raw(&image, metadata, level, at, false, memory).map_err(fault)?;
        }
        memory
            .write(place, &texel[..image.codec.bytes()])
            .map_err(fault)?;
    }
    Ok(())
}

/// A whole image block.
///
/// # Errors
///
/// As [`texels`].
pub fn block(
    request: &BlockWrite,
    dispatch: &Dispatch,
    local: &[u8],
    memory: &mut dyn Memory,
) -> Result<(), HostFault> {
    let image = Image::target(&request.image).map_err(HostFault::Unsupported)?;
    let ([x0, y0, layer], _) = match request.place {
        BlockPlace::Explicit(words) => integer_place(request.dim, &words.map(|w| [w; 32]), 0),
        BlockPlace::Tile(word) => {
            let Some([x, y]) = dispatch.corner else {
                return Err(HostFault::Unsupported(
                    "store of the current tile outside rendering".to_owned(),
                ));
            };
            let layer = match request.dim {
                Dim::D2Array => word & 0xffff,
                Dim::D2MsArray => word >> 16,
                _ => 0,
            };
            ([x, y, layer], 0)
        }
    };
    let level = image.first_level + (request.lod & 0xffff);
    let tile = dispatch.tile;
    let element = Element::new(request.format, &image);
    let fault = |fault| HostFault::Memory(LaneFault::new(0, fault));
    if let Some(metadata) = &image.metadata {
        let block = [x0, y0, tile.width, tile.height];
        squares(&image, metadata, level, layer, block, memory).map_err(fault)?;
    }
    for y in 0..tile.height {
        for x in 0..tile.width {
            for sample in 0..tile.samples.min(image.samples) {
                let from = tile.address(x, y, sample);
                let (x, y) = (x0.wrapping_add(x), y0.wrapping_add(y));
                let to = image.place(level, x, y, layer, sample);
                let (Some(from), Some(to)) = (from, to.and_then(Place::address)) else {
                    continue;
                };
                let from = from + request.offset as usize;
                let texel = element.convert(&image, local, from, request.round_to_zero)?;
                memory
                    .write(to, &texel[..image.codec.bytes()])
                    .map_err(fault)?;
            }
        }
    }
    Ok(())
}

/// Makes the squares raw that a block of pixels touches.
fn squares(
    image: &Image,
    metadata: &Metadata,
    level: u32,
    layer: u32,
    [x0, y0, width, height]: [u32; 4],
    memory: &mut dyn Memory,
) -> Result<(), MemoryFault> {
    let [columns, rows, layers] = image.size(level);
    if level > image.last_level || layer >= layers {
        return Ok(());
    }
    let (x1, y1) = (x0.saturating_add(width), y0.saturating_add(height));
    let (x1, y1) = (x1.min(columns), y1.min(rows));
    let [across, down] = metadata.square();
    for y in (y0 & !(down - 1)..y1).step_by(down as usize) {
        for x in (x0 & !(across - 1)..x1).step_by(across as usize) {
            // What is outside of the image does not count.
            let whole =
                x >= x0 && y >= y0 && (x + across).min(columns) <= x1 && (y + down).min(rows) <= y1;
            make_raw(image, metadata, level, [x, y, layer], whole, memory)?;
        }
    }
    Ok(())
}

/// Makes the square raw that a pixel is in. Unless all of it is about to be written, its colour is
/// written to all samples first.
fn make_raw(
    image: &Image,
    metadata: &Metadata,
    level: u32,
    [x, y, layer]: [u32; 3],
    whole: bool,
    memory: &mut dyn Memory,
) -> Result<(), MemoryFault> {
    let Some(entry) = metadata.entry(level, layer, x, y) else {
        return Ok(());
    };
    let mut bytes = [0; 8];
    memory.read(entry, &mut bytes)?;
    if bytes == metadata.raw() {
        return Ok(());
    }
    if !whole && metadata.state(bytes) == State::Solid {
        let [across, down] = metadata.square();
        let (x0, y0) = (x & !(across - 1), y & !(down - 1));
        let first = image.place(level, x0, y0, layer, 0);
        if let Some(first) = first.and_then(Place::address) {
            let mut colour = [0; 16];
            let colour = &mut colour[..image.codec.bytes()];
            memory.read(first, colour)?;
            for (x, y) in (y0..y0 + down).flat_map(|y| (x0..x0 + across).map(move |x| (x, y))) {
                for sample in 0..image.samples {
                    let place = image.place(level, x, y, layer, sample);
                    if let Some(place) = place.and_then(Place::address) {
                        memory.write(place, colour)?;
                    }
                }
            }
        }
    }
    memory.write(entry, &metadata.raw())
}

/// How an element of an image block becomes a texel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    /// Channels have the same bits in both; colours of sRGB are encoded in the block already.
    Raw(Format),
    /// One word has all channels, and its bits are those of the texel.
    Word(Format),
    /// As `Raw`, with the ten and two bits of a word.
    Fields,
    /// Channels are half floats, whatever the texel has.
    Half,
    /// Values are converted.
    Value(Format),
}

impl Element {
    fn new(format: Format, image: &Image) -> Self {
        let float = image.codec.numeric() == Numeric::Float;
        let width = image.codec.width();
        match format {
            Format::I16 if float && width != Some(16) => Self::Half,
            Format::I8 | Format::I16 | Format::I32 => Self::Raw(format),
            Format::Rgb10A2 if image.codec.is_rgb10a2() => Self::Fields,
            format if format.channels() > 1 && image.codec.is_packed() => Self::Word(format),
            format if format.channels() == 1 && width == Some(8 * format.size() as u32) => {
                Self::Raw(format)
            }
            format => Self::Value(format),
        }
    }

    /// The texel for memory of what is at `from` in the block.
    fn convert(
        self,
        image: &Image,
        local: &[u8],
        from: usize,
        round_to_zero: bool,
    ) -> Result<[u8; 16], HostFault> {
        let word = |format: Format, n: usize| -> Result<u32, HostFault> {
            let at = from + n * format.size();
            let bytes = local.get(at..at + format.size()).ok_or_else(|| {
                HostFault::Unsupported(format!("image block beyond {} bytes", local.len()))
            })?;
            let word = bytes.iter().rev().fold(0, |w, &b| (w << 8) | u32::from(b));
            Ok(word)
        };
        let mut values = [0; 4];
        let channels = values.iter_mut().zip(image.swizzle);
        let channels = channels.take(image.codec.channels());
        match self {
            Self::Word(format) => {
                values[0] = word(format, 0)?;
                return Ok(image.codec.encode_raw(values));
            }
            Self::Raw(format) => {
                for (value, channel) in channels {
                    *value = word(format, channel.into())?;
                }
                return Ok(image.codec.encode_raw(values));
            }
            Self::Fields => {
                let all = word(Format::Rgb10A2, 0)?;
                for (value, channel) in channels {
                    *value = all >> (10 * u32::from(channel)) & 0x3ff;
                }
                return Ok(image.codec.encode_raw(values));
            }
            Self::Half => {
                for (value, channel) in channels {
                    *value = Format::F16.unpack(word(Format::I16, channel.into())?, 0, true);
                }
            }
            Self::Value(format) => {
                for (value, channel) in channels {
                    let at = if format.channels() > 1 { 0 } else { channel };
                    let word = word(format, at.into())?;
                    *value = format.unpack(word, channel.into(), true);
                }
            }
        }
        Ok(image.codec.encode(values, round_to_zero))
    }
}
