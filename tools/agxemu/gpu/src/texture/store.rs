// SPDX-License-Identifier: MIT OR Apache-2.0

//! Stores of texels and of image blocks.

use agx_isa::exec::format::Format;
use agx_isa::exec::host::{bits, BlockWrite, HostFault, ImageWrite, Numeric};
use agx_isa::exec::{Dispatch, LaneFault, MemoryFault};

use super::descriptor::{Image, Place};
use super::sample::integer_place;

/// Writes memory.
pub type Store<'a> = dyn FnMut(u64, &[u8]) -> Result<(), MemoryFault> + 'a;

/// One texel for each lane; those outside the image are dropped.
///
/// # Errors
///
/// What is not supported, or where memory may not be written.
pub fn texels(request: &ImageWrite, store: &mut Store<'_>) -> Result<(), HostFault> {
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
        store(place, &texel[..image.codec.bytes()])
            .map_err(|fault| HostFault::Memory(LaneFault::new(lane, fault)))?;
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
    store: &mut Store<'_>,
) -> Result<(), HostFault> {
    let image = Image::target(&request.image).map_err(HostFault::Unsupported)?;
    let Some(corner) = request.coordinates else {
        return Err(HostFault::Unsupported(
            "store of the current tile outside rendering".to_owned(),
        ));
    };
    let corner = corner.map(|word| [word; 32]);
    let ([x0, y0, layer], _) = integer_place(request.dim, &corner, 0);
    let level = image.first_level + (request.lod & 0xffff);
    let tile = dispatch.tile;
    let count = image.codec.channels();
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
                let texel = convert(request, &image, count, local, from)?;
                store(to, &texel[..image.codec.bytes()])
                    .map_err(|fault| HostFault::Memory(LaneFault::new(0, fault)))?;
            }
        }
    }
    Ok(())
}

/// The texel for memory of what is at `from` in the block.
fn convert(
    request: &BlockWrite,
    image: &Image,
    count: usize,
    local: &[u8],
    from: usize,
) -> Result<[u8; 16], HostFault> {
    let format = request.format;
    let size = format.size();
    let outside = || HostFault::Unsupported(format!("image block beyond {} bytes", local.len()));
    let word = |n: usize| -> Result<u32, HostFault> {
        let at = from + n * size;
        let bytes = local.get(at..at + size).ok_or_else(outside)?;
        let word = bytes.iter().rev().fold(0, |w, &b| (w << 8) | u32::from(b));
        Ok(word)
    };
    let mut values = [0; 4];
    if format.channels() > 1 {
        let all = word(0)?;
        for (channel, value) in values.iter_mut().enumerate().take(format.channels()) {
            *value = format.unpack(all, channel as u32, true);
        }
    } else {
        for (channel, value) in values.iter_mut().enumerate().take(count) {
            *value = format.unpack(word(channel)?, channel as u32, true);
        }
    }
    // The channels of the block are those of the image in order: swizzles are for single texels.
    let raw = matches!(format, Format::I8 | Format::I16 | Format::I32);
    Ok(match raw {
        true => image.codec.encode_raw(values),
        false => image.codec.encode(values, request.round_to_zero),
    })
}
