// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Relaxed accesses of atomics without a call.
//!
//! [`Atomic::load`] and [`Atomic::store`] are calls of C functions, unless the kernel inlines its
//! helpers into Rust code. A relaxed one is `READ_ONCE()` or `WRITE_ONCE()`, as a volatile access
//! of a whole word is. So hot paths use these.

#[cfg(feature = "loom")]
use kernel::sync::atomic::Relaxed;
use kernel::sync::atomic::{
    Atomic,
    AtomicType, //
};

/// Types of one word. A volatile access of such a type is one instruction.
///
/// # Safety
///
/// The type must have the size and the alignment of an integer of 32 or 64 bits, be no larger than
/// a pointer, and be its own representation as an [`Atomic`].
pub unsafe trait Word: AtomicType {}

// A larger access would be torn. See "PREEMPT_RT and 32-bit" in `Documentation/kasync.rst`.
const _: () = assert!(size_of::<u64>() <= size_of::<usize>());

// SAFETY: An integer of 32 bits.
unsafe impl Word for u32 {}
// SAFETY: An integer of 64 bits, no larger than a pointer by the assertion above.
unsafe impl Word for u64 {}
// SAFETY: It has the size of a pointer.
unsafe impl Word for usize {}

/// Loads a value, relaxed. Any context.
#[inline(always)]
#[cfg(not(feature = "loom"))]
pub fn load<T: Word>(atomic: &Atomic<T>) -> T {
    // SAFETY: The pointer is valid and aligned. All accesses are atomic or volatile accesses of one
    // word: they are marked and not torn, as the kernel's memory model requires of accesses that
    // race.
    unsafe { atomic.as_ptr().read_volatile() }
}

/// Stores a value, relaxed. Any context.
#[inline(always)]
#[cfg(not(feature = "loom"))]
pub fn store<T: Word>(atomic: &Atomic<T>, v: T) {
    // SAFETY: The pointer is valid and aligned, and all accesses are marked and not torn, as said
    // in `load()`.
    unsafe { atomic.as_ptr().write_volatile(v) };
}

/// Loads a value, relaxed. Any context.
#[cfg(feature = "loom")]
pub fn load<T: Word>(atomic: &Atomic<T>) -> T {
    atomic.load(Relaxed)
}

/// Stores a value, relaxed. Any context.
#[cfg(feature = "loom")]
pub fn store<T: Word>(atomic: &Atomic<T>, v: T) {
    atomic.store(v, Relaxed);
}
