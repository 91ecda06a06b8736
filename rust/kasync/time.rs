// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Sleeping and deadlines, on hrtimers.
//!
//! A timer is part of the future, armed at the first poll that finds time left and cancelled when
//! the future is dropped, which waits for a callback that is running (H33). The callback only takes
//! the waker and wakes.

use crate::{
    await_site::AwaitSite,
    budget::{
        poll_budget,
        poll_limit, //
    },
    sync::AtomicWaker,
    timer::Timer, //
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

/// A point on the monotonic clock.
pub type Instant = kernel::time::Instant<kernel::time::Monotonic>;

/// The future of [`sleep`]. Cancel safe; may be polled again after it was
/// ready.
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
    site: AwaitSite,
    timer: UnsafeCell<Timer>,
    expired: SetOnce<()>,
    waker: AtomicWaker,
    _pin: PhantomPinned,
}

// SAFETY: The timer is armed and disarmed by the owner of the future, its callback looks at
// `expired` and `waker` only. An armed future is pinned.
unsafe impl Send for Sleep {}
// SAFETY: Nothing can be done with a shared `Sleep`.
unsafe impl Sync for Sleep {}

impl Sleep {
    #[track_caller]
    fn new(after: Delta) -> Self {
        Self {
            from: Instant::now(),
            after,
            armed: false,
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

    /// Wakes when the timer has expired, possibly in hard interrupt context.
    ///
    /// # Safety
    ///
    /// `this` must be the armed `Sleep`.
    unsafe fn fire(this: *const ()) {
        // SAFETY: The armed future is pinned, and disarming waits for us.
        let this = unsafe { &*this.cast::<Self>() };
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
        // SAFETY: Nothing is moved.
        let this = unsafe { self.get_unchecked_mut() };
        if this.expired.as_ref().is_some() {
            return Poll::Ready(());
        }
        // H9: the waker of the last poll counts.
        // SAFETY: Only this function registers, with the future borrowed mutably; nobody takes.
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
                return Poll::Ready(());
            }
            this.armed = true;
            let data = core::ptr::from_ref(&*this).cast();
            // SAFETY: The future is pinned, not armed, and disarms when dropped; `fire` is given
            // the same future.
            unsafe { Timer::arm(this.timer.get(), left, Self::fire, data) };
        }
        this.site.waits(cx);
        Poll::Pending
    }
}

impl Sleep {
    /// Counts anew: `d` from now. For one that is used again and again.
    pub fn reset(self: Pin<&mut Self>, d: Delta) {
        // SAFETY: Nothing is moved.
        let this = unsafe { self.get_unchecked_mut() };
        if core::mem::replace(&mut this.armed, false) {
            // SAFETY: The timer is valid. Waits for the callback, which may be running.
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
            // SAFETY: The timer is valid. Futures are dropped in process context.
            unsafe { Timer::disarm(self.timer.get()) };
        }
    }
}

/// Waits for a span of time, counted from this call.
#[track_caller]
pub fn sleep(d: Delta) -> Sleep {
    Sleep::new(d)
}

/// The time was over before the future was ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elapsed;

pin_project! {
    /// The future of [`timeout`].
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
        // A future that is ready in time, even if it is late to be polled, wins.
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // Nor is the limit put off by a future that is ready all the time.
        poll_limit(cx, |cx| this.sleep.poll_expiry(cx)).map(|()| Err(Elapsed))
    }
}

/// Waits for `future`, but no longer than `d` from this call. On [`Elapsed`] the future is dropped
/// together with the returned one; it is as cancel safe as `future` is.
///
/// # Context
///
/// Any. Polling and dropping the future: as those of [`Sleep`], and of `future`.
#[track_caller]
pub fn timeout<F: Future>(d: Delta, future: F) -> Timeout<F> {
    let sleep = sleep(d);
    Timeout { future, sleep }
}
