// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a SIMD group sees of the machine: memory through the page tables, textures, images.

use std::rc::Rc;

use agx_isa::exec::host::{
    self, bits, AtomicOp, BlockWrite, HostFault, ImageWrite, TextureRequest, TextureResult,
};
use agx_isa::exec::{Dispatch, Host, Lanes, MemoryFault};

use crate::backing::PAGE;
use crate::fault::{AccessError, Reason};
use crate::texture::descriptor::{Image, Sampler};
use crate::texture::quick::{self, Texels};
use crate::texture::{sample, store, Memory};
use crate::tlb::{Pages, Tlb};

/// The host of one thread.
pub struct GpuHost<'a> {
    tlb: Tlb<'a>,
    soft_faults: bool,
    images: Images,
    sampler: Option<(host::Sampler, [u8; 24], Sampler)>,
    /// Of textures and images, as [`Refresh::cost`] returns it.
    cost: u64,
    /// Records of the vertices that a vertex program runs for, word by word; empty for others.
    pub(crate) outputs: Vec<Lanes>,
}

/// Images that texture accesses have named lately, by their descriptors: to work out the places of
/// texels takes longer than to read some.
#[derive(Default)]
struct Images([Option<([u8; 24], Rc<Image>)>; 16]);

impl Images {
    fn texture(&mut self, descriptor: &[u8; 24]) -> Result<Rc<Image>, HostFault> {
        // Descriptors differ in their addresses, which are not aligned to much.
        let slot = descriptor[8..13]
            .iter()
            .fold(0, |sum, &byte| usize::from(byte).wrapping_add(sum * 31));
        let slot = &mut self.0[slot % 16];
        match slot {
            Some((known, image)) if known == descriptor => Ok(image.clone()),
            _ => {
                let image = Image::texture(descriptor).map_err(HostFault::Unsupported)?;
                let image = Rc::new(image);
                *slot = Some((*descriptor, image.clone()));
                Ok(image)
            }
        }
    }
}

/// Returns a refused access as the interpreter passes it on.
fn pack(error: AccessError) -> MemoryFault {
    MemoryFault {
        va: error.va,
        write: error.write,
        code: error.reason as u32 | (u32::from(error.level) << 8),
    }
}

/// Returns the refused access that [`pack`] was given.
pub(crate) fn unpack(fault: MemoryFault) -> AccessError {
    AccessError {
        va: fault.va,
        reason: Reason::from_bits(fault.code as u8),
        level: (fault.code >> 8) as u8,
        write: fault.write,
    }
}

/// A walk of the page tables, in instructions of a group that take about as long.
const WALK: u64 = 32;
/// The texels of all lanes, taken at once.
const TEXELS: u64 = 64;
/// One read for a texture that is sampled lane by lane.
const TEXEL_READ: u64 = 2;
/// The texels that all lanes write.
const IMAGE_WRITE: u64 = 64;
/// The pixels of a tile.
const BLOCK_WRITE: u64 = 1024;

/// What is asked between two slices of a group.
pub(crate) trait Refresh {
    /// Forgets what may have become stale.
    fn refresh(&mut self);

    /// Returns what accesses have cost, beside the instructions that made them, since it was asked
    /// last: in instructions of a group that take about as long.
    fn cost(&mut self) -> u64;
}

impl Refresh for GpuHost<'_> {
    fn refresh(&mut self) {
        self.tlb.refresh();
    }

    fn cost(&mut self) -> u64 {
        let walks = self.tlb.walks();
        walks.saturating_mul(WALK) + std::mem::take(&mut self.cost)
    }
}

impl<'a> GpuHost<'a> {
    /// Returns a host whose memory is `pages`.
    ///
    /// With `soft_faults`, shaders read zeros where nothing is mapped, and their writes there
    /// vanish. Other refused accesses, say a write to a read-only page, are faults all the same;
    /// that the mode tells them apart is inferred.
    pub fn new(pages: &'a dyn Pages, soft_faults: bool) -> Self {
        Self {
            tlb: Tlb::new(pages),
            soft_faults,
            images: Images::default(),
            sampler: None,
            cost: 0,
            outputs: Vec::new(),
        }
    }

    fn is_soft(&self, error: &AccessError) -> bool {
        self.soft_faults && error.reason == Reason::Unmapped
    }

    /// A read that did not succeed as a whole: page by page, zeros where nothing is mapped.
    #[cold]
    fn load_softly(&mut self, va: u64, out: &mut [u8]) -> Result<(), MemoryFault> {
        for (at, part) in parts(va, out.len()) {
            let part = &mut out[part];
            match self.tlb.read(at, part) {
                Ok(()) => {}
                Err(error) if self.is_soft(&error) => part.fill(0),
                Err(error) => return Err(pack(error)),
            }
        }
        Ok(())
    }

    /// A write of more than one page, or to where nothing is mapped.
    #[cold]
    fn store_softly(&mut self, va: u64, data: &[u8]) -> Result<(), MemoryFault> {
        let mut writable = Vec::new();
        for (at, part) in parts(va, data.len()) {
            match self.tlb.window(at, true).map(|_| ()) {
                Ok(()) => writable.push((at, part)),
                Err(error) if self.is_soft(&error) => {}
                Err(error) => return Err(pack(error)),
            }
        }
        for (at, part) in writable {
            self.tlb.write(at, &data[part]).map_err(pack)?;
        }
        Ok(())
    }
}

/// Returns the stretches of `va..va+len` that lie in one page each.
fn parts(va: u64, len: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = va.wrapping_add(done as u64);
        let size = (len - done).min((PAGE - at % PAGE) as usize);
        let range = done..done + size;
        done += size;
        (size != 0).then_some((at, range))
    })
}

impl GpuHost<'_> {
    /// Returns the sampler of a request, which is kept: to decode it takes longer than to read some
    /// texels. None if it is not supported, or if there is none.
    fn sampler(&mut self, request: &TextureRequest, image: &Image) -> Option<Sampler> {
        if request.op != host::TextureOp::Sample {
            return None;
        }
        match &self.sampler {
            Some((bytes, texture, sampler))
                if *bytes == request.sampler && *texture == request.texture =>
            {
                Some(*sampler)
            }
            _ => {
                let sampler = Sampler::new(&request.sampler, &image.codec).ok()?;
                self.sampler = Some((request.sampler, request.texture, sampler));
                Some(sampler)
            }
        }
    }
}

impl GpuHost<'_> {
    /// [`Texels::texels`] of one size.
    #[inline(always)]
    fn texels_of<const SIZE: usize>(&mut self, at: &[u64], out: &mut [u32]) -> bool {
        let page = |va: u64| va & !(PAGE - 1);
        let Some(&one) = at.first() else {
            return true;
        };
        // Mostly all are in one page.
        if page(at.iter().fold(0, |bits, &va| bits | (va ^ one))) == 0 {
            let Ok(window) = self.tlb.window(one, false) else {
                return false;
            };
            for (&va, out) in at.iter().zip(out) {
                let mut bytes = [0; 4];
                window.read((va % PAGE) as usize, &mut bytes[..SIZE]);
                *out = u32::from_le_bytes(bytes);
            }
            return true;
        }
        let mut left = at.iter().zip(out).peekable();
        while let Some((&first, _)) = left.peek() {
            let Ok(window) = self.tlb.window(first, false) else {
                return false;
            };
            while let Some((&va, out)) = left.next_if(|(&va, _)| page(va) == page(first)) {
                let offset = (va % PAGE) as usize;
                let mut bytes = [0; 4];
                window.read(offset, &mut bytes[..SIZE]);
                *out = u32::from_le_bytes(bytes);
            }
        }
        true
    }
}

impl Texels for GpuHost<'_> {
    fn texels(&mut self, at: &[u64], size: usize, out: &mut [u32]) -> bool {
        match size {
            1 => self.texels_of::<1>(at, out),
            2 => self.texels_of::<2>(at, out),
            _ => self.texels_of::<4>(at, out),
        }
    }

    fn metadata(&mut self, at: u64) -> Option<[u8; 8]> {
        let mut bytes = [0; 8];
        self.tlb.read(at, &mut bytes).ok()?;
        Some(bytes)
    }
}

impl Memory for GpuHost<'_> {
    fn read(&mut self, va: u64, out: &mut [u8]) -> Result<(), MemoryFault> {
        Host::load(self, va, out)
    }

    fn write(&mut self, va: u64, data: &[u8]) -> Result<(), MemoryFault> {
        Host::store(self, va, data)
    }
}

impl Host for GpuHost<'_> {
    #[inline]
    fn load(&mut self, va: u64, out: &mut [u8]) -> Result<(), MemoryFault> {
        match self.tlb.read(va, out) {
            Ok(()) => Ok(()),
            Err(_) => self.load_softly(va, out),
        }
    }

    #[inline]
    fn store(&mut self, va: u64, data: &[u8]) -> Result<(), MemoryFault> {
        if (va % PAGE) as usize + data.len() <= PAGE as usize && self.tlb.write(va, data).is_ok() {
            return Ok(());
        }
        self.store_softly(va, data)
    }

    fn fetch(&mut self, va: u64, out: &mut [u8]) -> Result<usize, MemoryFault> {
        let mut have = 0;
        for (at, part) in parts(va, out.len()) {
            let end = part.end;
            match self.tlb.read(at, &mut out[part]) {
                Ok(()) => have = end,
                Err(_) if have >= 2 => break,
                Err(error) => return Err(pack(error)),
            }
        }
        Ok(have)
    }

    fn atomic(
        &mut self,
        va: u64,
        width: u8,
        op: AtomicOp,
        operand: u64,
        compare: u64,
    ) -> Result<u64, MemoryFault> {
        // Hardware rounds addresses down to the size of the element.
        let va = va & !(u64::from(width) - 1);
        let done = if width == 8 {
            self.tlb
                .update_u64(va, |old| apply_u64(op, old, operand, compare))
        } else {
            self.tlb
                .update_u32(va, |old| op.apply(old, operand as u32, compare as u32))
                .map(u64::from)
        };
        match done {
            Err(error) if self.is_soft(&error) => Ok(0),
            done => done.map_err(pack),
        }
    }

    fn texture(
        &mut self,
        request: &TextureRequest,
        result: &mut TextureResult,
    ) -> Result<(), HostFault> {
        let image = self.images.texture(&request.texture)?;
        let sampler = self.sampler(request, &image);
        self.cost += TEXELS;
        if quick::run(request, &image, sampler.as_ref(), result, self) {
            return Ok(());
        }
        sample::run(request, &image, result, &mut |va, out| {
            self.cost += TEXEL_READ;
            Host::load(self, va, out)
        })
    }

    fn image_write(&mut self, request: &ImageWrite) -> Result<(), HostFault> {
        self.cost += IMAGE_WRITE;
        store::texels(request, self)
    }

    fn block_write(
        &mut self,
        request: &BlockWrite,
        dispatch: &Dispatch,
        local: &[u8],
    ) -> Result<(), HostFault> {
        self.cost += BLOCK_WRITE;
        store::block(request, dispatch, local, self)
    }

    fn store_outputs(&mut self, index: &Lanes, values: &Lanes, mask: u32) -> Result<(), HostFault> {
        let words = self.outputs.len();
        for lane in bits(mask) {
            let Some(word) = self.outputs.get_mut(index[lane] as usize) else {
                return Err(HostFault::Unsupported(format!(
                    "word {} of a vertex record of {words}",
                    index[lane]
                )));
            };
            word[lane] = values[lane];
        }
        Ok(())
    }
}

fn apply_u64(op: AtomicOp, old: u64, operand: u64, compare: u64) -> u64 {
    match op {
        AtomicOp::Add => old.wrapping_add(operand),
        AtomicOp::Sub => old.wrapping_sub(operand),
        AtomicOp::Exchange => operand,
        AtomicOp::CompareExchange if old == compare => operand,
        AtomicOp::CompareExchange => old,
        AtomicOp::UnsignedMin => old.min(operand),
        AtomicOp::SignedMin => (old as i64).min(operand as i64) as u64,
        AtomicOp::UnsignedMax => old.max(operand),
        AtomicOp::SignedMax => (old as i64).max(operand as i64) as u64,
        AtomicOp::And => old & operand,
        AtomicOp::Or => old | operand,
        AtomicOp::Xor => old ^ operand,
    }
}

#[cfg(test)]
#[path = "host_cost_tests.rs"]
mod tests;
