// SPDX-License-Identifier: MIT OR Apache-2.0

//! Textures and images: finds descriptors and operands, and lets the host do the rest; and blocks
//! of images.

use super::fragment::texture_for_helpers;
use super::host::{
    bits, BlockPlace, BlockWrite, HostFault, ImageWrite, LaneFault, Lod, LodMode, Numeric, Sampler,
    TextureRequest, TextureResult,
};
use super::memory::uniform64;
use super::op::{Coordinates, Descriptor, Image, Src, Texture};
use super::operand::half_register;
use super::run::{unsupported, Machine};
use super::{half, FaultKind, Group, Host, Lanes, Shared, LANES};

/// Sampler numbers in a register from here on are places in the sampler heap.
const HEAP_FIRST: u32 = 28;

pub(super) fn host_fault(fault: HostFault) -> Box<FaultKind> {
    match fault {
        HostFault::Memory(fault) => Box::new(FaultKind::Memory(fault)),
        HostFault::Unsupported(what) => unsupported(what),
    }
}

impl Group {
    /// Returns 16 or 32 bits of all lanes.
    pub(super) fn lanes(&self, shared: &Shared, src: Src) -> Lanes {
        let mut tmp = [0; LANES];
        *super::compute::read(&self.regs, shared, src, &mut tmp)
    }

    /// Returns where the descriptor of a lane is: the number of a register, or an address.
    fn place(&self, shared: &Shared, descriptor: Descriptor, lane: usize) -> u64 {
        match descriptor {
            Descriptor::State(number) => number.into(),
            Descriptor::Indexed(src) => self.lane_value(shared, src, lane).into(),
            Descriptor::Bindless { base, offset } => {
                let offset = self.regs[usize::from(offset)][lane];
                uniform64(shared, base).wrapping_add(offset.into())
            }
        }
    }

    fn descriptor<H: Host>(
        &self,
        m: &mut Machine<'_, H>,
        descriptor: Descriptor,
        lane: usize,
    ) -> Result<[u8; 24], Box<FaultKind>> {
        let place = self.place(m.shared.get(), descriptor, lane);
        if let Descriptor::Bindless { .. } = descriptor {
            let mut bytes = [0; 24];
            let loaded = m.host.load(place, &mut bytes);
            loaded.map_err(|fault| host_fault(LaneFault::new(lane, fault).into()))?;
            return Ok(bytes);
        }
        let register = usize::try_from(place).ok();
        let register = register.and_then(|n| m.shared.get().textures.get(n).copied().flatten());
        register.ok_or_else(|| unsupported(format!("texture state {place} was not set")))
    }

    fn sampler<H: Host>(
        &self,
        m: &mut Machine<'_, H>,
        src: Src,
        lane: usize,
    ) -> Result<Sampler, Box<FaultKind>> {
        let shared = m.shared.get();
        let number = self.lane_value(shared, src, lane);
        let in_heap = !matches!(src, Src::Immediate(_)) && number >= HEAP_FIRST;
        if !in_heap {
            let register = shared.samplers.get(number as usize).copied().flatten();
            let missing = || unsupported(format!("sampler state {number} was not set"));
            return register.ok_or_else(missing);
        }
        let place = number - HEAP_FIRST;
        if place >= shared.sampler_count {
            return Err(unsupported(format!("sampler {place} is outside the heap")));
        }
        let va = shared.sampler_heap.wrapping_add(u64::from(place) * 8);
        let mut bytes = [0; 24];
        let loaded = m.host.load(va, &mut bytes[..8]);
        loaded.map_err(|fault| host_fault(LaneFault::new(lane, fault).into()))?;
        Ok(Sampler {
            bytes,
            extended: false,
        })
    }

    /// Returns coordinates as 32-bit registers have them.
    fn coordinates(&self, shared: &Shared, of: Coordinates) -> [Lanes; 4] {
        let mut out = [[0; LANES]; 4];
        let halves = |n: usize| self.lanes(shared, half_register(u64::from(of.first) + n as u64));
        let words = usize::from(of.words);
        for (n, out) in out.iter_mut().enumerate().take(words) {
            *out = match of.narrow {
                true => halves(n),
                false => self.regs[usize::from(of.first / 2) + n],
            };
            if n < usize::from(of.floats) {
                *out = out.map(half::widen);
            }
        }
        if of.narrow && of.packed {
            let high = halves(words);
            for (word, high) in out[words - 1].iter_mut().zip(high) {
                *word |= high << 16;
            }
        }
        out
    }

    fn lod(&self, shared: &Shared, t: &Texture) -> Lod {
        let mut lod = Lod {
            mode: t.lod,
            value: [0; LANES],
            min: None,
            dx: [[0; LANES]; 3],
            dy: [[0; LANES]; 3],
        };
        let half = |at: u16| match t.lod_uniform {
            true => self.lanes(shared, Src::UniformHalf(at)),
            false => self.lanes(shared, half_register(at.into())),
        };
        match t.lod {
            LodMode::Auto => {}
            LodMode::Bias | LodMode::Explicit => {
                lod.value = half(t.lod_at);
                lod.min = t.lod_min.then(|| half(t.lod_at + 1));
            }
            LodMode::Gradient => {
                let first = usize::from(t.lod_at) / 2;
                for axis in 0..t.dim.gradient() {
                    lod.dx[axis] = self.regs[first + 2 * axis];
                    lod.dy[axis] = self.regs[first + 2 * axis + 1];
                }
                let behind = t.lod_at + t.dim.gradient() as u16 * 4;
                lod.min = t.lod_min.then(|| half(behind));
            }
        }
        lod
    }

    /// Samples or fetches, once for each pair of descriptor and sampler that lanes use.
    pub(super) fn texture<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        t: &Texture,
    ) -> Result<(), Box<FaultKind>> {
        let mut channels = [[0; LANES]; 4];
        let mut residency = [0; LANES];
        let after = u64::from(t.extra) + if t.compare { 2 } else { 0 };
        let shared = m.shared.get();
        let mut request = TextureRequest {
            op: t.op,
            dim: t.dim,
            texture: [0; 24],
            sampler: Sampler {
                bytes: [0; 24],
                extended: false,
            },
            mask: 0,
            coordinates: self.coordinates(shared, t.coordinates),
            lod: self.lod(shared, t),
            compare: t.compare.then(|| self.regs[usize::from(t.extra / 2)]),
            offset: t.offset.then(|| self.lanes(shared, half_register(after))),
            gather: t.gather,
            query_lod: t.query_lod,
        };
        let mut left = self.exec;
        while left != 0 {
            let lane = left.trailing_zeros() as usize;
            let shared = m.shared.get();
            let key = |lane| {
                let sampler = self.lane_value(shared, t.sampler, lane);
                (self.place(shared, t.texture, lane), sampler)
            };
            request.mask = match (t.texture, t.sampler) {
                // The same for all.
                (Descriptor::State(_), Src::Immediate(_)) => left,
                _ => {
                    let wanted = key(lane);
                    let same = bits(left).filter(|&lane| key(lane) == wanted);
                    same.fold(0, |mask, lane| mask | 1 << lane)
                }
            };
            left &= !request.mask;
            let found = self.descriptor(m, t.texture, lane);
            let found = found.and_then(|texture| Ok((texture, self.sampler(m, t.sampler, lane)?)));
            match found {
                Ok((texture, sampler)) => (request.texture, request.sampler) = (texture, sampler),
                // Helpers may have any descriptor; that they read zeros is inferred.
                Err(_) if request.mask & self.real == 0 => continue,
                Err(fault) => return Err(fault),
            }
            let mut result = TextureResult {
                numeric: Numeric::Float,
                channels: [[0; LANES]; 4],
                residency: [0; LANES],
            };
            match m.host.texture(&request, &mut result) {
                Err(HostFault::Memory(_)) if request.mask & !self.real != 0 => {
                    let real = self.real;
                    texture_for_helpers(m.host, &mut request, &mut result, real)
                        .map_err(host_fault)?;
                }
                done => done.map_err(host_fault)?,
            }
            if request.mask == !0 {
                residency = result.residency;
                channels = result.channels;
                if !t.dst.wide && result.numeric == Numeric::Float {
                    for channel in &mut channels {
                        for value in channel {
                            *value = half::texel(*value);
                        }
                    }
                }
                continue;
            }
            for lane in bits(request.mask) {
                residency[lane] = result.residency[lane];
                for (to, from) in channels.iter_mut().zip(&result.channels) {
                    let value = from[lane];
                    // That integers are cut off for 16-bit registers is inferred.
                    to[lane] = match (t.dst.wide, result.numeric) {
                        (false, Numeric::Float) => half::texel(value),
                        _ => value,
                    };
                }
            }
        }
        let mut n = 0;
        for (channel, values) in channels.iter().enumerate() {
            if t.dst.mask >> channel & 1 == 1 {
                self.out = *values;
                self.commit(t.dst.dst(n));
                n += 1;
            }
        }
        if t.sparse {
            self.out = residency;
            self.commit(t.dst.dst(n));
        }
        Ok(())
    }

    /// Writes texels or image blocks, once for each descriptor that lanes use.
    pub(super) fn image<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        t: &Image,
    ) -> Result<(), Box<FaultKind>> {
        if let Some((format, explicit)) = t.block {
            return self.block_write(m, t, format, explicit);
        }
        let shared = m.shared.get();
        let data = std::array::from_fn(|n| {
            let half = u64::from(t.src) + n as u64;
            match t.wide {
                true => self.regs[usize::from(t.src / 2) + n],
                false => self.lanes(shared, half_register(half)),
            }
        });
        let mut request = ImageWrite {
            dim: t.dim,
            image: [0; 24],
            mask: 0,
            coordinates: self.coordinates(shared, t.coordinates),
            lod: self.lanes(shared, t.lod),
            data,
            wide: t.wide,
            round_to_zero: t.round_to_zero,
        };
        let mut left = self.exec & self.real;
        while left != 0 {
            let lane = left.trailing_zeros() as usize;
            let shared = m.shared.get();
            let wanted = self.place(shared, t.image, lane);
            let same = bits(left).filter(|&lane| self.place(shared, t.image, lane) == wanted);
            request.mask = same.fold(0, |mask, lane| mask | 1 << lane);
            left &= !request.mask;
            request.image = self.descriptor(m, t.image, lane)?;
            m.host.image_write(&request).map_err(host_fault)?;
        }
        Ok(())
    }

    /// Each active lane writes a block.
    fn block_write<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        t: &Image,
        format: super::format::Format,
        explicit: bool,
    ) -> Result<(), Box<FaultKind>> {
        let words = self.coordinates(m.shared.get(), t.coordinates);
        for lane in bits(self.exec & self.real) {
            let shared = m.shared.get();
            let lod = self.lane_value(shared, t.lod, lane);
            let offset = self.lane_value(shared, half_register(t.src.into()), lane);
            let request = BlockWrite {
                dim: t.dim,
                image: self.descriptor(m, t.image, lane)?,
                place: match explicit {
                    true => BlockPlace::Explicit(words.map(|word| word[lane])),
                    false => BlockPlace::Tile(words[0][lane]),
                },
                lod,
                offset,
                format,
                round_to_zero: t.round_to_zero,
            };
            m.host
                .block_write(&request, m.dispatch, m.local)
                .map_err(host_fault)?;
        }
        Ok(())
    }
}
