// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Memory that the firmware reads and writes while we do.
//!
//! Nothing in it stays what it was, so there are no references to its content: words are accessed
//! as atomics ([`Word`]), everything larger is copied.

use crate::{
    alloc::{
        GpuBox,
        Heap, //
    },
    job::structure::Room, //
};
use agx_abi::{
    Abi,
    Everywhere,
    Field,
    Value, //
};
use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            AtomicType, //
        },
        Arc, //
    }, //
};

/// A zeroed object in memory shared with the firmware. It knows the version of its interface.
pub(crate) struct SharedBox {
    object: GpuBox,
    abi: Abi,
}

/// A reference to such an object, which [`Word`]s of it keep alive as well.
#[derive(Clone)]
pub(crate) struct Shared(Arc<SharedBox>);

impl Deref for Shared {
    type Target = SharedBox;

    fn deref(&self) -> &SharedBox {
        &self.0
    }
}

/// Alignment of all objects that are shared with the firmware.
const ALIGN: usize = 0x80;

/// Size of the largest value that is written as a field.
const MAX_FIELD: usize = 0x20;

impl Shared {
    /// Allocates `size` bytes.
    pub(crate) fn new(heap: &Heap, size: usize) -> Result<Self> {
        Ok(Self(Arc::new(
            SharedBox::new(heap, size)?,
            GFP_KERNEL_ACCOUNT,
        )?))
    }

    /// Allocates a copy of `content`.
    pub(crate) fn copy_of(heap: &Heap, content: &[u8]) -> Result<Self> {
        let this = Self::new(heap, content.len())?;
        this.write(0, content)?;
        Ok(this)
    }

    /// Returns the word at `offset`. `EINVAL` if it is not inside, or not aligned.
    pub(crate) fn word<T: AtomicType>(&self, offset: usize) -> Result<Word<T>> {
        let at = self.span(offset, size_of::<T>())?.cast::<T>();
        if !at.is_aligned() {
            return Err(EINVAL);
        }
        // INVARIANT: Inside and aligned, as just checked.
        Ok(Word {
            at,
            owner: self.0.clone(),
        })
    }

    /// Returns the word that is `field` of the structure `S` here.
    pub(crate) fn field<S: Everywhere, T: AtomicType + Value>(
        &self,
        field: Field<S, T>,
    ) -> Result<Word<T>> {
        self.word(field.offset_in(self.abi))
    }
}

impl SharedBox {
    /// Allocates `size` bytes.
    pub(crate) fn new(heap: &Heap, size: usize) -> Result<Self> {
        Ok(Self {
            object: heap.alloc(size, ALIGN)?,
            abi: heap.abi,
        })
    }

    /// Returns its address, for the firmware.
    pub(crate) fn va(&self) -> u64 {
        self.object.va()
    }

    /// Returns the `size` bytes at `offset`, to write structures to.
    ///
    /// # Errors
    ///
    /// `EINVAL` if they are not inside, or not aligned to words.
    pub(crate) fn room(&self, offset: usize, size: usize) -> Result<Room<'_>> {
        let at = self.span(offset, size)?;
        if !at.cast::<u32>().is_aligned() {
            return Err(EINVAL);
        }
        // SAFETY: `span()` checked the bounds, it is aligned, and the object stays as long as
        // `self` is borrowed. If the firmware or another thread writes at the same time the content
        // may be a mixture, and any bytes are valid.
        Ok(unsafe { Room::new(at, self.va() + offset as u64, size) })
    }

    /// Writes `value` to `field` of the structure `S` at the start of the object.
    pub(crate) fn put<S: Everywhere, T: Value>(&self, field: Field<S, T>, value: T) -> Result {
        let mut raw = [0; MAX_FIELD];
        let raw = raw.get_mut(..T::size_in(self.abi)).ok_or(EINVAL)?;
        value.write_in(self.abi, raw);
        self.write(field.offset_in(self.abi), raw)
    }

    /// Returns the version of the interface.
    pub(crate) fn abi(&self) -> Abi {
        self.abi
    }

    /// Writes `bytes` to `offset`.
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) -> Result {
        let at = self.span(offset, bytes.len())?;
        // SAFETY: `span()` checked the bounds. The firmware may be reading; the writer tells it
        // only afterwards that there is something to read, and orders the two.
        unsafe { at.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        Ok(())
    }

    /// Copies out `bytes.len()` bytes from `offset`.
    pub(crate) fn read(&self, offset: usize, bytes: &mut [u8]) -> Result {
        let at = self.span(offset, bytes.len())?;
        // SAFETY: `span()` checked the bounds. If the firmware writes at the same time the copy may
        // be a mixture, which any bytes are allowed to be.
        unsafe { at.copy_to_nonoverlapping(NonNull::from(&mut *bytes).cast(), bytes.len()) };
        Ok(())
    }

    #[inline]
    fn span(&self, offset: usize, size: usize) -> Result<NonNull<u8>> {
        let end = offset.checked_add(size).ok_or(EINVAL)?;
        if end > self.object.size() {
            return Err(EINVAL);
        }
        // SAFETY: In bounds of the object, as just checked.
        Ok(unsafe { self.object.cpu_addr().add(offset) })
    }
}

/// A word in shared memory, which it keeps alive.
///
/// # Invariants
///
/// `at` points to an aligned `T` inside `owner`.
pub(crate) struct Word<T> {
    at: NonNull<T>,
    owner: Arc<SharedBox>,
}

impl<T> Clone for Word<T> {
    fn clone(&self) -> Self {
        // INVARIANT: As in `self`.
        Self {
            at: self.at,
            owner: self.owner.clone(),
        }
    }
}

// SAFETY: It is a reference to an atomic together with an owner that may be sent.
unsafe impl<T: AtomicType + Send> Send for Word<T> {}
// SAFETY: It is a reference to an atomic, which may be shared, together with an owner that may be.
unsafe impl<T: AtomicType + Send> Sync for Word<T> {}

impl<T: AtomicType> Deref for Word<T> {
    type Target = Atomic<T>;

    fn deref(&self) -> &Atomic<T> {
        // SAFETY: Valid by the type invariant for as long as `self.owner` lives. Accesses by others
        // are atomic too, or those of the firmware.
        unsafe { Atomic::from_ptr(self.at.as_ptr()) }
    }
}
