// SPDX-License-Identifier: MIT OR Apache-2.0

//! Device memory, and what preambles copy out of it.

use super::format::Format;
use super::host::{bits, AtomicOp, LaneFault, Sampler};
use super::op::{Base, Dst, Index, Registers};
use super::run::{unsupported, Machine};
use super::{FaultKind, Group, Host, Shared, LANES};

/// Returns the 64 bits of the uniforms from a half on.
pub(super) fn uniform64(shared: &Shared, at: u16) -> u64 {
    let half = |n: u16| u64::from(shared.uniforms[usize::from(at + n) & 511]);
    half(0) | half(1) << 16 | half(2) << 32 | half(3) << 48
}

fn memory(fault: LaneFault) -> Box<FaultKind> {
    Box::new(FaultKind::Memory(fault))
}

/// Returns groups of consecutive channels of a mask: first channel, number.
pub(super) fn runs(mask: u8) -> impl Iterator<Item = (u32, u32)> {
    let mut left = u32::from(mask);
    std::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let first = left.trailing_zeros();
        let count = (left >> first).trailing_ones();
        left &= !(((1 << count) - 1) << first);
        Some((first, count))
    })
}

impl Registers {
    /// Returns where the value number `n` of the access goes.
    pub fn dst(self, n: u32) -> Dst {
        let half = u32::from(self.first);
        match self.wide {
            true => Dst::Word((half / 2 + n) as u8),
            false if (half + n) & 1 == 0 => Dst::Low(((half + n) / 2) as u8),
            false => Dst::High(((half + n) / 2) as u8),
        }
    }
}

/// Copies a sample, of which most have one of a few sizes: for these it is no call.
#[inline(always)]
pub(super) fn copy(to: &mut [u8], from: &[u8]) {
    match to.len() {
        4 => to[..4].copy_from_slice(&from[..4]),
        8 => to[..8].copy_from_slice(&from[..8]),
        16 => to[..16].copy_from_slice(&from[..16]),
        _ => to.copy_from_slice(from),
    }
}

/// Element `offset` bytes into each lane's `stride` bytes, zero-extended.
#[inline(always)]
fn spread<const STRIDE: usize, const SIZE: usize>(
    buffer: &[u8],
    offset: usize,
    out: &mut [u32; LANES],
) {
    for (out, chunk) in out.iter_mut().zip(buffer.chunks_exact(STRIDE)) {
        let mut bytes = [0; 4];
        bytes[..SIZE].copy_from_slice(&chunk[offset..offset + SIZE]);
        *out = u32::from_le_bytes(bytes);
    }
}

/// The other way round.
#[inline(always)]
fn collect<const STRIDE: usize, const SIZE: usize>(
    buffer: &mut [u8],
    offset: usize,
    from: &[u32; LANES],
) {
    for (from, chunk) in from.iter().zip(buffer.chunks_exact_mut(STRIDE)) {
        chunk[offset..offset + SIZE].copy_from_slice(&from.to_le_bytes()[..SIZE]);
    }
}

macro_rules! by_stride {
    ($function:ident, $size:expr, $count:expr, $($argument:expr),*) => {
        match ($size, $count) {
            (1, 1) => $function::<1, 1>($($argument),*),
            (1, 2) => $function::<2, 1>($($argument),*),
            (1, 3) => $function::<3, 1>($($argument),*),
            (1, _) => $function::<4, 1>($($argument),*),
            (2, 1) => $function::<2, 2>($($argument),*),
            (2, 2) => $function::<4, 2>($($argument),*),
            (2, 3) => $function::<6, 2>($($argument),*),
            (2, _) => $function::<8, 2>($($argument),*),
            (_, 1) => $function::<4, 4>($($argument),*),
            (_, 2) => $function::<8, 4>($($argument),*),
            (_, 3) => $function::<12, 4>($($argument),*),
            (_, _) => $function::<16, 4>($($argument),*),
        }
    };
}

impl Group {
    /// Addresses of an access to device memory, to `self.va`, rounded down to whole elements.
    #[inline]
    pub(super) fn address(
        &mut self,
        shared: &Shared,
        base: Base,
        index: Index,
        format: Format,
        shift: u8,
    ) {
        let size = format.size() as u64;
        // The shift does not apply to packed formats.
        let shift = if format.channels() > 1 {
            0
        } else {
            u32::from(shift)
        };
        let scale = size.trailing_zeros() + shift;
        match base {
            Base::Uniform(at) => self.va = [uniform64(shared, at); LANES],
            Base::Pair(word) => {
                let (low, high) = (
                    &self.regs[usize::from(word)],
                    &self.regs[usize::from(word) + 1],
                );
                for lane in 0..LANES {
                    self.va[lane] = u64::from(high[lane]) << 32 | u64::from(low[lane]);
                }
            }
        }
        match index {
            Index::Immediate(index) => {
                let add = (index << scale) as u64;
                for va in &mut self.va {
                    *va = va.wrapping_add(add) & !(size - 1);
                }
            }
            Index::Register { word, signed } => {
                let index = &self.regs[usize::from(word)];
                let high = if signed { !0 } else { 0xffff_ffff };
                for (va, &index) in self.va.iter_mut().zip(index) {
                    let add = (index as i32 as u64 & high) << scale;
                    *va = va.wrapping_add(add) & !(size - 1);
                }
            }
        }
    }

    /// Loads, from `self.va`.
    #[inline]
    pub(super) fn device_load<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        regs: Registers,
        format: Format,
    ) -> Result<(), Box<FaultKind>> {
        let mut n = 0;
        for (first, count) in runs(if format.channels() > 1 { 1 } else { regs.mask }) {
            self.move_addresses(first, format);
            let bytes = format.size() * count as usize;
            let loaded = m
                .host
                .load_lanes(&self.va, self.exec, bytes, &mut self.buffer);
            match loaded {
                Err(_) if self.exec & !self.real != 0 => self.load_for_helpers(m, bytes),
                loaded => loaded,
            }
            .map_err(memory)?;
            self.unpack(regs, format, first, count, &mut n);
            self.move_addresses(first.wrapping_neg(), format);
        }
        Ok(())
    }

    /// Stores, to `self.va`.
    #[inline]
    pub(super) fn device_store<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        regs: Registers,
        format: Format,
    ) -> Result<(), Box<FaultKind>> {
        let mut n = 0;
        let exec = self.exec & self.real;
        for (first, count) in runs(if format.channels() > 1 { 1 } else { regs.mask }) {
            self.move_addresses(first, format);
            let bytes = format.size() * count as usize;
            self.pack(regs, format, first, count, &mut n);
            let stored = m.host.store_lanes(&self.va, exec, bytes, &self.buffer);
            stored.map_err(memory)?;
            self.move_addresses(first.wrapping_neg(), format);
        }
        Ok(())
    }

    /// Moves all addresses by a number of elements.
    pub(super) fn move_addresses(&mut self, elements: u32, format: Format) {
        if elements != 0 {
            let by = (i64::from(elements as i32) * format.size() as i64) as u64;
            for va in &mut self.va {
                *va = va.wrapping_add(by);
            }
        }
    }

    /// From `self.buffer`, which holds `count` elements per lane for the channels from `channel`
    /// on, to the registers number `n` and so on of the access.
    #[inline]
    pub(super) fn unpack(
        &mut self,
        regs: Registers,
        format: Format,
        channel: u32,
        count: u32,
        n: &mut u32,
    ) {
        if format.channels() > 1 {
            return self.unpack_word(regs, format);
        }
        let size = format.size();
        for k in 0..count {
            let (buffer, out) = (&self.buffer[..], &mut self.out);
            by_stride!(spread, size, count, buffer, size * k as usize, out);
            if !format.raw(regs.wide) {
                format.unpack_lanes(&mut self.out, channel + k, regs.wide);
            }
            self.commit(regs.dst(*n));
            *n += 1;
        }
    }

    /// All channels of a packed word.
    fn unpack_word(&mut self, regs: Registers, format: Format) {
        for channel in 0..format.channels() as u32 {
            spread::<4, 4>(&self.buffer[..], 0, &mut self.out);
            for value in &mut self.out {
                *value = format.unpack(*value, channel, regs.wide);
            }
            self.commit(regs.dst(channel));
        }
    }

    /// The value number `n` of an access, to `self.out`.
    fn value(&mut self, regs: Registers, n: u32) {
        match regs.dst(n) {
            Dst::Word(word) | Dst::Pair(word) => self.out = self.regs[usize::from(word)],
            Dst::Low(word) => {
                for (out, &value) in self.out.iter_mut().zip(&self.regs[usize::from(word)]) {
                    *out = value & 0xffff;
                }
            }
            Dst::High(word) => {
                for (out, &value) in self.out.iter_mut().zip(&self.regs[usize::from(word)]) {
                    *out = value >> 16;
                }
            }
        }
    }

    /// The other way round from [`Group::unpack`].
    #[inline]
    pub(super) fn pack(
        &mut self,
        regs: Registers,
        format: Format,
        channel: u32,
        count: u32,
        n: &mut u32,
    ) {
        if format.channels() > 1 {
            return self.pack_word(regs, format);
        }
        let size = format.size();
        for k in 0..count {
            self.value(regs, *n);
            if !format.raw(regs.wide) {
                format.pack_lanes(&mut self.out, channel + k, regs.wide);
            }
            let (buffer, out) = (&mut self.buffer[..], &self.out);
            by_stride!(collect, size, count, buffer, size * k as usize, out);
            *n += 1;
        }
    }

    fn pack_word(&mut self, regs: Registers, format: Format) {
        let mut channels = [[0; LANES]; 4];
        for (n, channel) in channels.iter_mut().enumerate().take(format.channels()) {
            self.value(regs, n as u32);
            *channel = self.out;
        }
        for lane in 0..LANES {
            let texel = channels.map(|channel| channel[lane]);
            self.out[lane] = format.pack_word(texel, regs.wide);
        }
        collect::<4, 4>(&mut self.buffer[..], 0, &self.out);
    }

    /// Atomic accesses at `self.va`, lane after lane.
    pub(super) fn atomic<H: Host>(
        &mut self,
        host: &mut H,
        op: AtomicOp,
        dst: Option<u8>,
        src: u8,
    ) -> Result<(), Box<FaultKind>> {
        self.out = [0; LANES];
        for lane in bits(self.exec & self.real) {
            let (operand, compare) = self.atomic_operands(op, src, lane);
            let old = host.atomic(self.va[lane], 4, op, operand.into(), compare.into());
            let old = old.map_err(|fault| memory(LaneFault::new(lane, fault)))?;
            self.out[lane] = old as u32;
        }
        if let Some(word) = dst {
            self.commit(Dst::Word(word));
        }
        Ok(())
    }

    /// New value and expected value, in this order: known from one source, and programs that Mesa
    /// compiles to it work.
    pub(super) fn atomic_operands(&self, op: AtomicOp, src: u8, lane: usize) -> (u32, u32) {
        let operand = self.regs[usize::from(src)][lane];
        match op {
            AtomicOp::CompareExchange => (operand, self.regs[usize::from(src) + 1][lane]),
            _ => (operand, 0),
        }
    }

    /// Copies halves of the lowest active lane to the uniforms.
    pub(super) fn uniform_store(&mut self, shared: &mut Shared, first: u16, src: u8, count: u8) {
        let lane = self.first_lane();
        for n in 0..usize::from(count) {
            let half = usize::from(src) + n;
            let word = self.regs[half / 2][lane];
            let value = if half & 1 == 0 { word } else { word >> 16 };
            shared.uniforms[usize::from(first) + n] = value as u16;
        }
    }

    /// Reads a descriptor whose offset is in `offset`.
    fn state<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        base: u16,
        offset: Index,
        out: &mut [u8],
    ) -> Result<(), Box<FaultKind>> {
        let lane = self.first_lane();
        let offset = match offset {
            Index::Immediate(offset) => offset as u64,
            Index::Register { word, .. } => self.regs[usize::from(word)][lane].into(),
        };
        let va = uniform64(m.shared.get(), base).wrapping_add(offset);
        m.host
            .load(va, out)
            .map_err(|fault| memory(LaneFault::new(lane, fault)))
    }

    /// Loads a texture state register.
    pub(super) fn texture_state<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        number: u8,
        base: u16,
        offset: Index,
    ) -> Result<(), Box<FaultKind>> {
        let mut bytes = [0; 24];
        self.state(m, base, offset, &mut bytes)?;
        m.shared.write()?.textures[usize::from(number)] = Some(bytes);
        Ok(())
    }

    /// Loads a sampler state register, without a border colour.
    pub(super) fn sampler_state<H: Host>(
        &mut self,
        m: &mut Machine<'_, H>,
        number: u8,
        base: u16,
        offset: Index,
    ) -> Result<(), Box<FaultKind>> {
        let mut bytes = [0; 24];
        self.state(m, base, offset, &mut bytes[..8])?;
        let samplers = &mut m.shared.write()?.samplers;
        let Some(place) = samplers.get_mut(usize::from(number)) else {
            return Err(unsupported(format!("sampler state register {number}")));
        };
        *place = Some(Sampler {
            bytes,
            extended: false,
        });
        Ok(())
    }
}
