// SPDX-License-Identifier: MIT OR Apache-2.0

//! Stores of texels and of image blocks.

use std::sync::{Mutex, PoisonError};

use agx_isa::exec::format::Format;
use agx_isa::exec::host::{bits, BlockPlace, BlockWrite, Dim, HostFault, ImageWrite, Numeric};
use agx_isa::exec::{Dispatch, LaneFault, MemoryFault, Tile};

use super::descriptor::{Image, Place};
use super::element::Element;
use super::layout::{SQUARE, SQUARE_PLACES};
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
    let mut block = Block {
        image: &image,
        level,
        layer,
        corner: [x0, y0],
        tile,
        order: element.order(&image),
        element,
        buffer: vec![0; SQUARE_BYTES],
        offset: request.offset as usize,
        round_to_zero: request.round_to_zero,
        local,
        memory,
    };
    block.store()
}

/// A block on its way to memory.
struct Block<'a> {
    image: &'a Image,
    level: u32,
    layer: u32,
    corner: [u32; 2],
    tile: Tile,
    element: Element,
    /// Where each byte of a texel is in the block, if none of them changes.
    order: Option<[u8; 16]>,
    /// Texels that are stored at once.
    buffer: Vec<u8>,
    /// Of the element in a sample's part of the block.
    offset: usize,
    round_to_zero: bool,
    local: &'a [u8],
    memory: &'a mut dyn Memory,
}

impl Block<'_> {
    /// Stores what of the block is inside the image, as much as possible at once.
    fn store(&mut self) -> Result<(), HostFault> {
        let [width, height, layers] = self.image.size(self.level);
        let [x0, y0] = self.corner;
        if self.layer >= layers || self.level > self.image.last_level {
            return Ok(());
        }
        let columns = self.tile.width.min(width.saturating_sub(x0));
        let rows = self.tile.height.min(height.saturating_sub(y0));
        // The samples of a texel follow each other if the block has all of them.
        let same = self.tile.samples == self.image.samples;
        let layout = &self.image.layout;
        let aligned = self.corner.iter().all(|n| n % SQUARE == 0);
        if same && layout.has_rows() {
            for y in 0..rows {
                self.run(columns, |n| [n, y])?;
            }
            return Ok(());
        }
        let squares = same && aligned && layout.has_squares(self.level);
        for y in (0..rows).step_by(SQUARE as usize) {
            for x in (0..columns).step_by(SQUARE as usize) {
                if squares && x + SQUARE <= columns && y + SQUARE <= rows {
                    self.run(SQUARE * SQUARE, |n| {
                        let [right, down] = SQUARE_PLACES[n as usize].map(u32::from);
                        [x + right, y + down]
                    })?;
                    continue;
                }
                for y in y..rows.min(y + SQUARE) {
                    for x in x..columns.min(x + SQUARE) {
                        self.texel(x, y)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Stores texels that follow each other in memory, from the first on, which are at `place`.
    fn run(&mut self, count: u32, place: impl Fn(u32) -> [u32; 2]) -> Result<(), HostFault> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let size = self.image.codec.bytes();
        let Some(to) = count.checked_sub(1).and_then(|_| self.place(place(0), 0)) else {
            return Ok(());
        };
        let mut texels = buffer.chunks_exact_mut(size);
        if let (Some(order), 1) = (self.order_of_word(), self.tile.samples) {
            for (n, texel) in (0..count).zip(&mut texels) {
                let [x, y] = place(n);
                let Some(from) = self.tile.address(x, y, 0) else {
                    continue;
                };
                let at = from + self.offset;
                let Some(&[a, b, c, d, ..]) = self.local.get(at..at + 16) else {
                    self.convert(from, texel)?;
                    continue;
                };
                let word = u32::from_le_bytes([a, b, c, d]);
                let ordered = order.map(|byte| (word >> (8 * byte)) as u8);
                texel.copy_from_slice(&ordered);
            }
            let bytes = &buffer[..size * count as usize];
            self.write(to, bytes)?;
            self.buffer = buffer;
            return Ok(());
        }
        for n in 0..count {
            let [x, y] = place(n);
            for sample in 0..self.tile.samples {
                let from = self.tile.address(x, y, sample);
                if let (Some(from), Some(texel)) = (from, texels.next()) {
                    self.convert(from, texel)?;
                }
            }
        }
        let bytes = &buffer[..size * (count * self.tile.samples) as usize];
        self.write(to, bytes)?;
        self.buffer = buffer;
        Ok(())
    }

    /// Where the bytes of a texel of one word are in the word of the block, if they are all there.
    fn order_of_word(&self) -> Option<[u32; 4]> {
        let order = self.order.filter(|_| self.image.codec.bytes() == 4)?;
        let [a, b, c, d, ..] = order.map(u32::from);
        let all = [a, b, c, d];
        all.iter().all(|&byte| byte < 4).then_some(all)
    }

    /// Stores the samples of one texel.
    fn texel(&mut self, x: u32, y: u32) -> Result<(), HostFault> {
        for sample in 0..self.tile.samples.min(self.image.samples) {
            let from = self.tile.address(x, y, sample);
            if let (Some(from), Some(to)) = (from, self.place([x, y], sample)) {
                let mut texel = [0; 16];
                let texel = &mut texel[..self.image.codec.bytes()];
                self.convert(from, texel)?;
                self.write(to, texel)?;
            }
        }
        Ok(())
    }

    fn place(&self, [x, y]: [u32; 2], sample: u32) -> Option<u64> {
        let (x, y) = (x + self.corner[0], y + self.corner[1]);
        let place = self.image.place(self.level, x, y, self.layer, sample);
        place.and_then(Place::address)
    }

    fn convert(&self, from: usize, texel: &mut [u8]) -> Result<(), HostFault> {
        let from = from + self.offset;
        if let (Some(order), Some(bytes)) = (&self.order, self.local.get(from..from + 16)) {
            if let [a, b, c, d] = texel {
                let byte = |n: usize| bytes[usize::from(order[n] & 15)];
                [*a, *b, *c, *d] = [byte(0), byte(1), byte(2), byte(3)];
                return Ok(());
            }
            for (texel, &byte) in texel.iter_mut().zip(order) {
                *texel = bytes[usize::from(byte & 15)];
            }
            return Ok(());
        }
        let converted = self
            .element
            .convert(self.image, self.local, from, self.round_to_zero)?;
        texel.copy_from_slice(&converted[..texel.len()]);
        Ok(())
    }

    fn write(&mut self, to: u64, bytes: &[u8]) -> Result<(), HostFault> {
        let written = self.memory.write(to, bytes);
        written.map_err(|fault| HostFault::Memory(LaneFault::new(0, fault)))
    }
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

/// Threads take turns at making squares real, those of a place here each: the colour of one must
/// not go over what another thread has stored to the square since. How hardware does that is not
/// known; nothing but compute shaders and blocks beside each other can meet.
static TURNS: [Mutex<()>; 64] = [const { Mutex::new(()) }; 64];

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
    let turn = &TURNS[(entry / 8) as usize % TURNS.len()];
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Bytes of a square of the largest texels, which is more than a row of a block.
const SQUARE_BYTES: usize = (SQUARE * SQUARE * 64) as usize;
