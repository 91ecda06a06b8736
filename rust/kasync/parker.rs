// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What a thread that blocks sleeps on: a `struct completion` as a counter of wakes.
//!
//! [`kernel::sync::Completion`] can only complete all waiters for good, and wait without a limit
//! and for no signal. A parker counts its wakes, is used again, and reports what takes too long.
//!
//! C header: [`include/linux/completion.h`](srctree/include/linux/completion.h)

use kernel::{
    bindings,
    prelude::*,
    sync::{
        Arc,
        UniqueArc, //
    },
    time::msecs_to_jiffies,
    types::Opaque, //
};

/// What has ended [`Parker::park_interruptible`].
pub(crate) enum Parked {
    /// A call of [`Parker::unpark`].
    Woken,
    /// The time limit.
    Late,
    /// A signal for the thread.
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
    /// After this time a thread that is parked looks after itself.
    const LIMIT_MS: u32 = 10_000;

    /// Returns a parker. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let mut parker = UniqueArc::<Self>::new_uninit(GFP_KERNEL)?;
        // SAFETY: The memory is valid for writes, and does not move.
        unsafe { bindings::init_completion(parker.as_mut_ptr().cast()) };
        // SAFETY: Initialised just now.
        Ok(unsafe { parker.assume_init() }.into())
    }

    /// Sleeps until [`Parker::unpark`] has been called more often than this has returned `true`.
    /// Returns `false` when the time limit is over.
    pub(crate) fn park(&self) -> bool {
        // SAFETY: Initialised by `new()`; callers may sleep.
        unsafe {
            bindings::wait_for_completion_timeout(self.0.get(), msecs_to_jiffies(Self::LIMIT_MS))
                != 0
        }
    }

    /// As [`Parker::park`], but a signal for the thread ends it as well.
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
