// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A channel for one value.
//!
//! # States
//!
//! ```text
//!   OPEN ──(1) send(): value stored, the receiver is woken──► SENT
//!   OPEN ──(2) the sender is dropped: the receiver is woken──► CLOSED: poll is Err(Closed)
//!   SENT ──(3) poll: the value is returned──► CLOSED
//!   OPEN or SENT ──(4) the receiver is dropped, with a value that was sent──► send() is refused
//! ```

use crate::{
    await_site::AwaitSite, //
    budget::poll_budget,
    counted::Counted,
    lock::IrqLock,
};
use core::{
    future::Future,
    pin::Pin,
    task::{
        Context,
        Poll,
        Waker, //
    }, //
};
use kernel::prelude::*;

struct State<T> {
    value: Option<T>,
    waker: Option<Waker>,
    sender: bool,
    receiver: bool,
}

type Shared<T> = Counted<IrqLock<State<T>>>;

/// Allocates a channel for one value. May sleep.
///
/// # Context
///
/// Process context, as it allocates.
///
/// # Errors
///
/// `ENOMEM`.
#[track_caller]
pub fn channel<T: Send>() -> Result<(Sender<T>, Receiver<T>)> {
    let shared = Counted::new(IrqLock::new(State {
        value: None,
        waker: None,
        sender: true,
        receiver: true,
    }))?;
    Ok((Sender(shared.clone()), Receiver(shared, AwaitSite::here())))
}

/// The sender was dropped without sending a value.
///
/// # Context
///
/// Any.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closed;

/// The sending side of a channel.
///
/// # Context
///
/// See [the table of this module's parent](super#context).
pub struct Sender<T: Send>(Shared<T>);

impl<T: Send> Sender<T> {
    /// Sends the value. Any context but NMI. The value is moved with interrupts disabled.
    ///
    /// # Errors
    ///
    /// Returns the value if the receiver was dropped.
    pub fn send(self, value: T) -> Result<(), T> {
        let waker = self.0.with(|s| {
            if !s.receiver {
                return Err(value);
            }
            // (1)
            s.value = Some(value);
            Ok(s.waker.take())
        })?;
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }
}

impl<T: Send> Drop for Sender<T> {
    fn drop(&mut self) {
        let waker = self.0.with(|s| {
            // (2), or the end of the sender that (1) has used.
            s.sender = false;
            s.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The receiving side of a channel, a future of the value. Cancel safe: the value leaves the
/// channel when it is returned. A value that was sent and not taken is dropped with the receiver,
/// in the context of that drop.
///
/// # Context
///
/// See [the table of this module's parent](super#context).
#[must_use = "futures do nothing unless awaited"]
pub struct Receiver<T: Send>(Shared<T>, AwaitSite);

impl<T: Send> Future for Receiver<T> {
    type Output = Result<T, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_budget(cx, |cx| self.poll_value(cx))
    }
}

impl<T: Send> Receiver<T> {
    fn poll_value(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, Closed>> {
        let waker = cx.waker().clone();
        let (poll, _waker) = self.0.with(|s| match s.value.take() {
            // (3)
            Some(value) => (Poll::Ready(Ok(value)), Some(waker)),
            None if !s.sender => (Poll::Ready(Err(Closed)), Some(waker)),
            None => (Poll::Pending, s.waker.replace(waker)),
        });
        if poll.is_pending() {
            self.1.waits(cx);
        }
        poll
    }
}

impl<T: Send> Drop for Receiver<T> {
    fn drop(&mut self) {
        let _left = self.0.with(|s| {
            // (4)
            s.receiver = false;
            (s.value.take(), s.waker.take())
        });
    }
}
