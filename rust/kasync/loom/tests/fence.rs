// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of waiting for a fence: `rust/dma_fence/registration.rs` itself. Each names the hazards
//! that it covers.

use kasync::{
    block_on,
    sync::oneshot,
    Executor, //
};
use loom::thread;
use std::{
    future::{
        poll_fn,
        Future, //
    },
    pin::Pin,
    task::{
        Context,
        Poll,
        Waker, //
    }, //
};

mod fences;
#[path = "../../../dma_fence/registration.rs"]
mod registration;
mod world;

use fences::Fence;
use registration::{
    Registration,
    Wake, //
};
use world::model;

/// The model of `FenceFuture`.
struct Wait {
    fence: Fence,
    registration: Registration<Fence, Wake>,
}

impl Wait {
    fn new(fence: &Fence) -> Pin<Box<Self>> {
        Box::pin(Self {
            fence: fence.clone(),
            registration: Registration::new(Wake::new()),
        })
    }

    fn poll_with(&self, waker: &Waker) -> Poll<i32> {
        // SAFETY: Boxed, one fence, removed when dropped.
        unsafe { self.registration.poll(&self.fence, waker) }
    }
}

impl Future for Wait {
    type Output = i32;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<i32> {
        self.poll_with(cx.waker())
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        // SAFETY: This is the waiter, with one fence.
        unsafe { self.registration.remove(&self.fence) };
    }
}

/// H1, H10, H11: the fence signals before, while or after it is polled. The wait ends with its
/// error.
#[test]
fn signal_against_poll() {
    model(3, || {
        let fence = Fence::new();
        let f = fence.clone();
        let issuer = thread::spawn(move || {
            f.signal(-5);
            f.free_lock();
        });
        assert_eq!(block_on(Wait::new(&fence)), Ok(-5));
        issuer.join().unwrap();
    });
}

/// H6, H7: the future is dropped and freed while the fence signals; then its lock goes.
#[test]
fn signal_against_drop() {
    model(3, || {
        let fence = Fence::new();
        let wait = Wait::new(&fence);
        let linked = wait.poll_with(Waker::noop()).is_pending();
        assert!(linked);
        let f = fence.clone();
        let issuer = thread::spawn(move || {
            f.signal(0);
            f.free_lock();
        });
        drop(wait);
        issuer.join().unwrap();
    });
}

/// H9, H7: polled with one waker, then with another: the last one is
/// woken, whatever the fence does meanwhile.
#[test]
fn signal_against_new_waker() {
    model(3, || {
        let fence = Fence::new();
        let wait = Wait::new(&fence);
        let linked = wait.poll_with(Waker::noop()).is_pending();
        assert!(linked);
        let f = fence.clone();
        let issuer = thread::spawn(move || {
            f.signal(-7);
            f.free_lock();
        });
        assert_eq!(block_on(wait), Ok(-7));
        issuer.join().unwrap();
    });
}

/// H6: one of two goes while the other waits; each has its own place in the list.
#[test]
fn two_waiters() {
    model(2, || {
        let fence = Fence::new();
        let other = Wait::new(&fence);
        assert!(other.poll_with(Waker::noop()).is_pending());
        let f = fence.clone();
        let issuer = thread::spawn(move || f.signal(0));
        let dropper = thread::spawn(move || drop(other));
        assert_eq!(block_on(Wait::new(&fence)), Ok(0));
        issuer.join().unwrap();
        dropper.join().unwrap();
    });
}

/// H1, H3, H5: a task waits for the fence, on a worker; the callback wakes
/// it, and has the last waker when the executor goes.
#[test]
fn signal_against_task() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        let fence = Fence::new();
        let (tx, rx) = oneshot::channel().unwrap();
        let mut wait = Wait::new(&fence);
        let mut tx = Some(tx);
        let task = poll_fn(move |cx| {
            let poll = wait.as_mut().poll(cx);
            if let Some(tx) = tx.take() {
                let _ = tx.send(());
            }
            poll
        });
        let task = executor.root().spawn(c"t", task).unwrap();
        block_on(rx).unwrap().unwrap();
        let f = fence.clone();
        let issuer = thread::spawn(move || {
            f.signal(-1);
            f.free_lock();
        });
        assert_eq!(block_on(task), Ok(-1));
        drop(executor);
        issuer.join().unwrap();
    });
}
