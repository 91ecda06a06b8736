// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Events: messages of the firmware that answer no call, as streams.

use crate::{
    rpc::count,
    wire::{
        Header,
        HEADERS, //
    }, //
};
use core::mem::take;
use kasync::sync::mpsc;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::Atomic,
        SpinLock, //
    }, //
};

/// Bytes of the payload of an event that are kept.
const KEPT: usize = 64;

/// An event.
#[derive(Clone, Copy)]
pub(crate) struct Event {
    /// Events of this stream that were lost just before, as the stream was full.
    pub(crate) lost: u32,
    /// The length of the payload, of which the beginning is kept.
    pub(crate) length: usize,
    pub(crate) payload: [u8; KEPT],
}

struct Subscriber {
    function: u32,
    sender: mpsc::Sender<Event>,
    lost: u32,
}

/// The streams.
#[pin_data]
pub(crate) struct Events {
    /// `None` when no more events come.
    #[pin]
    subscribers: SpinLock<Option<KVec<Subscriber>>>,
    /// Events that came, those that had no stream, and those whose stream was full.
    pub(crate) came: Atomic<u64>,
    pub(crate) unclaimed: Atomic<u64>,
    pub(crate) lost: Atomic<u64>,
}

impl Events {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            subscribers <- new_spinlock!(Some(KVec::new())),
            came: Atomic::new(0),
            unclaimed: Atomic::new(0),
            lost: Atomic::new(0),
        })
    }

    /// Returns a stream of the events of a kind, which keeps up to `capacity` of them. It ends when
    /// the processor dies. May sleep.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the processor is not started again, `ENOMEM`.
    pub(crate) fn subscribe(
        &self,
        function: u32,
        capacity: usize,
    ) -> Result<mpsc::Receiver<Event>> {
        let (sender, receiver) = mpsc::channel(capacity)?;
        let subscriber = Subscriber {
            function,
            sender,
            lost: 0,
        };
        match &mut *self.subscribers.lock() {
            Some(subscribers) => subscribers.push(subscriber, GFP_ATOMIC)?,
            None => return Err(ENODEV),
        }
        Ok(receiver)
    }

    /// Gives an event to all streams of its kind.
    pub(crate) fn publish(&self, header: &Header, message: &[u8]) {
        count(&self.came);
        let payload = message.get(HEADERS..header.end).unwrap_or_default();
        let mut event = Event {
            lost: 0,
            length: payload.len(),
            payload: [0; KEPT],
        };
        for (to, from) in event.payload.iter_mut().zip(payload) {
            *to = *from;
        }
        let mut claimed = false;
        // Channels whose receiver has gone go with their memory, which is no matter for a lock.
        let mut gone = None;
        {
            let mut subscribers = self.subscribers.lock();
            for subscriber in subscribers.iter_mut().flatten() {
                if subscriber.function != header.function || subscriber.sender.is_closed() {
                    continue;
                }
                claimed = true;
                event.lost = subscriber.lost;
                if subscriber.sender.try_send(event).is_ok() {
                    subscriber.lost = 0;
                } else {
                    subscriber.lost += 1;
                    count(&self.lost);
                }
            }
            if let Some(subscribers) = &mut *subscribers {
                let closed = subscribers.iter().position(|s| s.sender.is_closed());
                gone = closed.and_then(|at| subscribers.remove(at).ok());
            }
        }
        drop(gone);
        if !claimed {
            count(&self.unclaimed);
        }
    }

    /// Ends all streams.
    pub(crate) fn end(&self) {
        let all = (*self.subscribers.lock()).as_mut().map(take);
        drop(all);
    }

    /// Ends all streams, and there will be no others.
    pub(crate) fn close(&self) {
        let all = self.subscribers.lock().take();
        drop(all);
    }
}
