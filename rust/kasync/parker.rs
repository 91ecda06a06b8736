// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A `struct completion` as a counter of wakes, on which a thread sleeps.
//!
//! [`kernel::sync::Completion`] can only complete all waiters for good, and its waiting has no time
//! limit and is not interruptible. A parker counts wakes, is reused, and has both.
//!
//! C header: [`include/linux/completion.h`](srctree/include/linux/completion.h)

use crate::counted::Counted;
use core::{
    mem::MaybeUninit,
    ptr,
    task::{
        RawWaker,
        RawWakerVTable,
        Waker, //
    }, //
};
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

    /// Calls `f` with a parker on the stack of the calling thread.
    pub(crate) fn on_stack<R>(f: impl FnOnce(&Self) -> R) -> R {
        let parker = Self(Opaque::uninit());
        // SAFETY: The memory is valid for writes, and does not move until the end of this function.
        unsafe { bindings::init_completion(parker.0.get()) };
        f(&parker)
    }

    /// Returns a waker that calls [`Parker::unpark`], and has no reference to the parker.
    ///
    /// # Safety
    ///
    /// The parker must stay valid until each clone of the waker was dropped, or called. A call that
    /// lets [`Parker::park`] return `true` is over by then.
    pub(crate) unsafe fn borrowed_waker(&self) -> Waker {
        // SAFETY: The functions of the vtable are called with a pointer to a parker, which is valid
        // by the safety requirements.
        unsafe { Waker::new(ptr::from_ref(self).cast(), &BORROWED) }
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

/// The functions of wakers without a reference.
static BORROWED: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, |_| ());

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn clone(parker: *const ()) -> RawWaker {
    RawWaker::new(parker, &BORROWED)
}

/// # Safety
///
/// `parker` must be that of a waker of [`Parker::borrowed_waker`].
unsafe fn wake(parker: *const ()) {
    // SAFETY: By the requirements of `borrowed_waker()` the parker is valid. `complete()` does not
    // access it any more once `park()` may return.
    unsafe { &*parker.cast::<Parker>() }.unpark();
}
