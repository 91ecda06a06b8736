// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Functions that wait for futures in threads that may sleep.

use crate::{
    counted::Counted,
    current,
    parker::{
        Parked,
        Parker, //
    },
    report::api_violation, //
};
use core::{
    future::Future,
    mem::ManuallyDrop,
    pin::Pin,
    task::{
        Context,
        Poll,
        RawWaker,
        RawWakerVTable,
        Waker, //
    }, //
};
use kernel::{
    prelude::*,
    task::might_sleep, //
};

/// A reference to the parker of a thread that blocks. Wakers have references to it as well, and may
/// outlive this one.
struct Parking(Counted<Parker>);

impl Parking {
    fn new() -> Result<Self> {
        Ok(Self(Parker::new()?))
    }

    /// Polls `future` until it is ready, and parks between polls.
    fn block_on<F: Future>(&self, mut future: Pin<&mut F>) -> F::Output {
        might_sleep();
        let waker = self.waker();
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            // If the time limit has expired, one poll more does no harm.
            let _woken = self.0.park();
        }
    }

    /// Polls `future` as `block_on` does. Returns `None` if a signal is pending for the thread.
    fn block_on_interruptible<F: Future>(&self, mut future: Pin<&mut F>) -> Option<F::Output> {
        might_sleep();
        let waker = self.waker();
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return Some(output);
            }
            if let Parked::Interrupted = self.0.park_interruptible() {
                return None;
            }
        }
    }

    fn waker(&self) -> Waker {
        let data = Counted::into_raw(self.0.clone()).cast();
        // SAFETY: The vtable fulfils the contract of `RawWaker`. The waker owns the reference that
        // was just created.
        unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) }
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// Returns the reference of a waker.
///
/// # Safety
///
/// `data` must be that of a waker of [`Parking`], whose reference passes to the caller.
unsafe fn take(data: *const ()) -> Counted<Parker> {
    // SAFETY: `data` is the parker of a waker, whose reference is the caller's, by the safety
    // requirements.
    unsafe { Counted::from_raw(data.cast()) }
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: The waker keeps its reference, since this one is not dropped.
    let this = ManuallyDrop::new(unsafe { take(data) });
    core::mem::forget((*this).clone());
    RawWaker::new(data, &VTABLE)
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn wake(data: *const ()) {
    // SAFETY: The waker is consumed, so its reference is this function's.
    unsafe { take(data) }.unpark();
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: The waker keeps its reference, since this one is not dropped.
    ManuallyDrop::new(unsafe { take(data) }).unpark();
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: The waker is dropped, so its reference is this function's.
    drop(unsafe { take(data) });
}

/// Blocks until `future` is ready.
///
/// # Context
///
/// Process context, outside of fence signalling sections. The thread sleeps between polls, so the
/// future has to be `Send`: guards of spinlocks are not `Send`, and so cannot be held across an
/// await.
///
/// ```compile_fail,E0277
/// # fn f(lock: &std::sync::Mutex<u32>) {
/// let _ = kasync::block_on(async {
///     let guard = lock.lock();
///     kasync::yield_now().await;
///     drop(guard);
/// });
/// # }
/// ```
///
/// # Errors
///
/// `EDEADLK` inside a poll or a signalling section, and where the caller is known not to be allowed
/// to sleep, with a warning (H15). `ENOMEM`. On error the future is dropped.
pub fn block_on<F: Future + Send>(future: F) -> Result<F::Output> {
    if !current::may_block() {
        api_violation(c"block_on() in an interrupt, a poll or a signalling section");
        return Err(EDEADLK);
    }
    let parking = Parking::new()?;
    // Leaves have timers in them, which do not belong on a stack.
    let mut future = KBox::pin(future, GFP_KERNEL)?;
    Ok(parking.block_on(future.as_mut()))
}

/// Blocks until `future` is ready or a signal is pending for the thread.
///
/// # Context
///
/// As [`block_on`].
///
/// # Errors
///
/// As [`block_on`], and `ERESTARTSYS` if a signal is pending. On error the future is dropped.
pub fn block_on_interruptible<F: Future + Send>(future: F) -> Result<F::Output> {
    if !current::may_block() {
        api_violation(c"block_on_interruptible() in an interrupt, a poll or a signalling section");
        return Err(EDEADLK);
    }
    let parking = Parking::new()?;
    // Leaves have timers in them, which do not belong on a stack.
    let mut future = KBox::pin(future, GFP_KERNEL)?;
    parking
        .block_on_interruptible(future.as_mut())
        .ok_or(ERESTARTSYS)
}
