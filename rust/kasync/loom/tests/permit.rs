// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of permits, that is, of a queue's places and memory: `rust/jobqueue/places.rs` itself. Each names the hazards that it covers.
//!
//! Credits, the permits of the hardware's ring, are in the queue's task alone, and nothing is to be explored.

use kasync::{
    block_on,
    sync::oneshot, //
};
use loom::{
    cell::UnsafeCell,
    sync::Arc,
    thread, //
};
use std::{
    future::Future,
    pin::Pin,
    task::{
        Context,
        Waker, //
    }, //
};

mod world;
pub(crate) use world::{
    sync,
    waits, //
};

#[path = "../../../jobqueue/places.rs"]
mod places;

use places::Places;
use world::model;

/// A queue, and what one who has its only place may do: loom finds whoever does so without.
struct Queue {
    places: Places,
    inside: UnsafeCell<u32>,
}

// SAFETY: `inside` belongs to who has the place, which loom checks.
unsafe impl Sync for Queue {}
// SAFETY: As above.
unsafe impl Send for Queue {}

impl Queue {
    fn new(places: u32, units: u32) -> Arc<Self> {
        Arc::new(Self {
            places: Places::new(places, units),
            inside: UnsafeCell::new(0),
        })
    }

    /// As `JobQueue::prepare()` does.
    fn take(&self, units: u32) {
        if !self.places.try_take(units) {
            block_on(self.places.take(units)).unwrap().unwrap();
        }
    }

    fn touch(&self) {
        // SAFETY: The place is ours.
        self.inside.with_mut(|n| unsafe { *n += 1 });
    }

    /// So many are free, of places and units: and no more.
    fn has_free(&self, places: u32, units: u32) {
        if units != 0 {
            assert!(!self.places.try_take(units + 1), "more than there were");
            assert!(self.places.try_take(units), "memory was lost");
        }
        for _ in u32::from(units != 0)..places {
            assert!(self.places.try_take(0), "a place was lost");
        }
        assert!(!self.places.try_take(0), "more than there were");
    }
}

/// H1, H10: the place comes back while it is asked for. It has one owner at a time.
#[test]
fn take_against_give() {
    model(3, || {
        let queue = Queue::new(1, 0);
        let q = queue.clone();
        let other = thread::spawn(move || {
            q.take(0);
            q.touch();
            q.places.give(0);
        });
        queue.take(0);
        queue.touch();
        queue.places.give(0);
        other.join().unwrap();
        queue.has_free(1, 0);
    });
}

/// H1: two try, of whom one fails because the other tries, and a third waits: it does not miss the place.
#[test]
fn take_against_tries() {
    model(2, || {
        let queue = Queue::new(1, 0);
        let tries = [(); 2].map(|()| {
            let q = queue.clone();
            thread::spawn(move || {
                if q.places.try_take(0) {
                    q.touch();
                    q.places.give(0);
                }
            })
        });
        block_on(queue.places.take(0)).unwrap().unwrap();
        queue.touch();
        queue.places.give(0);
        tries.map(|t| t.join().unwrap());
        queue.has_free(1, 0);
    });
}

/// H24: one of two who wait gives up while the place comes back. The other gets it, and nobody is thought to wait any more.
#[test]
fn give_against_cancel() {
    model(2, || {
        let queue = Queue::new(1, 0);
        assert!(queue.places.try_take(0));
        let q = queue.clone();
        // Waits before the others begin.
        let (tx, rx) = oneshot::channel().unwrap();
        let gives_up = thread::spawn(move || {
            let mut first = Box::pin(q.places.take(0));
            let waits = Pin::new(&mut first).poll(&mut Context::from_waker(Waker::noop()));
            tx.send(()).unwrap();
            drop(first);
            assert!(waits.is_pending());
        });
        block_on(rx).unwrap().unwrap();
        let q = queue.clone();
        let giver = thread::spawn(move || q.places.give(0));
        block_on(queue.places.take(0)).unwrap().unwrap();
        giver.join().unwrap();
        gives_up.join().unwrap();
        queue.places.give(0);
        queue.has_free(1, 0);
    });
}

/// H1, H24: memory for one of two jobs, with places for both. Places that are taken and given without memory do not disturb.
#[test]
fn memory_against_give() {
    model(2, || {
        let queue = Queue::new(2, 3);
        let q = queue.clone();
        let other = thread::spawn(move || {
            q.take(2);
            q.touch();
            q.places.give(2);
        });
        let q = queue.clone();
        let small = thread::spawn(move || {
            if q.places.try_take(0) {
                q.places.give(0);
            }
        });
        queue.take(3);
        queue.touch();
        queue.places.give(3);
        other.join().unwrap();
        small.join().unwrap();
        queue.has_free(2, 3);
    });
}

/// Who has just been told that there is a place does not take it past one who waits as well, but one of them gets it, and then the other.
#[test]
fn two_wait() {
    model(2, || {
        let queue = Queue::new(1, 0);
        assert!(queue.places.try_take(0));
        let q = queue.clone();
        let other = thread::spawn(move || {
            block_on(q.places.take(0)).unwrap().unwrap();
            q.touch();
            q.places.give(0);
        });
        queue.touch();
        queue.places.give(0);
        block_on(queue.places.take(0)).unwrap().unwrap();
        queue.touch();
        queue.places.give(0);
        other.join().unwrap();
        queue.has_free(1, 0);
    });
}
