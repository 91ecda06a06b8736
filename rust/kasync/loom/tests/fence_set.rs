// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of waiting for several fences: `rust/dma_fence/all.rs` and `registration.rs` themselves.
//! Each names the hazards that it covers. One callback is added in a poll.

use kasync::block_on;
use loom::{
    cell::UnsafeCell,
    sync::Arc,
    thread, //
};
use std::{
    future::poll_fn,
    pin::Pin,
    task::{
        Context,
        Poll,
        Waker, //
    }, //
};

#[path = "../../../dma_fence/all.rs"]
mod all;
mod fences;
#[path = "../../../dma_fence/registration.rs"]
mod registration;
mod world;

use all::{
    Entry,
    WaitAll, //
};
use fences::Fence;
use world::model;

/// One poll adds one callback, so that adding in several polls is modelled.
type Set = WaitAll<Fence, Vec<Entry<Fence>>, 1>;

fn set(fences: &[&Fence]) -> Pin<Box<Set>> {
    let fences = fences.iter().enumerate();
    let entries = fences.map(|(i, &fence)| Entry::new(fence.clone(), true, i as u32));
    Box::pin(Set::new(entries.collect()))
}

/// Polls as often as it takes to add all.
fn poll(set: &mut Pin<Box<Set>>) -> Poll<()> {
    let mut cx = Context::from_waker(Waker::noop());
    let count = set.entries().len();
    let mut polled = Poll::Pending;
    for _ in 0..count {
        polled = set.as_mut().poll(&mut cx);
    }
    polled
}

/// The work of the fences: each is written before its fence signals.
struct Works([UnsafeCell<bool>; 2]);

// SAFETY: Each is its issuer's before the fence signals, and read after that: loom checks that.
unsafe impl Sync for Works {}
// SAFETY: Nothing in it belongs to a thread.
unsafe impl Send for Works {}

impl Works {
    fn new() -> Arc<Self> {
        Arc::new(Self([UnsafeCell::new(false), UnsafeCell::new(false)]))
    }

    fn do_one(&self, at: usize) {
        // SAFETY: The fence has not signalled, so no other thread accesses the work.
        self.0[at].with_mut(|work| unsafe { *work = true });
    }

    fn are_done(&self) -> bool {
        // SAFETY: All fences have signalled, so the works are not written any more.
        (self.0.iter()).all(|work| work.with(|work| unsafe { *work }))
    }
}

/// Does the work of a fence, signals it, and frees its lock.
fn issuer(fence: &Fence, works: &Arc<Works>, at: usize) -> thread::JoinHandle<()> {
    let (fence, works) = (fence.clone(), works.clone());
    thread::spawn(move || {
        works.do_one(at);
        fence.signal(0);
        fence.free_lock();
    })
}

/// H1, H10: two fences signal before, while or after they are added, and the waiter is woken.
#[test]
fn set_against_signals() {
    model(2, || {
        let [a, b] = [Fence::new(), Fence::new()];
        let (mut set, works) = (set(&[&a, &b]), Works::new());
        let issuers = [issuer(&a, &works, 0), issuer(&b, &works, 1)];
        block_on(poll_fn(|cx| set.as_mut().poll(cx))).unwrap();
        assert!(a.test_signaled_flag() && b.test_signaled_flag() && works.are_done());
        drop(set);
        for issuer in issuers {
            issuer.join().unwrap();
        }
    });
}

/// H1: one that has signalled before it is added brings the count to zero, or the other does.
#[test]
fn set_against_late_signal() {
    model(3, || {
        let [a, b] = [Fence::new(), Fence::new()];
        let (mut set, works) = (set(&[&a, &b]), Works::new());
        assert!(poll(&mut set).is_pending());
        works.do_one(0);
        a.signal(0);
        let issuer = issuer(&b, &works, 1);
        block_on(poll_fn(|cx| set.as_mut().poll(cx))).unwrap();
        assert!(b.test_signaled_flag() && works.are_done());
        issuer.join().unwrap();
    });
}

/// H6, H7: the set is dropped and freed while its fences signal; then their locks go.
#[test]
fn set_against_drop() {
    model(3, || {
        let [a, b] = [Fence::new(), Fence::new()];
        let mut set = set(&[&a, &b]);
        assert!(poll(&mut set).is_pending());
        let works = Works::new();
        let issuers = [issuer(&a, &works, 0), issuer(&b, &works, 1)];
        drop(set);
        for issuer in issuers {
            issuer.join().unwrap();
        }
    });
}

/// Both fences signal before or while the set is polled for the first time: if it is ready then,
/// what they stand for is seen, though nothing was added.
#[test]
fn set_of_signalled() {
    model(3, || {
        let [a, b] = [Fence::new(), Fence::new()];
        let (mut set, works) = (set(&[&a, &b]), Works::new());
        let issuers = [issuer(&a, &works, 0), issuer(&b, &works, 1)];
        let mut cx = Context::from_waker(Waker::noop());
        if set.as_mut().poll(&mut cx).is_ready() {
            assert!(works.are_done());
        }
        drop(set);
        for issuer in issuers {
            issuer.join().unwrap();
        }
    });
}
