// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A `struct completion` as a counter of wakes, on which a thread sleeps.
//!
//! [`kernel::sync::Completion`] can only complete all waiters for good, and its waiting has no time
//! limit and is not interruptible. A parker counts wakes, is reused, and has both.
//!
//! C header: [`include/linux/completion.h`](srctree/include/linux/completion.h)

use crate::counted::Counted;
use core::mem::MaybeUninit;
use kernel::{
    bindings,
    prelude::*,
    time::msecs_to_jiffies,
    types::Opaque, //
};

/// The reason for which [`Parker::park_interruptible`] has returned.
pub(crate) enum Parked {
    /// A call of [`Parker::unpark`].
    Woken,
    /// The time limit has expired.
    Late,
    /// A signal is pending for the thread.
    Interrupted,
}

/// A counter of wakes that a thread can sleep on.
#[repr(transparent)]
pub(crate) struct Parker(Opaque<bindings::completion>);

// SAFETY: Completions are used from all threads.
unsafe impl Sync for Parker {}
// SAFETY: Completions are used from all threads, and do not move once they are shared.
unsafe impl Send for Parker {}

impl Parker {
    /// The time limit after which a parked thread returns, to report what it waits for.
    const LIMIT_MS: u32 = 10_000;

    /// Returns a parker. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Counted<Self>> {
        let parker = Counted::new(MaybeUninit::<Self>::uninit())?;
        // SAFETY: The memory is valid for writes, as this is the only reference, and does not move.
        unsafe { bindings::init_completion(Counted::as_ptr(&parker).cast_mut().cast()) };
        // SAFETY: Initialised just now, and no other reference exists.
        Ok(unsafe { parker.assume_init() })
    }

    /// Sleeps until [`Parker::unpark`] has been called more often than this has returned `true`.
    /// Returns `false` if the time limit expires.
    pub(crate) fn park(&self) -> bool {
        // SAFETY: Initialised by `new()`; callers may sleep.
        unsafe {
            bindings::wait_for_completion_timeout(self.0.get(), msecs_to_jiffies(Self::LIMIT_MS))
                != 0
        }
    }

    /// Sleeps as [`Parker::park`] does, until a signal is pending for the thread.
    pub(crate) fn park_interruptible(&self) -> Parked {
        // SAFETY: Initialised by `new()`; callers may sleep.
        let left = unsafe {
            bindings::wait_for_completion_interruptible_timeout(
                self.0.get(),
                msecs_to_jiffies(Self::LIMIT_MS),
            )
        };
        match left {
            0 => Parked::Late,
            1.. => Parked::Woken,
            _ => Parked::Interrupted,
        }
    }

    /// Lets one [`Parker::park`] pass. Any context but NMI.
    pub(crate) fn unpark(&self) {
        // SAFETY: Initialised by `new()`.
        unsafe { bindings::complete(self.0.get()) }
    }
}
