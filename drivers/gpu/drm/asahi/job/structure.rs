// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Structures that are written where the firmware is going to read them, field by field.
//!
//! Kernel code for arm64 is compiled so that it makes no unaligned accesses: a number of eight
//! bytes of which nothing else is known takes fifteen instructions to write. So here it is known
//! that structures are aligned to words of four bytes, which nearly all fields are as well.

use agx_abi::{
    Abi,
    Everywhere,
    Field,
    Opt,
    Value, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

/// Bytes of the largest value that is written as a field.
const MAX_FIELD: usize = 0x20;

/// Alignment of structures in bytes.
pub(crate) const WORD: usize = size_of::<u32>();

/// A structure `S` of a given version, in memory that the firmware reads.
///
/// It has a pointer to write through and no reference to the content, as the firmware may read the
/// structure at any time.
///
/// # Invariants
///
/// Version `abi` has `S`. `at` is aligned to [`WORD`], and valid for writes, for `'a`, of as many
/// bytes as `S` has in that version.
pub(crate) struct Structure<'a, S> {
    at: NonNull<u8>,
    abi: Abi,
    types: PhantomData<&'a S>,
}

/// Memory that the firmware is going to have, for structures.
///
/// # Invariants
///
/// `at` is aligned to [`WORD`], and valid for writes of `size` bytes, for `'a`.
pub(crate) struct Room<'a> {
    at: NonNull<u8>,
    va: u64,
    size: usize,
    owner: PhantomData<&'a [u8]>,
}

impl Room<'_> {
    /// Returns the memory at `at`, which the firmware has at `va`.
    ///
    /// # Safety
    ///
    /// `at` is aligned to [`WORD`], and valid for writes of `size` bytes, as long as the result
    /// lives.
    #[inline(always)]
    pub(crate) unsafe fn new(at: NonNull<u8>, va: u64, size: usize) -> Self {
        // INVARIANT: By the function's requirements.
        Self {
            at,
            va,
            size,
            owner: PhantomData,
        }
    }

    /// Returns its address for the CPU.
    #[inline(always)]
    pub(crate) fn at(&self) -> NonNull<u8> {
        self.at
    }

    /// Returns its address for the firmware.
    #[inline(always)]
    pub(crate) fn va(&self) -> u64 {
        self.va
    }

    /// Returns the structure `S` of version `abi` at `offset`, or `None` if it is not inside, or
    /// not aligned to words.
    #[inline(always)]
    pub(crate) fn structure<S: Everywhere>(
        &mut self,
        abi: Abi,
        offset: usize,
    ) -> Option<Structure<'_, S>> {
        // All but the size of the room is known where the version is.
        let end = offset.checked_add(S::size_in(abi))?;
        if end > self.size || offset % WORD != 0 {
            return None;
        }
        // SAFETY: The version has a size of `S`. By the type invariant there is room for it, as
        // just checked, for as long as `self` is borrowed, and it is aligned.
        Some(unsafe { Structure::new(abi, self.at.add(offset)) })
    }

    /// Writes `bytes` to `offset`; `None` if they are not all inside.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) -> Option<()> {
        if offset.checked_add(bytes.len())? > self.size {
            return None;
        }
        // SAFETY: By the type invariant there is room for them, as just checked.
        let at = unsafe { self.at.add(offset) };
        // SAFETY: There is room for `bytes` at `at`, as checked above. The firmware may read at the
        // same time, and is told of the content only after it was written.
        unsafe { at.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        Some(())
    }
}

impl<S: Value> Structure<'_, S> {
    /// Returns the structure of version `abi` at `at`.
    ///
    /// # Safety
    ///
    /// The version has `S`. `at` is aligned to [`WORD`], and valid for writes of as many bytes as
    /// `S` has in it, as long as the result lives.
    #[inline(always)]
    pub(crate) unsafe fn new(abi: Abi, at: NonNull<u8>) -> Self {
        // INVARIANT: By the function's requirements.
        Self {
            at,
            abi,
            types: PhantomData,
        }
    }

    /// Returns the same structure for a function that writes more of it. To pass a reference would
    /// put it in memory: then each write of a field has to look where the structure is.
    #[inline(always)]
    pub(crate) fn reborrow(&mut self) -> Structure<'_, S> {
        // INVARIANT: As in `self`, which is borrowed for as long.
        Structure {
            at: self.at,
            abi: self.abi,
            types: PhantomData,
        }
    }

    /// Writes `value` to `field`.
    #[inline(always)]
    pub(crate) fn set<T: Value>(&mut self, field: Field<S, T>, value: T) -> &mut Self {
        const { assert!(T::MAX_SIZE <= MAX_FIELD) };
        let size = T::size_in(self.abi);
        let mut bytes = [0; MAX_FIELD];
        value.write_in(self.abi, &mut bytes);
        let at = self.place(field);
        if field.offsets().are_multiples_of(WORD) && T::SIZES.are_multiples_of(WORD) {
            for (i, word) in bytes[..size].chunks_exact(WORD).enumerate() {
                let word = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
                // SAFETY: By the type invariant and `place()` there is room for `size` bytes, and
                // as the offset is a multiple of it they are aligned to words.
                unsafe { at.cast::<u32>().add(i).write(word) };
            }
        } else {
            // SAFETY: By the type invariant and `place()` there is room for `size` bytes.
            unsafe { at.copy_from_nonoverlapping(NonNull::from(&mut bytes).cast(), size) };
        }
        self
    }

    /// Writes `value` to `field` if the version has it.
    #[inline(always)]
    pub(crate) fn put<T: Value>(&mut self, field: Field<S, Opt<T>>, value: T) -> &mut Self {
        if let Some(field) = field.present(self.abi) {
            self.set(field, value);
        }
        self
    }

    /// Returns the structure that is `field` of this one.
    ///
    /// # Panics
    ///
    /// If it is not aligned to words, which the compiler knows.
    #[inline(always)]
    pub(crate) fn part<T: Value>(&mut self, field: Field<S, T>) -> Structure<'_, T> {
        assert!(field.offsets().are_multiples_of(WORD));
        // SAFETY: The version has what is in a field that it has. By the type invariant and
        // `place()` there is room for it, for as long as `self` is borrowed, and as just checked it
        // is aligned.
        unsafe { Structure::new(self.abi, self.place(field)) }
    }

    /// Returns the structure that is `field` of this one, or `None` if the version lacks it.
    ///
    /// # Panics
    ///
    /// If it is not aligned to words, which the compiler knows.
    #[inline(always)]
    pub(crate) fn find_part<T: Value>(
        &mut self,
        field: Field<S, Opt<T>>,
    ) -> Option<Structure<'_, T>> {
        let field = field.present(self.abi)?;
        Some(self.part(field))
    }

    /// Returns where `field` is: all of it is inside.
    #[inline(always)]
    fn place<T: Value>(&self, field: Field<S, T>) -> NonNull<u8> {
        // SAFETY: By the type invariant there is all of `S`, and by that of `Field` it is inside of
        // that in each version that has both. All that have `S` have a field that is no `Opt`.
        unsafe { self.at.add(field.place_in(self.abi)) }
    }
}

#[cfg(test)]
impl<'a, S: Value> Structure<'a, S> {
    /// Returns the structure of version `abi` at the start of `bytes`.
    pub(crate) fn of(abi: Abi, bytes: &'a mut [u8]) -> Self {
        let bytes = &mut bytes[..S::size_in(abi)];
        assert!(bytes.as_ptr().cast::<u32>().is_aligned());
        // SAFETY: The version has a size of `S`. There are that many bytes, which are aligned, and
        // borrowed for as long.
        unsafe { Self::new(abi, NonNull::from(bytes).cast()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agx_abi::compute::{
        JobMeta,
        RunCompute, //
    };

    #[test]
    fn fields_are_where_they_belong() {
        for abi in Abi::ALL {
            let size = RunCompute::size_in(abi);
            let mut bytes = vec![0; size + 1];
            let mut command = Structure::<RunCompute>::of(abi, &mut bytes);
            command
                .put(RunCompute::COUNTER, 0x1234_5678_9abc_def0)
                .part(RunCompute::META)
                .set(JobMeta::STAMP_VALUE, 7)
                .set(JobMeta::NO_PREEMPTION, 0xff);

            let mut wanted = RunCompute::new(abi);
            wanted
                .put(RunCompute::COUNTER, 0x1234_5678_9abc_def0)
                .set(RunCompute::META.then(JobMeta::STAMP_VALUE), 7)
                .set(RunCompute::META.then(JobMeta::NO_PREEMPTION), 0xff);
            assert_eq!(bytes[..size], wanted.as_bytes()[..]);
            assert_eq!(bytes[size], 0);
        }
    }

    #[test]
    fn fields_may_be_unaligned() {
        for abi in Abi::ALL {
            let mut bytes = vec![0; RunCompute::size_in(abi)];
            Structure::<RunCompute>::of(abi, &mut bytes)
                .put(RunCompute::CONTEXT_STORE_REQ, 0x1234_5678_9abc_def0)
                .set(RunCompute::CLIENT_SEQUENCE, 0x55);
            let mut wanted = RunCompute::new(abi);
            wanted
                .put(RunCompute::CONTEXT_STORE_REQ, 0x1234_5678_9abc_def0)
                .set(RunCompute::CLIENT_SEQUENCE, 0x55);
            assert_eq!(bytes, wanted.as_bytes());
        }
    }

    #[test]
    fn parts_may_be_absent() {
        for abi in Abi::ALL {
            let mut bytes = vec![0; RunCompute::size_in(abi)];
            let mut command = Structure::<RunCompute>::of(abi, &mut bytes);
            let part = command.find_part(RunCompute::JOB_PARAMS1);
            assert_eq!(part.is_some(), abi != Abi::G14XV13_5);
        }
    }

    #[test]
    #[should_panic]
    fn memory_that_is_too_short_is_no_structure() {
        let abi = Abi::G14XV13_5;
        let mut bytes = vec![0; RunCompute::size_in(abi) - 1];
        let _ = Structure::<RunCompute>::of(abi, &mut bytes);
    }
}
