// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Helpers of the host tests.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod device;

use kasync::Executor;
use kernel::host::World;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        atomic::{
            AtomicUsize,
            Ordering, //
        },
        Arc, //
    },
    task::{
        Context,
        Poll,
        Wake,
        Waker, //
    }, //
};

/// Runs `f` with an executor in a manual world of its own, then checks that nothing of it is left.
pub fn manual(f: impl FnOnce(&World, &Executor)) {
    let world = World::manual();
    let _entered = world.enter();
    let executor = Executor::new(c"test").unwrap();
    f(&world, &executor);
    drop(executor);
    assert_eq!(world.live_allocations(), 0, "leak");
    assert_eq!(world.take_api_violations(), Vec::<String>::new());
}

/// A shared counter.
#[derive(Clone, Default)]
pub struct Count(Arc<AtomicUsize>);

impl Count {
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Counts its drop.
pub struct OnDrop(pub Count);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}

/// Does the same as [`manual`] with `n` worker threads.
pub fn threaded(n: usize, f: impl FnOnce(&World, &Executor)) {
    let world = World::threaded(n);
    let _entered = world.enter();
    let executor = Executor::new(c"test").unwrap();
    f(&world, &executor);
    drop(executor);
    assert_eq!(world.live_allocations(), 0, "leak");
    assert_eq!(world.take_api_violations(), Vec::<String>::new());
}

/// Counts how often a future is polled.
pub struct Polled<F>(Pin<Box<F>>, Count);

impl<F: Future> Future for Polled<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.1.add();
        self.0.as_mut().poll(cx)
    }
}

/// Returns a future, and how often it has been polled.
pub fn polled<F: Future>(future: F) -> (Polled<F>, Count) {
    let count = Count::default();
    (Polled(Box::pin(future), count.clone()), count)
}

/// A waker that counts.
pub struct Counting(Count);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.add();
    }
}

/// Returns a waker, and how often it has woken.
pub fn counting() -> (Waker, Count) {
    let count = Count::default();
    (Waker::from(Arc::new(Counting(count.clone()))), count)
}

/// Polls a future once.
pub fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}
