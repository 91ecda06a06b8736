// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Notifications that carry no data.

use crate::{
    await_site::AwaitSite,
    budget::poll_budget,
    lock::IrqLock,
    thread::NoPreempt,
    wait::{
        WaitList,
        WaitState,
        Waiter,
        WakerBatch, //
    }, //
};
use core::{
    future::Future,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};

struct State {
    /// True if `notify_one` was called while there was no waiter.
    permit: bool,
    /// The number of calls of `notify_waiters`.
    epoch: u64,
    /// The waiters. The key is the epoch in which the future was created.
    waiters: WaitList,
}

/// A notification of one waiter or of all. A waiter that was woken checks its condition again.
///
/// # Context
///
/// See [the table of this module's parent](crate::sync#context).
///
/// # Examples
///
/// ```
/// # use kernel::host::World;
/// # let world = World::manual();
/// # let _world = world.enter();
/// use kasync::sync::Notify;
///
/// let notify = Notify::new();
/// notify.notify_one(); // Nothing waits yet: it is kept for the first waiter.
/// kasync::block_on(notify.notified())?;
/// # Ok::<(), kernel::error::Error>(())
/// ```
pub struct Notify(IrqLock<State>);

impl Notify {
    /// Returns a `Notify` without waiters and notifications.
    #[expect(clippy::new_without_default, reason = "a default has no user")]
    pub fn new() -> Self {
        Self(IrqLock::new(State {
            permit: false,
            epoch: 0,
            waiters: WaitList::new(),
        }))
    }

    /// Wakes the first waiter. If there is none, the next one does not wait. Any context but NMI.
    pub fn notify_one(&self) {
        let _preempt = NoPreempt::new();
        let waker = self.0.with(|s| {
            if s.waiters.is_empty() {
                s.permit = true;
            }
            s.waiters.notify_one()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes all waiters whose [`Notified`] was created before this call, polled or not. Any
    /// context but NMI.
    pub fn notify_waiters(&self) {
        let epoch = self.0.with(|s| {
            s.epoch += 1;
            s.epoch
        });
        loop {
            let mut wakers = WakerBatch::new();
            self.0
                .with(|s| s.waiters.notify_while(&mut wakers, |key| key < epoch));
            if !wakers.wake_all() {
                break;
            }
        }
    }

    /// Returns a future that resolves when it is notified.
    ///
    /// It receives notifications of all waiters from this call on, and those of one waiter from its
    /// first poll on. So create it before checking the condition, and await it afterwards.
    #[track_caller]
    pub fn notified(&self) -> Notified<'_> {
        Notified {
            notify: self,
            site: AwaitSite::here(),
            epoch: self.0.with(|s| s.epoch),
            waiter: Waiter::new(),
            registered: false,
            done: false,
        }
    }
}

/// The future of [`Notify::notified`]. Cancel safe: if it is dropped after [`Notify::notify_one`]
/// has chosen it and before it was polled, the next waiter is woken instead.
///
/// # Context
///
/// See [the table of this module's parent](crate::sync#context).
#[must_use = "futures do nothing unless awaited"]
pub struct Notified<'a> {
    notify: &'a Notify,
    site: AwaitSite,
    epoch: u64,
    waiter: Waiter,
    registered: bool,
    done: bool,
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        poll_budget(cx, |cx| self.poll_notified(cx))
    }
}

impl Notified<'_> {
    fn poll_notified(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: The waiter, the only field that is pinned, is not moved.
        let this = unsafe { self.get_unchecked_mut() };
        if this.done {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let (waiter, epoch) = (&this.waiter, this.epoch);
        let result = this.notify.0.with(|s| {
            // SAFETY: The waiter belongs to this list, is pinned, and `Drop` removes it.
            unsafe {
                match s.waiters.state(waiter) {
                    WaitState::Notified | WaitState::NotifiedOne => return Err((waker, None)),
                    WaitState::Idle if s.permit && epoch == s.epoch => {
                        s.permit = false;
                        return Err((waker, None));
                    }
                    // All waiters were notified since. This leaves a permit to another one.
                    _ if epoch < s.epoch => return Err((waker, s.waiters.remove(waiter).1)),
                    _ => (),
                }
                Ok(s.waiters.wait(waiter, waker, epoch))
            }
        });
        match result {
            Ok(_old) => {
                this.registered = true;
                this.site.waits(cx);
                Poll::Pending
            }
            Err(_wakers) => {
                this.registered = false;
                this.done = true;
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        if self.registered {
            let waiter = &self.waiter;
            // SAFETY: The waiter belongs to this list, and the lock is held.
            let (state, _waker) = self.notify.0.with(|s| unsafe { s.waiters.remove(waiter) });
            if state == WaitState::NotifiedOne {
                self.notify.notify_one();
            }
        }
    }
}
