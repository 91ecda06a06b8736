// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Notifications that carry no data.

use crate::{
    await_site::AwaitSite,
    budget::poll_budget,
    lock::IrqLock,
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
    /// A `notify_one` that met no waiter. Several are one.
    permit: bool,
    /// Counts the calls of `notify_waiters`.
    epoch: u64,
    /// The key is the epoch at which the future was made.
    waiters: WaitList,
}

/// Wakes one waiter or all of them. A waiter that is woken looks at its condition again.
///
/// # Context
///
/// See [the table](crate::sync#context) of all that is here.
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
    /// Makes one without a notification.
    #[expect(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(IrqLock::new(State {
            permit: false,
            epoch: 0,
            waiters: WaitList::new(),
        }))
    }

    /// Wakes the waiter that came first. Without any, the next one passes at once. Any context but
    /// NMI.
    pub fn notify_one(&self) {
        let waker = self.0.with(|s| {
            if s.waiters.is_empty() {
                s.permit = true;
            }
            s.waiters.give()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes all whose [`Notified`] was made before this call, polled or not. Any context but NMI.
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

    /// Returns a future that resolves when notified.
    ///
    /// Notifications of all waiters count from this call on, those of one from the first poll on.
    /// So make it before looking at the condition, and await it after.
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
/// has chosen it and before it was polled, the next in line is woken instead.
///
/// # Context
///
/// See [the table](crate::sync#context) of all that is here.
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
        // SAFETY: The waiter stays where it is.
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
                    WaitState::Notified | WaitState::Given => return Err((waker, None)),
                    WaitState::Idle if s.permit && epoch == s.epoch => {
                        s.permit = false;
                        return Err((waker, None));
                    }
                    // Everybody was notified since; that takes nothing from the others.
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
            if state == WaitState::Given {
                self.notify.notify_one();
            }
        }
    }
}
