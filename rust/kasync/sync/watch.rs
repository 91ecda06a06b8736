// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A channel that holds the latest value only, with one sender and many receivers. A receiver sees
//! the latest value, but not necessarily those before.
//!
//! Values are `Copy`. They are copied under the channel's lock, where no code of its users may run.
//! There is no borrow of the value under the lock, since code that runs with such a borrow could
//! use the same channel again.
//!
//! # States
//!
//! ```text
//!   OPEN ──(1) the sender is dropped: all receivers are woken──► CLOSED
//!   OPEN ──(2) the last receiver is dropped──► UNWATCHED
//!   UNWATCHED ──(3) subscribe()──► OPEN
//!   UNWATCHED ──(1) the sender is dropped──► freed
//! ```
//!
//! | state | `send` | `changed` |
//! |---|---|---|
//! | OPEN | replaces the value | ready for a value that was not seen |
//! | UNWATCHED | gives the value back | no receiver exists |
//! | CLOSED | no sender exists | ready for the last value if it was not seen, then `Closed` |

use crate::{
    await_site::AwaitSite,
    budget::poll_budget,
    counted::Counted,
    lock::IrqLock,
    wait::{
        WaitList,
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
use kernel::prelude::*;

struct State<T: Copy> {
    value: T,
    /// The number of values that were sent.
    version: u64,
    sender: bool,
    receivers: usize,
    /// The waiters. The key is the version that the receiver has seen.
    waiters: WaitList,
}

type Shared<T> = Counted<IrqLock<State<T>>>;

/// Allocates a channel that holds `value`, which counts as seen by the receiver. May sleep.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `channel` | yes | no (allocates) | no |
/// | all of a [`Sender`] and a [`Receiver`] but awaiting | yes | yes | yes |
/// | polling and dropping of [`Changed`] | yes | yes | no |
///
/// A type with a destructor is refused:
///
/// ```compile_fail,E0277
/// let _ = kasync::sync::watch::channel(String::new());
/// ```
///
/// # Errors
///
/// `ENOMEM`.
///
/// # Examples
///
/// ```
/// # use kernel::host::World;
/// # let world = World::manual();
/// # let _world = world.enter();
/// use kasync::sync::watch;
///
/// let (temperature, mut rx) = watch::channel(20)?;
/// assert!(temperature.send(21).is_ok());
/// assert!(temperature.send(22).is_ok());
/// assert!(kasync::block_on(rx.changed())?.is_ok());
/// assert_eq!(rx.get(), 22);
/// # Ok::<(), kernel::error::Error>(())
/// ```
pub fn channel<T: Copy + Send>(value: T) -> Result<(Sender<T>, Receiver<T>)> {
    let shared = Counted::new(IrqLock::new(State {
        value,
        version: 0,
        sender: true,
        receivers: 1,
        waiters: WaitList::new(),
    }))?;
    let receiver = Receiver {
        shared: shared.clone(),
        seen: 0,
    };
    Ok((Sender(shared), receiver))
}

/// The sender was dropped, and its last value has been seen.
///
/// # Context
///
/// Any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closed;

fn wake<T: Copy>(shared: &IrqLock<State<T>>, pred: impl Fn(&State<T>, u64) -> bool) {
    loop {
        let mut wakers = WakerBatch::new();
        shared.with(|s| {
            let mut waiters = core::mem::replace(&mut s.waiters, WaitList::new());
            waiters.notify_while(&mut wakers, |key| pred(s, key));
            s.waiters = waiters;
        });
        if !wakers.wake_all() {
            break;
        }
    }
}

/// The sending side of a channel.
///
/// # Context
///
/// See the table of [`channel`].
pub struct Sender<T: Copy + Send>(Shared<T>);

impl<T: Copy + Send> Sender<T> {
    /// Replaces the value.
    ///
    /// # Errors
    ///
    /// Returns the value if no receiver is left.
    pub fn send(&self, value: T) -> core::result::Result<(), T> {
        self.0.with(|s| {
            if s.receivers == 0 {
                return Err(value);
            }
            s.version += 1;
            s.value = value;
            Ok(())
        })?;
        self.wake();
        Ok(())
    }

    /// Returns whether no receiver is left.
    pub fn is_closed(&self) -> bool {
        self.0.with(|s| s.receivers == 0)
    }

    /// Returns another receiver, for which the current value counts as seen.
    pub fn subscribe(&self) -> Receiver<T> {
        let seen = self.0.with(|s| {
            // (3), if there was none.
            s.receivers += 1;
            s.version
        });
        Receiver {
            shared: self.0.clone(),
            seen,
        }
    }

    fn wake(&self) {
        wake(&self.0, |s, seen| seen < s.version);
    }
}

impl<T: Copy + Send> Drop for Sender<T> {
    fn drop(&mut self) {
        // (1)
        self.0.with(|s| s.sender = false);
        wake(&self.0, |_, _| true);
    }
}

/// The receiving side of a channel. A clone has seen the same values as the original.
///
/// # Context
///
/// See the table of [`channel`].
pub struct Receiver<T: Copy + Send> {
    shared: Shared<T>,
    seen: u64,
}

impl<T: Copy + Send> Receiver<T> {
    /// Returns a future that resolves when there is a value that this receiver has not seen. The
    /// latest value counts as seen then.
    ///
    /// Cancel safe: a value counts as seen only when the future resolves.
    #[track_caller]
    pub fn changed(&mut self) -> Changed<'_, T> {
        Changed {
            receiver: self,
            site: AwaitSite::here(),
            waiter: Waiter::new(),
            registered: false,
        }
    }

    /// Returns a copy of the latest value, which counts as seen.
    pub fn get(&mut self) -> T {
        let (version, value) = self.shared.with(|s| (s.version, s.value));
        self.seen = version;
        value
    }
}

impl<T: Copy + Send> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.with(|s| s.receivers += 1);
        Self {
            shared: self.shared.clone(),
            seen: self.seen,
        }
    }
}

impl<T: Copy + Send> Drop for Receiver<T> {
    fn drop(&mut self) {
        // (2), if it is the last.
        self.shared.with(|s| s.receivers -= 1);
    }
}

/// The future of [`Receiver::changed`].
///
/// # Context
///
/// See the table of [`channel`].
#[must_use = "futures do nothing unless awaited"]
pub struct Changed<'a, T: Copy + Send> {
    receiver: &'a mut Receiver<T>,
    site: AwaitSite,
    waiter: Waiter,
    registered: bool,
}

impl<T: Copy + Send> Future for Changed<'_, T> {
    type Output = core::result::Result<(), Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_budget(cx, |cx| self.poll_changed(cx))
    }
}

impl<T: Copy + Send> Changed<'_, T> {
    fn poll_changed(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<core::result::Result<(), Closed>> {
        // SAFETY: The waiter, the only field that is pinned, is not moved.
        let this = unsafe { self.get_unchecked_mut() };
        let waker = cx.waker().clone();
        let (waiter, seen) = (&this.waiter, this.receiver.seen);
        // Wakers are dropped after unlocking.
        let result = this.receiver.shared.with(|s| {
            // SAFETY: The waiter belongs to this list, is pinned, and `Drop` removes it.
            unsafe {
                if seen < s.version || !s.sender {
                    let old = s.waiters.remove(waiter).1;
                    return Err((s.version, (waker, old)));
                }
                Ok(s.waiters.wait(waiter, waker, seen))
            }
        });
        match result {
            Ok(_old) => {
                this.registered = true;
                this.site.waits(cx);
                Poll::Pending
            }
            Err((version, _wakers)) => {
                this.registered = false;
                this.receiver.seen = version;
                Poll::Ready(if seen < version { Ok(()) } else { Err(Closed) })
            }
        }
    }
}

impl<T: Copy + Send> Drop for Changed<'_, T> {
    fn drop(&mut self) {
        if self.registered {
            let waiter = &self.waiter;
            // SAFETY: The waiter belongs to this list, and the lock is held.
            let _old = (self.receiver.shared).with(|s| unsafe { s.waiters.remove(waiter) });
        }
    }
}
