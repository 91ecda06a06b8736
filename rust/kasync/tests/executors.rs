// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! H31: last handles of executors that go where blocking is impossible, and threads that would
//! block there.

mod common;

use common::{
    manual,
    Count,
    OnDrop, //
};
use kasync::{
    block_on,
    block_on_interruptible,
    cancelled,
    Executor,
    Scope, //
};
use kernel::{
    error::code,
    host::World, //
};

/// Spawns a task that ends when it is asked to, and counts its end.
fn spawn_counted(scope: &Scope, ended: &Count) {
    let ended = OnDrop(ended.clone());
    let task = async move {
        cancelled().await;
        drop(ended);
    };
    scope.spawn(c"t", task).unwrap().detach();
}

/// H31: the last reference to an executor goes inside a poll, even one of its own: the rest is
/// handed over.
#[test]
fn executor_dropped_in_a_poll() {
    let world = World::manual();
    let _entered = world.enter();
    let outer = Executor::new(c"outer").unwrap();
    let inner = Executor::new(c"inner").unwrap();
    let ended = Count::default();
    spawn_counted(inner.root(), &ended);
    let task = async move { drop(inner) };
    outer.root().spawn(c"t", task).unwrap().detach();
    let own = Executor::new(c"own").unwrap();
    let root = own.root().clone();
    let task = async move {
        cancelled().await;
        drop(own);
    };
    root.spawn(c"t", task).unwrap().detach();
    world.run();
    root.cancel();
    drop(root);
    world.run();
    // Asked to end inside the poll, and ended.
    assert_eq!(ended.get(), 1);
    assert_eq!(world.reap(), 2);
    drop(outer);
    assert_eq!(world.live_allocations(), 0);
    assert!(world.take_api_violations().is_empty());
}

/// The last handle of an executor goes where the caller must not sleep: another thread shuts it
/// down.
#[test]
fn executor_is_shut_down_elsewhere() {
    let world = World::manual();
    let _entered = world.enter();
    let executor = Executor::new(c"test").unwrap();
    let task = executor.root().spawn(c"t", cancelled()).unwrap();
    World::atomically(|| drop(executor));
    assert!(!task.is_finished());
    assert_eq!(world.reap(), 1);
    assert!(task.is_finished());
    drop(task);
    assert_eq!(world.live_allocations(), 0);
}

/// The last handle is part of a future that was never started, and whose task its executor has.
#[test]
fn executor_dropped_with_a_reservation() {
    let world = World::manual();
    let _entered = world.enter();
    let executor = Executor::new(c"test").unwrap();
    let root = executor.root().clone();
    let prepared = root.reserve(c"t", async move { drop(executor) }).unwrap();
    drop(prepared);
    assert!(root.is_cancelled());
    assert_eq!(world.reap(), 1);
    drop(root);
    assert_eq!(world.live_allocations(), 0);
    assert!(world.take_api_violations().is_empty());
}

/// The last handle is an output that another thread drops: that thread has others to drop as well,
/// and waits for no task.
#[test]
fn executor_dropped_with_an_output() {
    manual(|world, executor| {
        let inner = Executor::new(c"inner").unwrap();
        let ended = Count::default();
        spawn_counted(inner.root(), &ended);
        let handle = executor.root().spawn(c"t", async move { inner }).unwrap();
        world.run();
        World::atomically(|| drop(handle));
        assert_eq!(world.reap(), 1);
        assert_eq!(ended.get(), 0, "waited for the task");
        assert_eq!(world.reap(), 1);
        assert_eq!(ended.get(), 1);
    });
}

/// H15: a thread that must not sleep does not block, and what it has is dropped.
#[test]
fn blocking_is_refused_where_none_may_sleep() {
    manual(|world, executor| {
        let root = executor.root();
        let gone = Count::default();
        let future = || {
            let witness = OnDrop(gone.clone());
            async move { drop(witness) }
        };
        World::atomically(|| {
            assert_eq!(block_on(future()), Err(code::EDEADLK));
            assert_eq!(block_on_interruptible(future()), Err(code::EDEADLK));
            assert_eq!(root.join_blocking(), Err(code::EDEADLK));
            assert_eq!(executor.shutdown(), Err(code::EDEADLK));
        });
        assert_eq!((gone.get(), root.is_cancelled()), (2, false));
        assert_eq!(world.take_api_violations().len(), 4);
    });
}
