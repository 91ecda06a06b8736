// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of permits, that is, of a queue's room for jobs and their memory:
//! `rust/jobqueue/capacity.rs` itself. Each names the hazards that it covers.
//!
//! Credits, the permits of the hardware's ring, are in the queue's task alone, and nothing is to be
//! explored.

use kasync::{
    block_on,
    sync::oneshot, //
};
use kernel::error::code::EAGAIN;
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
        Poll,
        Waker, //
    }, //
};

mod world;
pub(crate) use world::{
    waits, //
};

#[path = "../../../jobqueue/capacity.rs"]
mod capacity;

use capacity::Capacity;
use world::model;

/// A queue, and what the holder of its only place may do: loom finds a thread that does so without.
struct Queue {
    capacity: Capacity,
    inside: UnsafeCell<u32>,
}

// SAFETY: `inside` belongs to the thread that has the place, which loom checks.
unsafe impl Sync for Queue {}
// SAFETY: Nothing in it belongs to a thread.
unsafe impl Send for Queue {}

impl Queue {
    fn new(jobs: u32, pages: u32) -> Arc<Self> {
        Arc::new(Self {
            capacity: Capacity::new(jobs, pages),
            inside: UnsafeCell::new(0),
        })
    }

    /// Takes room as `JobQueue::prepare()` does.
    fn take(&self, pages: u32) {
        if !self.capacity.try_take(pages) {
            block_on(self.capacity.take(pages)).unwrap().unwrap();
        }
    }

    fn touch(&self) {
        // SAFETY: The place is ours.
        self.inside.with_mut(|n| unsafe { *n += 1 });
    }

    /// Checks that this much is free, and no more.
    fn has_free(&self, jobs: u32, pages: u32) {
        if pages != 0 {
            assert!(!self.capacity.try_take(pages + 1), "more than there were");
            assert!(self.capacity.try_take(pages), "memory was lost");
        }
        for _ in u32::from(pages != 0)..jobs {
            assert!(self.capacity.try_take(0), "a place was lost");
        }
        assert!(!self.capacity.try_take(0), "more than there were");
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
            q.capacity.release(0);
        });
        queue.take(0);
        queue.touch();
        queue.capacity.release(0);
        other.join().unwrap();
        queue.has_free(1, 0);
    });
}

/// H1: two try, of whom one fails because the other tries, and a third waits: it does not miss the
/// place.
#[test]
fn take_against_tries() {
    model(2, || {
        let queue = Queue::new(1, 0);
        let tries = [(); 2].map(|()| {
            let q = queue.clone();
            thread::spawn(move || {
                if q.capacity.try_take(0) {
                    q.touch();
                    q.capacity.release(0);
                }
            })
        });
        block_on(queue.capacity.take(0)).unwrap().unwrap();
        queue.touch();
        queue.capacity.release(0);
        tries.map(|t| t.join().unwrap());
        queue.has_free(1, 0);
    });
}

/// H24: one of two waiters gives up while the room is released. The second one gets it, and no
/// waiter is counted afterwards.
#[test]
fn give_against_cancel() {
    model(2, || {
        let queue = Queue::new(1, 0);
        assert!(queue.capacity.try_take(0));
        let q = queue.clone();
        // Waits before the others begin.
        let (tx, rx) = oneshot::channel().unwrap();
        let gives_up = thread::spawn(move || {
            let mut first = Box::pin(q.capacity.take(0));
            let waits = Pin::new(&mut first).poll(&mut Context::from_waker(Waker::noop()));
            tx.send(()).unwrap();
            drop(first);
            assert!(waits.is_pending());
        });
        block_on(rx).unwrap().unwrap();
        let q = queue.clone();
        let giver = thread::spawn(move || q.capacity.release(0));
        block_on(queue.capacity.take(0)).unwrap().unwrap();
        giver.join().unwrap();
        gives_up.join().unwrap();
        queue.capacity.release(0);
        queue.has_free(1, 0);
    });
}

/// H1, H24: memory for one of two jobs, with places for both. Room that is taken and released
/// without memory does not disturb.
#[test]
fn memory_against_give() {
    model(2, || {
        let queue = Queue::new(2, 3);
        let q = queue.clone();
        let other = thread::spawn(move || {
            q.take(2);
            q.touch();
            q.capacity.release(2);
        });
        let q = queue.clone();
        let small = thread::spawn(move || {
            if q.capacity.try_take(0) {
                q.capacity.release(0);
            }
        });
        queue.take(3);
        queue.touch();
        queue.capacity.release(3);
        other.join().unwrap();
        small.join().unwrap();
        queue.has_free(2, 3);
    });
}

/// A waiter that has just been told of a place does not take it past another waiter: one of them
/// gets it, and then the other.
#[test]
fn two_wait() {
    model(2, || {
        let queue = Queue::new(1, 0);
        assert!(queue.capacity.try_take(0));
        let q = queue.clone();
        let other = thread::spawn(move || {
            block_on(q.capacity.take(0)).unwrap().unwrap();
            q.touch();
            q.capacity.release(0);
        });
        queue.touch();
        queue.capacity.release(0);
        block_on(queue.capacity.take(0)).unwrap().unwrap();
        queue.touch();
        queue.capacity.release(0);
        other.join().unwrap();
        queue.has_free(1, 0);
    });
}

/// R22: waiters are counted in a field of a word, which has room for three here. One more is
/// refused, and the count stays right: room that is released meanwhile reaches those that wait.
#[test]
fn waiters_are_limited() {
    model(2, || {
        let queue = Queue::new(1, 0);
        assert!(queue.capacity.try_take(0));
        let mut cx = Context::from_waker(Waker::noop());
        let mut waiters = [(); 3].map(|()| Box::pin(queue.capacity.take(0)));
        for waiter in &mut waiters {
            assert!(waiter.as_mut().poll(&mut cx).is_pending());
        }
        let refused = Box::pin(queue.capacity.take(0)).as_mut().poll(&mut cx);
        assert_eq!(refused, Poll::Ready(Err(EAGAIN)));
        let q = queue.clone();
        let other = thread::spawn(move || q.capacity.release(0));
        for waiter in waiters {
            block_on(waiter).unwrap().unwrap();
            queue.touch();
            queue.capacity.release(0);
        }
        other.join().unwrap();
        queue.has_free(1, 0);
    });
}

/// A20: a job that needs all pages waits first, and a small one behind it. The small one does not
/// pass when there is room for it only.
#[test]
fn large_before_small() {
    model(2, || {
        let queue = Queue::new(4, 2);
        queue.take(1);
        queue.take(1);
        let mut large = Box::pin(queue.capacity.take(2));
        let mut small = Box::pin(queue.capacity.take(1));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(large.as_mut().poll(&mut cx).is_pending());
        assert!(small.as_mut().poll(&mut cx).is_pending());
        let q = queue.clone();
        let other = thread::spawn(move || q.capacity.release(1));
        assert!(small.as_mut().poll(&mut cx).is_pending(), "passed by");
        queue.capacity.release(1);
        assert!(small.as_mut().poll(&mut cx).is_pending(), "passed by");
        block_on(large).unwrap().unwrap();
        queue.touch();
        queue.capacity.release(2);
        block_on(small).unwrap().unwrap();
        queue.capacity.release(1);
        other.join().unwrap();
        queue.has_free(4, 2);
    });
}
