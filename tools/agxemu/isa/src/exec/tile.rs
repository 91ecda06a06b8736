// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tile: the image block of a threadgroup, and the pixels of a fragment group.

use super::host::bits;
use super::memory::{copy, runs};
use super::op::TileAccess;
use super::operand::half_register;
use super::run::{unsupported, Machine};
use super::{FaultKind, Group, Host, Lanes, LANES};

/// The samples that the lanes of a group access: `size` bytes in `buffer` for each lane, of which a
/// sample has `room`.
struct Access<'a> {
    local: &'a mut [u8],
    buffer: &'a mut [u8],
    size: usize,
    room: usize,
    store: bool,
}

impl Access<'_> {
    /// Copies one sample of a lane, or returns where it would be outside of the tile.
    #[inline(always)]
    fn copy(&mut self, lane: usize, at: usize) -> Result<(), Box<FaultKind>> {
        let (size, room) = (self.size, self.room);
        let Some(memory) = self.local.get_mut(at..at + room) else {
            return Err(outside(lane, at));
        };
        let bytes = &mut self.buffer[lane * size..][..size];
        if self.store {
            copy(memory, &bytes[..room]);
        } else {
            copy(&mut bytes[..room], memory);
            bytes[room..].fill(0);
        }
        Ok(())
    }

    /// [`Access::copy`] of lanes with one sample each, of `SIZE` bytes with room for all: it is a
    /// move of a register.
    fn copy_lanes<const SIZE: usize>(
        &mut self,
        lanes: u32,
        at: &[usize; LANES],
    ) -> Result<(), Box<FaultKind>> {
        for lane in bits(lanes) {
            let at = at[lane];
            let Some(memory) = self.local.get_mut(at..at + SIZE) else {
                return Err(outside(lane, at));
            };
            let bytes = &mut self.buffer[lane * SIZE..][..SIZE];
            match self.store {
                true => memory.copy_from_slice(bytes),
                false => bytes.copy_from_slice(memory),
            }
        }
        Ok(())
    }
}

#[cold]
fn outside(lane: usize, at: usize) -> Box<FaultKind> {
    let (lane, address) = (lane as u8, at as u64);
    Box::new(FaultKind::Local { lane, address })
}

impl Group {
    /// Accesses the image block in threadgroup memory. Places outside the block are not touched
    /// and read as zero, which is inferred.
    pub(super) fn tile<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        store: bool,
        t: &TileAccess,
    ) -> Result<(), Box<FaultKind>> {
        let Some(position) = t.position else {
            return self.pixel_tile(m, store, t);
        };
        let tile = m.dispatch.tile;
        if tile.samples == 0 {
            return Err(unsupported("the launch has no image block"));
        }
        let shared = m.shared.get();
        let x = self.lanes(shared, half_register(position.into()));
        let y = self.lanes(shared, half_register(u64::from(position) + 1));
        let samples = self.lanes(shared, t.samples);
        let all = ((1u64 << tile.samples) - 1) as u32;
        let exec = self.exec;
        let one_sample = bits(exec).all(|lane| (samples[lane] & all).count_ones() == 1);
        if !store && !one_sample {
            return Err(unsupported("load of other than one sample"));
        }
        // As in memory, channels that the mask leaves out keep their place.
        let mut n = 0;
        let mask = if t.format.channels() > 1 {
            1
        } else {
            t.regs.mask
        };
        for (first, count) in runs(mask) {
            let size = t.format.size() * count as usize;
            if store {
                self.pack(t.regs, t.format, first, count, &mut n);
            } else {
                self.buffer.fill(0);
            }
            let offset = usize::from(t.offset) + first as usize * t.format.size();
            let mut access = Access {
                local: &mut *m.local,
                buffer: &mut self.buffer[..],
                size,
                // Compilers store four channels also where a sample has less room. That the rest is
                // lost, and does not end up in the next sample, is inferred: copies of two-word
                // texels would not work otherwise.
                room: (tile.stride as usize).saturating_sub(offset).min(size),
                store,
            };
            for lane in bits(exec) {
                for sample in bits(samples[lane] & all) {
                    if let Some(at) = tile.address(x[lane], y[lane], sample as u32) {
                        access.copy(lane, at + offset)?;
                    }
                }
            }
            if !store {
                self.unpack(t.regs, t.format, first, count, &mut n);
            }
        }
        Ok(())
    }

    /// Accesses the tile at the place of each lane's pixel.
    fn pixel_tile<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        store: bool,
        t: &TileAccess,
    ) -> Result<(), Box<FaultKind>> {
        let tile = m.dispatch.tile;
        if tile.samples == 0 || tile.width == 0 || tile.height == 0 {
            return Err(unsupported("the launch has no image block"));
        }
        let samples = self.lanes(m.shared.get(), t.samples);
        let pixels = self.pixels()?;
        let all = pixels.all();
        let exec = if store {
            self.exec & self.real
        } else {
            self.exec
        };
        // The samples of each lane: one of a load, those that are live of a store.
        let chosen: Lanes = std::array::from_fn(|lane| {
            let asked = samples[lane] & all;
            match store {
                true => asked & pixels.live[lane],
                false => 1 << asked.trailing_zeros().min(pixels.samples - 1),
            }
        });
        let pixel = pixels.in_tile(tile.width, tile.height);
        let mask = match t.format.channels() {
            1 => t.regs.mask,
            _ => 1,
        };
        let mut n = 0;
        for (first, count) in runs(mask) {
            let size = t.format.size() * count as usize;
            if store {
                self.pack(t.regs, t.format, first, count, &mut n);
            }
            let offset = usize::from(t.offset) + first as usize * t.format.size();
            let at = |lane: usize, sample: u32| {
                ((pixel[lane] * tile.samples + sample) * tile.stride) as usize + offset
            };
            let mut access = Access {
                local: &mut *m.local,
                buffer: &mut self.buffer[..],
                size,
                // As in an image block, what a sample has no room for is lost.
                room: (tile.stride as usize).saturating_sub(offset).min(size),
                store,
            };
            if tile.samples == 1 && access.room == size && matches!(size, 4 | 8 | 16) {
                let lanes = chosen.iter().enumerate();
                let lanes = lanes.fold(0, |lanes, (lane, one)| lanes | (one & 1) << lane) & exec;
                let at = std::array::from_fn(|lane| at(lane, 0));
                match size {
                    4 => access.copy_lanes::<4>(lanes, &at),
                    8 => access.copy_lanes::<8>(lanes, &at),
                    _ => access.copy_lanes::<16>(lanes, &at),
                }?;
            } else {
                for lane in bits(exec) {
                    for sample in bits(chosen[lane]) {
                        access.copy(lane, at(lane, sample as u32))?;
                    }
                }
            }
            if !store {
                self.unpack(t.regs, t.format, first, count, &mut n);
            }
        }
        Ok(())
    }
}
