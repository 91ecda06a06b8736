// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A bounded channel with many senders and one receiver. Senders may be used in any context.
//!
//! # States
//!
//! ```text
//!   OPEN ──(1) the last sender is dropped: the receiver is woken──► ENDED
//!   OPEN or ENDED ──(2) close(), or the receiver is dropped: `closed` set──► CLOSED
//! ```
//!
//! | state | `try_send` | `recv` with values left | `recv` without |
//! |---|---|---|---|
//! | OPEN | `Ok`, or `Full` | the next value | pending |
//! | ENDED | no sender exists | the next value | `None` |
//! | CLOSED | `Closed` | the next value | `None` |
//!
//! A receiver that is dropped takes the values that are left with it.

use crate::{
    await_site::AwaitSite,
    budget::poll_budget,
    counted::Counted,
    lock::IrqLock,
    thread::NoPreempt, //
};
use core::{
    alloc::Layout,
    future::Future,
    mem::MaybeUninit,
    pin::Pin,
    task::{
        Context,
        Poll,
        Waker, //
    }, //
};
use futures_core::Stream;
use kernel::prelude::*;

/// A ring of values.
///
/// # Invariants
///
/// `slots` has `capacity` elements. The `len` elements from `head` on, modulo `capacity`, are
/// initialised.
struct Ring<T> {
    slots: KVec<MaybeUninit<T>>,
    capacity: usize,
    head: usize,
    len: usize,
}

// SAFETY: A ring owns its values.
unsafe impl<T: Send> Send for Ring<T> {}

impl<T> Ring<T> {
    fn new(capacity: usize) -> Result<Self> {
        let mut slots = KVec::with_capacity(capacity, GFP_KERNEL)?;
        for _ in 0..capacity {
            slots.push(MaybeUninit::uninit(), GFP_KERNEL)?;
        }
        Ok(Self {
            slots,
            capacity,
            head: 0,
            len: 0,
        })
    }

    /// Returns a ring that is always full.
    const fn none() -> Self {
        Self {
            slots: KVec::new(),
            capacity: 0,
            head: 0,
            len: 0,
        }
    }

    fn slot(&mut self, i: usize) -> &mut MaybeUninit<T> {
        &mut self.slots[(self.head + i) % self.capacity]
    }

    fn push(&mut self, value: T) -> Result<(), T> {
        if self.len == self.capacity {
            return Err(value);
        }
        let len = self.len;
        self.slot(len).write(value);
        // INVARIANT: One more is initialised.
        self.len += 1;
        Ok(())
    }

    fn pop(&mut self) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        // SAFETY: By the type invariant the slot at the head is initialised. It leaves the ring
        // below, so the value is not read again.
        let value = unsafe { self.slot(0).assume_init_read() };
        self.head = (self.head + 1) % self.capacity;
        // INVARIANT: One less, from the next head on.
        self.len -= 1;
        Some(value)
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

struct State<T> {
    ring: Ring<T>,
    senders: usize,
    closed: bool,
    /// The waker of the receiver.
    waker: Option<Waker>,
}

type Shared<T> = Counted<IrqLock<State<T>>>;

/// Allocates a channel with room for `capacity` values. May sleep.
///
/// # Context
///
/// Process context, as it allocates.
///
/// # Errors
///
/// `EINVAL` if `capacity` is 0 or the size of the buffer overflows, `ENOMEM`.
///
/// # Examples
///
/// ```
/// # use kernel::host::World;
/// # let world = World::manual();
/// # let _world = world.enter();
/// use kasync::sync::mpsc;
///
/// let (tx, mut rx) = mpsc::channel(2)?;
/// assert!(tx.try_send(1).is_ok());
/// assert!(tx.try_send(2).is_ok());
/// assert!(tx.try_send(3).is_err());
/// assert_eq!(kasync::block_on(rx.recv())?, Some(1));
/// # Ok::<(), kernel::error::Error>(())
/// ```
pub fn channel<T: Send>(capacity: usize) -> Result<(Sender<T>, Receiver<T>)> {
    if capacity == 0 || Layout::array::<T>(capacity).is_err() {
        return Err(EINVAL);
    }
    let shared = Counted::new(IrqLock::new(State {
        ring: Ring::new(capacity)?,
        senders: 1,
        closed: false,
        waker: None,
    }))?;
    Ok((Sender(shared.clone()), Receiver(shared)))
}

/// The reason for which a value was not sent, with the value.
///
/// # Context
///
/// Any in which the value may be dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrySendError<T> {
    /// The channel is full.
    Full(T),
    /// The receiver was dropped or has closed.
    Closed(T),
}

/// The sending side of a channel.
///
/// # Context
///
/// See [the table of this module's parent](super#context).
pub struct Sender<T: Send>(Shared<T>);

impl<T: Send> Sender<T> {
    /// Sends a value and wakes the receiver. Any context but NMI. The value is moved with
    /// interrupts disabled.
    ///
    /// # Errors
    ///
    /// Returns the value if the channel is full or has no receiver.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let _preempt = NoPreempt::new();
        let waker = self.0.with(|s| {
            if s.closed {
                return Err(TrySendError::Closed(value));
            }
            s.ring.push(value).map_err(TrySendError::Full)?;
            Ok(s.waker.take())
        })?;
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Returns whether the receiver was dropped or has closed.
    pub fn is_closed(&self) -> bool {
        self.0.with(|s| s.closed)
    }
}

impl<T: Send> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.with(|s| s.senders += 1);
        Self(self.0.clone())
    }
}

impl<T: Send> Drop for Sender<T> {
    fn drop(&mut self) {
        let _preempt = NoPreempt::new();
        let waker = self.0.with(|s| {
            s.senders -= 1;
            if s.senders == 0 {
                // (1)
                s.waker.take()
            } else {
                None
            }
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The receiving side of a channel, which is also a [`Stream`]. Dropping it drops the values that
/// were not received, in the context of the drop.
///
/// # Context
///
/// See [the table of this module's parent](super#context).
pub struct Receiver<T: Send>(Shared<T>);

impl<T: Send> Receiver<T> {
    /// Returns a future of the next value, or of `None` if the channel is empty and all senders
    /// were dropped or the receiver has closed.
    ///
    /// Cancel safe: a value leaves the channel only when it is returned.
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv(self, AwaitSite::here())
    }

    /// Takes a value out of the channel, if there is one.
    pub fn try_recv(&mut self) -> Option<T> {
        self.0.with(|s| s.ring.pop())
    }

    /// Refuses further values. Values sent before can still be received.
    pub fn close(&mut self) {
        // (2)
        self.0.with(|s| s.closed = true);
    }

    /// Polls for a value.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        poll_budget(cx, |cx| self.poll_ring(cx))
    }

    fn poll_ring(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let waker = cx.waker().clone();
        let (poll, _waker) = self.0.with(|s| match s.ring.pop() {
            Some(value) => (Poll::Ready(Some(value)), Some(waker)),
            None if s.closed || s.senders == 0 => (Poll::Ready(None), Some(waker)),
            None => (Poll::Pending, s.waker.replace(waker)),
        });
        poll
    }
}

impl<T: Send> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Dropped without the lock, since a value may have a destructor. No more values are sent,
        // so that the last sender, which may go in an interrupt, has no buffer to free.
        let _left = self.0.with(|s| {
            // (2)
            s.closed = true;
            (
                s.waker.take(),
                core::mem::replace(&mut s.ring, Ring::none()),
            )
        });
    }
}

/// The values are in an allocation of their own.
impl<T: Send> Unpin for Receiver<T> {}

impl<T: Send> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

/// The future of [`Receiver::recv`].
///
/// # Context
///
/// See the table of [`Receiver`].
#[must_use = "futures do nothing unless awaited"]
pub struct Recv<'a, T: Send>(&'a mut Receiver<T>, AwaitSite);

impl<T: Send> Future for Recv<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let poll = self.0.poll_recv(cx);
        if poll.is_pending() {
            self.1.waits(cx);
        }
        poll
    }
}
