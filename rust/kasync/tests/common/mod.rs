// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What the host tests share.
#![allow(dead_code)] // Each test binary uses a part.

use kasync::{
    Executor, //
};
use kernel::host::World;
use std::sync::{
    atomic::{
        AtomicUsize,
        Ordering, //
    },
    Arc, //
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

/// As [`manual`], with `n` worker threads.
pub fn threaded(n: usize, f: impl FnOnce(&World, &Executor)) {
    let world = World::threaded(n);
    let _entered = world.enter();
    let executor = Executor::new(c"test").unwrap();
    f(&world, &executor);
    drop(executor);
    assert_eq!(world.live_allocations(), 0, "leak");
    assert_eq!(world.take_api_violations(), Vec::<String>::new());
}
