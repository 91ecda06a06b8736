// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of waiting for several fences: `rust/dma_fence/all.rs` and `registration.rs` themselves.
//! Each names the hazards that it covers. One callback is added in a poll.

use kasync::block_on;
use loom::thread;
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

fn issuer(fence: &Fence) -> thread::JoinHandle<()> {
    let fence = fence.clone();
    thread::spawn(move || {
        fence.signal(0);
        fence.free_lock();
    })
}

/// H1, H10: two fences signal before, while or after they are added, and the waiter is woken.
#[test]
fn set_against_signals() {
    model(2, || {
        let [a, b] = [Fence::new(), Fence::new()];
        let mut set = set(&[&a, &b]);
        let issuers = [issuer(&a), issuer(&b)];
        block_on(poll_fn(|cx| set.as_mut().poll(cx))).unwrap();
        assert!(a.test_signaled_flag() && b.test_signaled_flag());
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
        let mut set = set(&[&a, &b]);
        assert!(poll(&mut set).is_pending());
        a.signal(0);
        let issuer = issuer(&b);
        block_on(poll_fn(|cx| set.as_mut().poll(cx))).unwrap();
        assert!(b.test_signaled_flag());
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
        let issuers = [issuer(&a), issuer(&b)];
        drop(set);
        for issuer in issuers {
            issuer.join().unwrap();
        }
    });
}
