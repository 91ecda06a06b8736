// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Sleeping and time limits, by hrtimers.
//!
//! The timer is part of the future. It is armed at the first poll that finds time left, and
//! cancelled when the future is dropped, which waits for a running callback (H33). The callback
//! only wakes the task. A future that is forgotten keeps this crate's module loaded (H29).
//!
//! # States of a sleep
//!
//! ```text
//!   IDLE ──(1) poll, time is left: `armed` set, timer started; Pending──► ARMED
//!   IDLE ──(2) poll, no time is left: Ready──► IDLE
//!   ARMED ──(3) timer expires: `expired` set, then the task woken──► EXPIRED
//!   EXPIRED ──(4) poll: Ready──► EXPIRED
//!   ARMED or EXPIRED ──(5) reset(): timer stopped, its callback waited for──► IDLE
//!   ARMED or EXPIRED ──(6) drop: timer stopped, its callback waited for──► gone
//! ```

use crate::{
    await_site::AwaitSite,
    budget::{
        poll_budget,
        poll_limit, //
    },
    sync::AtomicWaker,
    timer::{
        ModuleRef,
        Timer, //
    }, //
};
use core::{
    cell::UnsafeCell,
    future::Future,
    marker::PhantomPinned,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};
use kernel::sync::SetOnce;
use pin_project_lite::pin_project;

pub use kernel::time::Delta;

/// A time of the monotonic clock.
pub type Instant = kernel::time::Instant<kernel::time::Monotonic>;

/// The future of [`sleep`]. Cancel safe. May be polled again after it was ready.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `sleep` | yes | yes | yes |
/// | poll, drop | yes | yes | no |
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    from: Instant,
    after: Delta,
    armed: bool,
    /// Taken when the timer is armed for the first time.
    module: Option<ModuleRef>,
    site: AwaitSite,
    timer: UnsafeCell<Timer>,
    expired: SetOnce<()>,
    waker: AtomicWaker,
    _pin: PhantomPinned,
}

// SAFETY: Only the owner of the future arms and disarms the timer. Its callback accesses `expired`
// and `waker` only, which are `Sync`. An armed future is pinned.
unsafe impl Send for Sleep {}
// SAFETY: A shared `Sleep` has no public methods.
unsafe impl Sync for Sleep {}

impl Sleep {
    #[track_caller]
    fn new(after: Delta) -> Self {
        Self {
            from: Instant::now(),
            after,
            armed: false,
            module: None,
            site: AwaitSite::here(),
            timer: UnsafeCell::new(Timer::new()),
            expired: SetOnce::new(),
            waker: AtomicWaker::new(),
            _pin: PhantomPinned,
        }
    }

    fn left_ns(&self) -> i64 {
        let from_now = (self.from - Instant::now()).as_nanos();
        from_now.saturating_add(self.after.as_nanos())
    }

    /// Wakes the task when the timer expires, possibly in hard interrupt context.
    ///
    /// # Safety
    ///
    /// `this` must be the armed `Sleep`.
    unsafe fn fire(this: *const ()) {
        // SAFETY: The armed future is pinned, and disarming it waits for this callback.
        let this = unsafe { &*this.cast::<Self>() };
        // (3)
        this.expired.populate(());
        this.waker.wake();
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_budget(cx, |cx| self.poll_expiry(cx))
    }
}

impl Sleep {
    fn poll_expiry(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: No field is moved.
        let this = unsafe { self.get_unchecked_mut() };
        if this.expired.as_ref().is_some() {
            // (4)
            return Poll::Ready(());
        }
        // H9: the waker of the last poll counts.
        // SAFETY: Only this function registers, with the future borrowed mutably, and no function
        // takes the waker.
        if this.armed && unsafe { this.waker.is_left_by(cx) } {
            this.site.waits(cx);
            return Poll::Pending;
        }
        this.waker.register(cx);
        if this.expired.as_ref().is_some() {
            return Poll::Ready(());
        }
        if !this.armed {
            let left = this.left_ns();
            if left <= 0 {
                // (2)
                return Poll::Ready(());
            }
            // (1)
            this.armed = true;
            this.module.get_or_insert_with(ModuleRef::new);
            let data = core::ptr::from_ref(&*this).cast();
            // SAFETY: The future is pinned and not armed. Its destructor disarms the timer. `fire`
            // is called with the address of this future.
            unsafe { Timer::arm(this.timer.get(), left, Self::fire, data) };
        }
        this.site.waits(cx);
        Poll::Pending
    }
}

impl Sleep {
    /// Restarts the sleep, which now ends `d` after this call.
    pub fn reset(self: Pin<&mut Self>, d: Delta) {
        // SAFETY: No field is moved.
        let this = unsafe { self.get_unchecked_mut() };
        // (5)
        if core::mem::replace(&mut this.armed, false) {
            // SAFETY: The timer is valid. This waits for a running callback.
            unsafe { Timer::disarm(this.timer.get()) };
        }
        this.expired = SetOnce::new();
        this.from = Instant::now();
        this.after = d;
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if self.armed {
            // (6)
            // SAFETY: The timer is valid. Futures are dropped in process context.
            unsafe { Timer::disarm(self.timer.get()) };
        }
    }
}

/// Returns a future that resolves `d` after this call.
#[track_caller]
pub fn sleep(d: Delta) -> Sleep {
    Sleep::new(d)
}

/// The time limit has expired before the future was ready.
///
/// # Context
///
/// Any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elapsed;

pin_project! {
    /// The future of [`timeout`].
    ///
    /// # Context
    ///
    /// See [`timeout`].
    #[must_use = "futures do nothing unless awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        #[pin]
        sleep: Sleep,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // A future that is ready wins, even if the time limit has expired before this poll.
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // The limit may overdraw the budget, so a future that is always ready does not delay it.
        poll_limit(cx, |cx| this.sleep.poll_expiry(cx)).map(|()| Err(Elapsed))
    }
}

/// Returns a future that resolves with the output of `future`, or with [`Elapsed`] if that is not
/// ready `d` after this call. `future` is dropped with the returned one, which is as cancel safe.
///
/// # Context
///
/// Any. Polling and dropping the future: as those of [`Sleep`], and of `future`.
#[track_caller]
pub fn timeout<F: Future>(d: Delta, future: F) -> Timeout<F> {
    let sleep = sleep(d);
    Timeout { future, sleep }
}
