// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Structures that are written where the firmware is going to read them, field by field.
//!
//! Kernel code for arm64 is compiled so that it makes no unaligned accesses: a number of eight
//! bytes of which nothing else is known takes fifteen instructions to write. So here it is known
//! that structures are aligned to words of four bytes, which nearly all fields are as well.

use agx_abi::{
    Field,
    Value, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

/// Bytes of the largest value that is written as a field.
const MAX_FIELD: usize = 0x20;

/// Bytes of what structures are aligned to.
pub(crate) const WORD: usize = size_of::<u32>();

/// A structure `S` in memory that the firmware has, or is going to have.
///
/// There is no reference to its content, only a pointer to write through: the firmware may look at
/// it at any time.
///
/// # Invariants
///
/// `at` is aligned to [`WORD`], and valid for writes of `S::SIZE` bytes for `'a`.
pub(crate) struct Structure<'a, S> {
    at: NonNull<u8>,
    types: PhantomData<&'a S>,
}

impl<S: Value> Structure<'_, S> {
    /// Returns the structure at `at`.
    ///
    /// # Safety
    ///
    /// `at` is aligned to [`WORD`], and valid for writes of `S::SIZE` bytes as long as the result
    /// lives.
    #[inline(always)]
    pub(crate) unsafe fn new(at: NonNull<u8>) -> Self {
        // INVARIANT: By the function's requirements.
        Self {
            at,
            types: PhantomData,
        }
    }

    /// Gives `field` a value.
    #[inline(always)]
    pub(crate) fn set<T: Value>(&mut self, field: Field<S, T>, value: T) -> &mut Self {
        const { assert!(T::SIZE <= MAX_FIELD) };
        let mut bytes = [0; MAX_FIELD];
        value.write(&mut bytes[..T::SIZE]);
        let at = self.place(field);
        if field.offset() % WORD == 0 && T::SIZE % WORD == 0 {
            for (i, word) in bytes[..T::SIZE].chunks_exact(WORD).enumerate() {
                let word = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
                // SAFETY: By the type invariant and `place()` there is room for `T::SIZE` bytes,
                // and as the offset is a multiple of it they are aligned to words.
                unsafe { at.cast::<u32>().add(i).write(word) };
            }
        } else {
            // SAFETY: By the type invariant and `place()` there is room for `T::SIZE` bytes.
            unsafe { at.copy_from_nonoverlapping(NonNull::from(&mut bytes).cast(), T::SIZE) };
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
        assert!(field.offset() % WORD == 0);
        // SAFETY: By the type invariant and `place()` there is room for `T::SIZE` bytes, for as
        // long as `self` is borrowed, and as just checked they are aligned.
        unsafe { Structure::new(self.place(field)) }
    }

    /// Returns where `field` is: all of it is inside.
    ///
    /// # Panics
    ///
    /// If it is not, which no field is that `agx_abi` declares. The compiler knows that.
    #[inline(always)]
    fn place<T: Value>(&self, field: Field<S, T>) -> NonNull<u8> {
        assert!(field.offset() + T::SIZE <= S::SIZE);
        // SAFETY: It is inside of the structure, as just checked.
        unsafe { self.at.add(field.offset()) }
    }
}

#[cfg(test)]
impl<'a, S: Value> Structure<'a, S> {
    /// Returns the structure at the start of `bytes`.
    pub(crate) fn of(bytes: &'a mut [u8]) -> Self {
        let bytes = &mut bytes[..S::SIZE];
        assert!(bytes.as_ptr().cast::<u32>().is_aligned());
        // SAFETY: There are that many bytes, which are aligned, and borrowed for as long.
        unsafe { Self::new(NonNull::from(bytes).cast()) }
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
        let mut bytes = vec![0; RunCompute::SIZE + 1];
        let mut command = Structure::<RunCompute>::of(&mut bytes);
        command
            .set(RunCompute::COUNTER, 0x1234_5678_9abc_def0)
            .part(RunCompute::META)
            .set(JobMeta::STAMP_VALUE, 7)
            .set(JobMeta::NO_PREEMPTION, 0xff);

        let mut wanted = RunCompute::zeroed();
        wanted
            .set(RunCompute::COUNTER, 0x1234_5678_9abc_def0)
            .set(RunCompute::META.then(JobMeta::STAMP_VALUE), 7)
            .set(RunCompute::META.then(JobMeta::NO_PREEMPTION), 0xff);
        assert_eq!(bytes[..RunCompute::SIZE], wanted.as_bytes()[..]);
        assert_eq!(bytes[RunCompute::SIZE], 0);
    }

    #[test]
    fn fields_may_be_unaligned() {
        let mut bytes = vec![0; RunCompute::SIZE];
        Structure::<RunCompute>::of(&mut bytes)
            .set(RunCompute::CONTEXT_STORE_REQ, 0x1234_5678_9abc_def0)
            .set(RunCompute::CLIENT_SEQUENCE, 0x55);
        let mut wanted = RunCompute::zeroed();
        wanted
            .set(RunCompute::CONTEXT_STORE_REQ, 0x1234_5678_9abc_def0)
            .set(RunCompute::CLIENT_SEQUENCE, 0x55);
        assert_eq!(bytes, wanted.as_bytes());
    }

    #[test]
    #[should_panic]
    fn memory_that_is_too_short_is_no_structure() {
        let _ = Structure::<RunCompute>::of(&mut [0; RunCompute::SIZE - 1]);
    }
}
