// SPDX-License-Identifier: MIT OR Apache-2.0

//! Guest memory as this process sees it.

use std::alloc::{alloc_zeroed, dealloc, handle_alloc_error, Layout};
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, AtomicU8};
use std::sync::Arc;

/// Size of a page of the GPU.
pub const PAGE: u64 = 0x4000;

/// Memory that the guest shares.
///
/// # Safety
///
/// `base()` must be valid for reads and writes of `len()` bytes for as long as the object lives,
/// and aligned to a page. The guest may access it at any time.
pub unsafe trait Backing: Send + Sync {
    /// Returns where it is.
    fn base(&self) -> *mut u8;
    /// Returns its size.
    fn len(&self) -> usize;
    /// Returns whether it has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// RAM of a test: zeroed memory of this process.
///
/// It is allocated without an alignment, since the standard allocator writes zeroes to all of what
/// has one of a page, which most tests need little of.
///
/// # Invariants
///
/// `start` was allocated with `layout`, which is a page more than the RAM.
pub struct Anonymous {
    start: NonNull<u8>,
    layout: Layout,
}

impl Anonymous {
    /// Returns `pages` pages.
    ///
    /// # Panics
    ///
    /// If that is none, or more than this process can have.
    pub fn new(pages: usize) -> Self {
        assert!(pages != 0, "no memory at all");
        let layout = Layout::array::<u8>((pages + 1) * PAGE as usize).expect("size of memory");
        // SAFETY: The size is not zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) });
        // INVARIANT: Just allocated.
        Self {
            start: start.unwrap_or_else(|| handle_alloc_error(layout)),
            layout,
        }
    }
}

impl Drop for Anonymous {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; nobody uses it any more.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

// SAFETY: By the type invariant this owns the memory, which any thread may access and free.
unsafe impl Send for Anonymous {}
// SAFETY: By the type invariant the memory stays, and all access is atomic.
unsafe impl Sync for Anonymous {}

// SAFETY: By the type invariant the memory is there until `drop`, and has room for so many pages
// from the first address in it that is aligned to one.
unsafe impl Backing for Anonymous {
    fn base(&self) -> *mut u8 {
        let start = self.start.as_ptr();
        // SAFETY: Less than a page, which the allocation has more than the RAM.
        unsafe { start.add(start.addr().wrapping_neg() % PAGE as usize) }
    }

    fn len(&self) -> usize {
        self.layout.size() - PAGE as usize
    }
}

/// A page of guest memory.
///
/// Other threads of the emulator and the guest access it at the same time, so everything here is
/// made of relaxed atomic accesses: aligned ones of up to eight bytes are indivisible, larger and
/// unaligned ones are a mixture, as they are on hardware.
///
/// # Invariants
///
/// `base` is aligned to eight bytes at least, and valid for reads and writes of a page for as long
/// as `_backing` lives.
#[derive(Clone)]
pub struct HostPage {
    base: *mut u8,
    _backing: Arc<dyn Backing>,
}

// SAFETY: It is a pointer to memory that any thread may access atomically, and a reference that
// keeps it.
unsafe impl Send for HostPage {}
// SAFETY: By the type invariant the memory stays, and all access through a shared reference is
// atomic.
unsafe impl Sync for HostPage {}

/// An integer that memory is accessed with.
trait Word: Copy {
    type Atomic;
    fn load(at: &Self::Atomic) -> Self;
    fn store(at: &Self::Atomic, value: Self);
}

macro_rules! word {
    ($($word:ty, $atomic:ty;)*) => {$(
        impl Word for $word {
            type Atomic = $atomic;

            #[inline(always)]
            fn load(at: &$atomic) -> Self {
                at.load(Relaxed)
            }

            #[inline(always)]
            fn store(at: &$atomic, value: Self) {
                at.store(value, Relaxed);
            }
        }
    )*};
}

word! {
    u8, AtomicU8;
    u16, AtomicU16;
    u32, AtomicU32;
    u64, AtomicU64;
}

impl HostPage {
    /// Returns the page at `offset` of `backing`; none if there is no whole one.
    pub fn new(backing: Arc<dyn Backing>, offset: usize) -> Option<Self> {
        let fits = offset % PAGE as usize == 0
            && offset
                .checked_add(PAGE as usize)
                .is_some_and(|end| end <= backing.len());
        if !fits {
            return None;
        }
        // SAFETY: In bounds, as just checked.
        let base = unsafe { backing.base().add(offset) };
        // INVARIANT: The whole page is in bounds, and the start of `backing` is aligned to a page.
        Some(Self {
            base,
            _backing: backing,
        })
    }

    /// Returns a view of it.
    #[inline]
    pub fn window(&self) -> Window<'_> {
        // INVARIANT: By that of the page, which is borrowed.
        Window {
            base: self.base,
            _page: std::marker::PhantomData,
        }
    }
}

/// Access to a page.
///
/// # Invariants
///
/// `base` is aligned to a page and valid for reads and writes of one, for the lifetime.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    base: *mut u8,
    _page: std::marker::PhantomData<&'a HostPage>,
}

impl Window<'_> {
    /// Returns the atomic at `offset`.
    ///
    /// # Panics
    ///
    /// If it is not aligned or not within the page.
    #[inline(always)]
    fn at<T: Word>(&self, offset: usize) -> &T::Atomic {
        let size = size_of::<T>();
        assert!(offset % size == 0 && offset < PAGE as usize);
        // SAFETY: Aligned and in bounds, as just checked (the page's size is a multiple of every
        // word's); valid by the type invariant. All accesses are atomic or those of the guest.
        unsafe { &*self.base.add(offset).cast::<T::Atomic>() }
    }

    /// Reads an aligned word.
    ///
    /// # Panics
    ///
    /// As all accesses, if it is not aligned or not within the page.
    #[inline(always)]
    pub fn u32(&self, offset: usize) -> u32 {
        u32::load(self.at::<u32>(offset))
    }

    /// Writes an aligned word.
    #[inline(always)]
    pub fn set_u32(&self, offset: usize, value: u32) {
        u32::store(self.at::<u32>(offset), value);
    }

    /// Reads an aligned double word, before anything accessed after it (acquire).
    ///
    /// # Panics
    ///
    /// As [`Window::u32`].
    #[inline(always)]
    pub fn u64_acquire(&self, offset: usize) -> u64 {
        self.at::<u64>(offset).load(Acquire)
    }

    /// Returns an aligned word, for read-modify-write.
    pub fn atomic_u32(&self, offset: usize) -> &AtomicU32 {
        self.at::<u32>(offset)
    }

    /// Returns an aligned double word, for read-modify-write.
    pub fn atomic_u64(&self, offset: usize) -> &AtomicU64 {
        self.at::<u64>(offset)
    }

    /// Reads `out.len()` bytes.
    #[inline(always)]
    pub fn read(&self, offset: usize, out: &mut [u8]) {
        match out.len() {
            4 if offset % 4 == 0 => out.copy_from_slice(&self.u32(offset).to_le_bytes()),
            1 => out[0] = u8::load(self.at::<u8>(offset)),
            2 if offset % 2 == 0 => {
                out.copy_from_slice(&u16::load(self.at::<u16>(offset)).to_le_bytes());
            }
            8 if offset % 8 == 0 => {
                out.copy_from_slice(&u64::load(self.at::<u64>(offset)).to_le_bytes());
            }
            _ => self.read_parts(offset, out),
        }
    }

    #[inline(never)]
    fn read_parts(&self, mut offset: usize, out: &mut [u8]) {
        if out.len() >= 16 {
            assert!(offset <= PAGE as usize && out.len() <= PAGE as usize - offset);
            // SAFETY: In bounds, as just checked, and valid by the type invariant. Where another
            // thread writes at the same time the copy is a mixture of old and new. Word by word,
            // with atomics, it would take twice the time: wide loads have to wait for many narrow
            // stores.
            unsafe {
                std::ptr::copy_nonoverlapping(self.base.add(offset), out.as_mut_ptr(), out.len())
            };
            return;
        }
        if offset % 4 != 0 {
            for byte in out {
                *byte = u8::load(self.at::<u8>(offset));
                offset += 1;
            }
            return;
        }
        let mut words = out.chunks_exact_mut(4);
        for word in &mut words {
            word.copy_from_slice(&self.u32(offset).to_le_bytes());
            offset += 4;
        }
        for byte in words.into_remainder() {
            *byte = u8::load(self.at::<u8>(offset));
            offset += 1;
        }
    }

    /// Writes `data`.
    #[inline(always)]
    pub fn write(&self, offset: usize, data: &[u8]) {
        match *data {
            [a, b, c, d] if offset % 4 == 0 => {
                self.set_u32(offset, u32::from_le_bytes([a, b, c, d]))
            }
            [a] => u8::store(self.at::<u8>(offset), a),
            [a, b] if offset % 2 == 0 => {
                u16::store(self.at::<u16>(offset), u16::from_le_bytes([a, b]));
            }
            [a, b, c, d, e, f, g, h] if offset % 8 == 0 => u64::store(
                self.at::<u64>(offset),
                u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            ),
            _ => self.write_parts(offset, data),
        }
    }

    #[inline(never)]
    fn write_parts(&self, mut offset: usize, data: &[u8]) {
        if offset % 4 != 0 {
            for &byte in data {
                u8::store(self.at::<u8>(offset), byte);
                offset += 1;
            }
            return;
        }
        let mut words = data.chunks_exact(4);
        for word in &mut words {
            self.set_u32(
                offset,
                u32::from_le_bytes([word[0], word[1], word[2], word[3]]),
            );
            offset += 4;
        }
        for &byte in words.remainder() {
            u8::store(self.at::<u8>(offset), byte);
            offset += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_sizes_at_all_places() {
        let memory = Arc::new(Anonymous::new(2));
        let page = HostPage::new(memory, PAGE as usize).unwrap();
        let window = page.window();
        for offset in 0..9 {
            for len in 0..20 {
                let data: Vec<u8> = (0..len).map(|i| (16 * offset + i + 1) as u8).collect();
                window.write(offset, &data);
                let mut back = vec![0; len];
                window.read(offset, &mut back);
                assert_eq!(back, data, "{len} at {offset}");
            }
        }
        window.set_u32(0x3ffc, 0x1234_5678);
        assert_eq!(window.u32(0x3ffc), 0x1234_5678);
    }

    #[test]
    fn pages_are_whole() {
        let memory: Arc<dyn Backing> = Arc::new(Anonymous::new(2));
        assert!(HostPage::new(memory.clone(), 0).is_some());
        assert!(HostPage::new(memory.clone(), 0x2000).is_none());
        assert!(HostPage::new(memory.clone(), 0x8000).is_none());
        assert!(HostPage::new(memory, usize::MAX & !0x3fff).is_none());
    }

    #[test]
    #[should_panic(expected = "offset < PAGE")]
    fn nothing_behind_the_page() {
        let page = HostPage::new(Arc::new(Anonymous::new(1)), 0).unwrap();
        page.window().u32(0x4000);
    }
}
