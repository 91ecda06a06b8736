// SPDX-License-Identifier: MIT OR Apache-2.0

//! Guest RAM.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicU8, Ordering};
use std::sync::{Arc, RwLock};

use crate::backing::HostPage;
use crate::OutsideRam;

pub use crate::backing::{Anonymous, Backing};

#[derive(Clone)]
struct Block {
    start: u64,
    backing: Arc<dyn Backing>,
}

/// All RAM of the guest, by physical address.
#[derive(Default)]
pub struct Ram(RwLock<Vec<Block>>);

impl Ram {
    /// Adds memory at physical address `start`.
    pub fn map(&self, start: u64, backing: Arc<dyn Backing>) {
        self.lock_mut(|blocks| blocks.push(Block { start, backing }));
    }

    /// Takes away what lies entirely within `start` and `size`; everything if `size` is 0.
    pub fn unmap(&self, start: u64, size: u64) {
        self.lock_mut(|blocks| {
            blocks.retain(|b| {
                let inside = b.start >= start && b.start + b.backing.len() as u64 <= start + size;
                size != 0 && !inside
            });
        });
    }

    fn lock_mut(&self, f: impl FnOnce(&mut Vec<Block>)) {
        f(&mut self.0.write().unwrap_or_else(|e| e.into_inner()));
    }

    /// Runs `f` with a pointer to `len` bytes at `pa`.
    fn with<R>(&self, pa: u64, len: usize, f: impl FnOnce(*mut u8) -> R) -> Result<R, OutsideRam> {
        let blocks = self.0.read().unwrap_or_else(|e| e.into_inner());
        let block = blocks
            .iter()
            .find(|b| pa >= b.start && pa - b.start < b.backing.len() as u64)
            .ok_or(OutsideRam(pa))?;
        let offset = (pa - block.start) as usize;
        if block.backing.len() - offset < len {
            return Err(OutsideRam(block.start + block.backing.len() as u64));
        }
        // SAFETY: In bounds, as just checked; the backing lives at least as long as the read lock.
        Ok(f(unsafe { block.backing.base().add(offset) }))
    }

    /// Returns the page at `pa`.
    pub fn page(&self, pa: u64) -> Result<HostPage, OutsideRam> {
        let blocks = self.0.read().unwrap_or_else(|e| e.into_inner());
        blocks
            .iter()
            .find(|b| pa >= b.start && pa - b.start < b.backing.len() as u64)
            .and_then(|b| HostPage::new(b.backing.clone(), (pa - b.start) as usize))
            .ok_or(OutsideRam(pa))
    }

    /// Returns whether there is RAM at all of `pa` to `pa + len`.
    pub fn contains(&self, pa: u64, len: usize) -> bool {
        self.with(pa, len, |_| ()).is_ok()
    }

    /// Reads.
    pub fn read(&self, pa: u64, buf: &mut [u8]) -> Result<(), OutsideRam> {
        self.with(pa, buf.len(), |at| {
            // SAFETY: `with()` gives a pointer to as many bytes. The guest may write at the same
            // time; then the copy is a mixture, as it would be for a device.
            unsafe { std::ptr::copy_nonoverlapping(at, buf.as_mut_ptr(), buf.len()) }
        })
    }

    /// Writes.
    pub fn write(&self, pa: u64, bytes: &[u8]) -> Result<(), OutsideRam> {
        self.with(pa, bytes.len(), |at| {
            // SAFETY: `with()` gives a pointer to as many bytes. The guest may access them at the
            // same time, as it may while a device writes.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at, bytes.len()) }
        })
    }

    /// Runs `f` on the aligned byte, word or double word at `pa`.
    fn aligned<T, R>(&self, pa: u64, f: impl FnOnce(&T) -> R) -> Result<R, OutsideRam> {
        if pa % size_of::<T>() as u64 != 0 {
            return Err(OutsideRam(pa));
        }
        // SAFETY: In bounds, and aligned since blocks are; only used with atomics.
        self.with(pa, size_of::<T>(), |at| f(unsafe { &*at.cast::<T>() }))
    }

    /// Loads an aligned word (acquire).
    pub fn load_u32(&self, pa: u64) -> Result<u32, OutsideRam> {
        self.aligned(pa, |a: &AtomicU32| a.load(Ordering::Acquire))
    }

    /// Stores an aligned word (release).
    pub fn store_u32(&self, pa: u64, value: u32) -> Result<(), OutsideRam> {
        self.aligned(pa, |a: &AtomicU32| a.store(value, Ordering::Release))
    }

    /// Loads an aligned double word (acquire).
    pub fn load_u64(&self, pa: u64) -> Result<u64, OutsideRam> {
        self.aligned(pa, |a: &AtomicU64| a.load(Ordering::Acquire))
    }

    /// Stores an aligned double word (release).
    pub fn store_u64(&self, pa: u64, value: u64) -> Result<(), OutsideRam> {
        self.aligned(pa, |a: &AtomicU64| a.store(value, Ordering::Release))
    }

    /// Loads a byte, in order with all other such accesses.
    pub fn load_u8(&self, pa: u64) -> Result<u8, OutsideRam> {
        self.aligned(pa, |a: &AtomicU8| a.load(Ordering::SeqCst))
    }

    /// Stores a byte, in order with all other such accesses.
    pub fn store_u8(&self, pa: u64, value: u8) -> Result<(), OutsideRam> {
        self.aligned(pa, |a: &AtomicU8| a.store(value, Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        let ram = Ram::default();
        ram.map(0x4000_0000, Arc::new(Anonymous::new(2)));
        assert_eq!(ram.write(0x4000_7ffc, &[1, 2, 3, 4]), Ok(()));
        assert_eq!(ram.load_u32(0x4000_7ffc), Ok(0x0403_0201));
        assert_eq!(
            ram.write(0x4000_7ffd, &[0; 4]),
            Err(OutsideRam(0x4000_8000))
        );
        assert_eq!(ram.load_u64(0x3fff_fff8), Err(OutsideRam(0x3fff_fff8)));
        assert_eq!(ram.load_u32(0x4000_0002), Err(OutsideRam(0x4000_0002)));
        assert!(ram.contains(0x4000_0000, 0x8000) && !ram.contains(0x4000_0000, 0x8001));
        ram.unmap(0x4000_0000, 0x4000);
        assert!(ram.contains(0x4000_0000, 1));
        ram.unmap(0x4000_0000, 0x8000);
        assert!(!ram.contains(0x4000_0000, 1));
    }
}
