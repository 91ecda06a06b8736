// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of what a wake goes through on its way to a task. Each names the hazards that it covers.

use kasync::{
    block_on,
    sync::{
        AtomicWaker,
        Notify, //
    }, //
};
use loom::{
    sync::{
        atomic::{
            AtomicBool,
            Ordering, //
        },
        Arc, //
    },
    thread, //
};
use std::{
    future::poll_fn,
    task::{
        Context,
        Poll,
        Waker, //
    }, //
};

mod world;

use world::model;

/// H10, H24: a notification races the registration of its waiter.
#[test]
fn notify() {
    model(2, || {
        let notify = Arc::new(Notify::new());
        let n = notify.clone();
        let thread = thread::spawn(move || n.notify_one());
        block_on(notify.notified()).unwrap();
        thread.join().unwrap();
    });
}

/// H1, H9: what two threads write before they wake is seen by a poll that comes after, though they
/// wake at the same time and while the waker is being left.
#[test]
fn atomic_waker() {
    model(2, || {
        let news = Arc::new((
            AtomicWaker::new(),
            [AtomicBool::new(false), AtomicBool::new(false)],
        ));
        let threads = [0, 1].map(|i| {
            let news = news.clone();
            thread::spawn(move || {
                news.1[i].store(true, Ordering::Relaxed);
                news.0.wake();
            })
        });
        block_on(poll_fn(|cx| {
            news.0.register(cx);
            match news.1.iter().all(|flag| flag.load(Ordering::Relaxed)) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        }))
        .unwrap();
        threads.map(|t| t.join().unwrap());
    });
}

/// H9: the slot has one owner at a time, who sees what the owner before has left there.
#[test]
fn atomic_waker_against_take() {
    model(2, || {
        let slot = Arc::new(AtomicWaker::new());
        let s = slot.clone();
        let thread = thread::spawn(move || drop(s.take()));
        let cx = &Context::from_waker(Waker::noop());
        slot.register(cx);
        // The other thread may take the waker here, and this one does not wait for it.
        thread::yield_now();
        slot.register(cx);
        thread.join().unwrap();
    });
}
