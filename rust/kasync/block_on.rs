// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Waiting for futures in threads that may sleep.

use crate::{
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
    sync::Arc,
    task::might_sleep, //
};

/// What a thread needs to block: a parker that wakers may outlive.
pub(crate) struct Parking(Arc<Parker>);

impl Parking {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Parker::new()?))
    }

    /// Polls `future` to its end, parked between polls. Calls `late` each time that the parker's
    /// time limit is over.
    pub(crate) fn block_on<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        mut late: impl FnMut(),
    ) -> F::Output {
        might_sleep();
        let waker = self.waker();
        let mut cx = Context::from_waker(&waker);
        loop {
            match future.as_mut().poll(&mut cx) {
                Poll::Ready(output) => return output,
                Poll::Pending if !self.0.park() => late(),
                Poll::Pending => (),
            }
        }
    }

    /// As `block_on`, but gives up with `None` when there is a signal for the thread.
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
        let data = Arc::into_raw(self.0.clone()).cast();
        // SAFETY: The vtable does as `RawWaker` demands; the waker owns the reference just made.
        unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) }
    }
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// # Safety
///
/// `data` must be that of a waker made here, which gives up its reference to the caller.
unsafe fn take(data: *const ()) -> Arc<Parker> {
    // SAFETY: By the safety requirements.
    unsafe { Arc::from_raw(data.cast()) }
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: Borrowed, not dropped here.
    let this = ManuallyDrop::new(unsafe { take(data) });
    core::mem::forget((*this).clone());
    RawWaker::new(data, &VTABLE)
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn wake(data: *const ()) {
    // SAFETY: The waker's reference, ours now.
    unsafe { take(data) }.unpark();
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: Borrowed, not dropped here.
    ManuallyDrop::new(unsafe { take(data) }).unpark();
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: The waker's reference, ours now.
    drop(unsafe { take(data) });
}

/// Blocks until `future` is ready.
///
/// # Context
///
/// Process context, and not where a fence waits for the caller. The thread sleeps between polls, so
/// the future has to be `Send`: what keeps a thread from sleeping, such as the guard of a spinlock,
/// is not, and does not live across an await here either. A caller that may not sleep is reported
/// by `might_sleep()`.
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
/// `EDEADLK`, with a warning, inside a poll or a signalling section (H15). `ENOMEM`. The future is
/// dropped then.
pub fn block_on<F: Future + Send>(future: F) -> Result<F::Output> {
    if current::in_section() {
        api_violation(c"block_on() inside a poll or a signalling section");
        return Err(EDEADLK);
    }
    let parking = Parking::new()?;
    // Leaves have timers in them, which do not belong on a stack.
    let mut future = KBox::pin(future, GFP_KERNEL)?;
    Ok(parking.block_on(future.as_mut(), || ()))
}

/// Blocks until `future` is ready or there is a signal for the thread, as system calls do.
///
/// # Context
///
/// As [`block_on`].
///
/// # Errors
///
/// As [`block_on`]; and `ERESTARTSYS` if there is a signal. The future is dropped then.
pub fn block_on_interruptible<F: Future + Send>(future: F) -> Result<F::Output> {
    if current::in_section() {
        api_violation(c"block_on_interruptible() inside a poll or a signalling section");
        return Err(EDEADLK);
    }
    let parking = Parking::new()?;
    // Leaves have timers in them, which do not belong on a stack.
    let mut future = KBox::pin(future, GFP_KERNEL)?;
    parking
        .block_on_interruptible(future.as_mut())
        .ok_or(ERESTARTSYS)
}
