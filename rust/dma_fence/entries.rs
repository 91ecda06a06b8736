// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Arrays with a header before them, in one block of memory. Userspace controls the size, and any
//! context may free the block.
//!
//! ```text
//!   Block::with_capacity()       push(), …               finish()
//!   │ (room) │            │ ──► │ (room) │ values │ ──► │ header │ values │
//!            a Block                                     a Finished header,
//!                                                        which has Values
//! ```
//!
//! It is not a [`KVVec`], since that is freed by `kvfree()`, which may sleep if the memory is that
//! of `vmalloc()`. A fence, and so a set of fences, may be dropped where the caller may not.
//!
//! C header: [`include/linux/slab.h`](srctree/include/linux/slab.h)

use crate::ffi;
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::{
        Deref,
        DerefMut, //
    },
    pin::Pin,
    ptr::{
        self,
        NonNull, //
    },
    slice, //
};
use kernel::{
    bindings,
    prelude::*, //
};

/// An array that is being filled, in a block that has room for a header `H`.
///
/// # Invariants
///
/// `memory` is from `dma_fence_shim_alloc_block()` and owned. It has room for an `H` and, from
/// [`Block::VALUES`] on, for `capacity` values, of which the first `len` are initialised.
pub(crate) struct Block<H, T> {
    memory: NonNull<u8>,
    len: usize,
    capacity: usize,
    _content: PhantomData<(H, T)>,
}

impl<H, T> Block<H, T> {
    /// The offset of the values.
    const VALUES: usize = {
        // `kmalloc()` aligns to 8 bytes at least.
        assert!(align_of::<H>() <= 8 && align_of::<T>() <= 8);
        size_of::<H>().next_multiple_of(align_of::<T>())
    };

    /// Allocates an empty array with room for `capacity` values. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline]
    pub(crate) fn with_capacity(capacity: usize) -> Result<Self> {
        let values = capacity.checked_mul(size_of::<T>()).ok_or(ENOMEM)?;
        let size = values.checked_add(Self::VALUES).ok_or(ENOMEM)?;
        // SAFETY: The function only allocates memory, and may be called in process context.
        let memory = unsafe { ffi::dma_fence_shim_alloc_block(size) };
        // INVARIANT: The memory has the size that was just computed.
        Ok(Self {
            memory: NonNull::new(memory.cast()).ok_or(ENOMEM)?,
            len: 0,
            capacity,
            _content: PhantomData,
        })
    }

    /// Returns the address of the first value.
    #[inline(always)]
    fn values(&self) -> NonNull<T> {
        // SAFETY: By the type invariant the offset is within the memory.
        unsafe { self.memory.add(Self::VALUES).cast() }
    }

    /// Appends a value. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline(always)]
    pub(crate) fn push(&mut self, value: T) -> Result {
        if self.len == self.capacity {
            self.grow()?;
        }
        // SAFETY: `len` is less than `capacity`, so by the type invariant there is room.
        unsafe { self.values().add(self.len).write(value) };
        // INVARIANT: The value was just written.
        self.len += 1;
        Ok(())
    }

    /// Moves the values to a block with twice the capacity.
    #[cold]
    fn grow(&mut self) -> Result {
        let mut new = Self::with_capacity(self.capacity.saturating_mul(2).max(4))?;
        // SAFETY: The values are initialised, and the new block has room for more than these.
        unsafe {
            ptr::copy_nonoverlapping(self.values().as_ptr(), new.values().as_ptr(), self.len)
        };
        // INVARIANT: The values have moved from this block to the new one.
        new.len = core::mem::take(&mut self.len);
        *self = new;
        Ok(())
    }

    /// Drops all values but the first `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        if len < self.len {
            let rest: *mut [T] = &mut self[len..];
            // INVARIANT: Only the first `len` values are left.
            self.len = len;
            // SAFETY: The values were initialised, and do not belong to the array any more.
            unsafe { rest.drop_in_place() };
        }
    }

    /// Drops the values for which `keep` returns `false`.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let mut kept = 0;
        for i in 0..self.len {
            if keep(&self[i]) {
                self.swap(kept, i);
                kept += 1;
            }
        }
        self.truncate(kept);
    }

    /// Writes the header that `header` makes of the values.
    #[inline(always)]
    pub(crate) fn finish(self, header: impl FnOnce(Values<T>) -> H) -> Finished<H> {
        let this = ManuallyDrop::new(self);
        // INVARIANT: The values are initialised, and pass to the header.
        let values = Values {
            first: this.values(),
            len: this.len,
        };
        let place = this.memory.cast::<H>();
        // SAFETY: By the type invariant there is room for a header, and nothing is there yet.
        unsafe { place.write(header(values)) };
        // INVARIANT: The header was just written, and the block passes to the result.
        Finished(place)
    }
}

impl<H, T> Deref for Block<H, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: By the type invariant the first `len` values are initialised.
        unsafe { slice::from_raw_parts(self.values().as_ptr(), self.len) }
    }
}

impl<H, T> DerefMut for Block<H, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: By the type invariant the first `len` values are initialised. This owns them.
        unsafe { slice::from_raw_parts_mut(self.values().as_ptr(), self.len) }
    }
}

impl<H, T> Drop for Block<H, T> {
    fn drop(&mut self) {
        self.truncate(0);
        // SAFETY: By the type invariant the memory is from `kvmalloc()`. It is not used again.
        unsafe { bindings::kvfree_atomic(self.memory.as_ptr().cast()) };
    }
}

/// The values of a finished block, as a part of its header. Dropping it drops the values.
///
/// # Invariants
///
/// From `first` on there are `len` initialised values, which this owns. Their memory is valid as
/// long as this is.
pub(crate) struct Values<T> {
    first: NonNull<T>,
    len: usize,
}

impl<T> Deref for Values<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: By the type invariant there are `len` initialised values from `first` on, which
        // `self` owns.
        unsafe { slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

impl<T> Drop for Values<T> {
    #[inline]
    fn drop(&mut self) {
        let values = ptr::slice_from_raw_parts_mut(self.first.as_ptr(), self.len);
        // SAFETY: By the type invariant this owns the values. They are not used again.
        unsafe { values.drop_in_place() };
    }
}

/// A header, in a block that has its values as well. Dropping it drops the header and frees the
/// block, in any context.
///
/// # Invariants
///
/// Points to an initialised header at the start of a block from `dma_fence_shim_alloc_block()`.
/// Both are owned.
pub(crate) struct Finished<H>(NonNull<H>);

// SAFETY: It owns the header, and is not tied to a thread.
unsafe impl<H: Send> Send for Finished<H> {}
// SAFETY: A shared one gives shared access to the header only.
unsafe impl<H: Sync> Sync for Finished<H> {}

impl<H> Finished<H> {
    /// Returns the header, which does not move.
    #[inline(always)]
    pub(crate) fn as_mut(&mut self) -> Pin<&mut H> {
        // SAFETY: By the type invariant the header is initialised and owned. It is not moved before
        // it is dropped.
        unsafe { Pin::new_unchecked(self.0.as_mut()) }
    }
}

impl<H> Deref for Finished<H> {
    type Target = H;

    #[inline(always)]
    fn deref(&self) -> &H {
        // SAFETY: By the type invariant the header is initialised and owned.
        unsafe { self.0.as_ref() }
    }
}

impl<H> Drop for Finished<H> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant the header is initialised, and the memory is from
        // `kvmalloc()`. Neither is used again.
        unsafe {
            self.0.drop_in_place();
            bindings::kvfree_atomic(self.0.as_ptr().cast());
        }
    }
}
