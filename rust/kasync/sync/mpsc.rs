// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A bounded channel: many senders in any context, one receiver.

use crate::{
    await_site::AwaitSite, //
    budget::poll_budget,
    lock::IrqLock,
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
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A ring of values.
///
/// # Invariants
///
/// `slots` has room for `capacity` values, and the `len` from `head` on, modulo `capacity`, are
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
        // SAFETY: The slot at the head is initialised; below it leaves the ring.
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
    /// The receiver's.
    waker: Option<Waker>,
}

type Shared<T> = Arc<IrqLock<State<T>>>;

/// Makes a channel with room for `capacity` values. May sleep.
///
/// # Context
///
/// Process context, as it allocates.
///
/// # Errors
///
/// `EINVAL` if the capacity is 0 or absurd, `ENOMEM`.
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
    let shared = Arc::new(
        IrqLock::new(State {
            ring: Ring::new(capacity)?,
            senders: 1,
            closed: false,
            waker: None,
        }),
        GFP_KERNEL,
    )?;
    Ok((Sender(shared.clone()), Receiver(shared)))
}

/// Why a value was not sent; it is given back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrySendError<T> {
    /// No room.
    Full(T),
    /// The receiver is gone or has closed.
    Closed(T),
}

/// The sending side.
///
/// # Context
///
/// See [the table](super#context) of all that is here.
pub struct Sender<T: Send>(Shared<T>);

impl<T: Send> Sender<T> {
    /// Sends a value and wakes the receiver. Any context but NMI; the value is moved with
    /// interrupts disabled.
    ///
    /// # Errors
    ///
    /// Gives the value back if there is no room or no receiver.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
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

    /// Returns whether the receiver is gone or has closed.
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
        let waker = self.0.with(|s| {
            s.senders -= 1;
            if s.senders == 0 {
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

/// The receiving side; also a [`Stream`]. Dropping it drops the values that were not received, in
/// the context of the drop.
///
/// # Context
///
/// See [the table](super#context) of all that is here.
pub struct Receiver<T: Send>(Shared<T>);

impl<T: Send> Receiver<T> {
    /// Waits for a value. `None`: all senders are gone, or the receiver has closed, and nothing is
    /// left.
    ///
    /// Cancel safe: a value leaves the channel only when it is returned.
    #[track_caller]
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv(self, AwaitSite::here())
    }

    /// Takes a value if there is one.
    pub fn try_recv(&mut self) -> Option<T> {
        self.0.with(|s| s.ring.pop())
    }

    /// Refuses further values. Those sent before can still be received.
    pub fn close(&mut self) {
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
        let _waker = self.0.with(|s| {
            s.closed = true;
            s.waker.take()
        });
        // Outside of the lock, as dropping a value runs its owner's code. No more come in.
        while self.try_recv().is_some() {}
    }
}

/// The values are elsewhere.
impl<T: Send> Unpin for Receiver<T> {}

impl<T: Send> Stream for Receiver<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.poll_recv(cx)
    }
}

/// The future of [`Receiver::recv`].
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
