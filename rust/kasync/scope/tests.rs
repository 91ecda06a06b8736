// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests of the time that the tree's lock is held, counted in scopes and tasks that are looked at.

use super::{
    Scope,
    BATCH, //
};
use crate::{
    cancelled,
    inspect,
    Executor,
    JoinHandle, //
};
use kernel::host::World;
use std::{
    boxed::Box,
    cell::{
        Cell,
        RefCell, //
    },
    sync::atomic::{
        AtomicBool,
        AtomicUsize,
        Ordering, //
    },
    thread,
    vec::Vec, //
};

std::thread_local! {
    static STEPS: Cell<usize> = const { Cell::new(0) };
    static LONGEST: Cell<usize> = const { Cell::new(0) };
}

/// The calling thread has taken the lock.
pub(super) fn hold() {
    STEPS.set(0);
}

/// The calling thread, which has the lock, looks at a scope or a task.
pub(super) fn step() {
    STEPS.set(STEPS.get() + 1);
    LONGEST.set(LONGEST.get().max(STEPS.get()));
}

std::thread_local! {
    static PAUSED: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// The calling thread has let go of the lock in the middle of a walk.
pub(super) fn paused() {
    if let Some(f) = PAUSED.take() {
        f();
    }
}

/// The most steps with the lock held while `f` runs, on this thread.
fn longest<R>(f: impl FnOnce() -> R) -> (usize, R) {
    LONGEST.set(0);
    let ret = f();
    (LONGEST.get(), ret)
}

/// `n` scopes, each with a task and an empty child.
fn wide(root: &Scope, n: usize) -> Vec<Scope> {
    let mut scopes = Vec::new();
    for _ in 0..n {
        let scope = root.child(c"wide").unwrap();
        scope.spawn(c"task", cancelled()).unwrap().detach();
        scopes.push(scope.child(c"empty").unwrap());
    }
    scopes
}

const BOUND: usize = 2 * BATCH;

/// The table of all tasks, as debugfs shows it.
fn tasks() -> String {
    let mut table = String::new();
    inspect::write_tasks(&mut table).unwrap();
    table
}

/// Looking at all tasks, and cancelling them, holds the lock for a bounded number of steps.
#[test]
fn walks_are_bounded() {
    let world = World::manual();
    let _entered = world.enter();
    let executor = Executor::new(c"test").unwrap();
    let root = executor.root();
    let scopes = wide(root, 10_000);
    let one = root.child(c"one").unwrap();
    for _ in 0..20_000 {
        one.spawn(c"task", cancelled()).unwrap().detach();
    }
    world.run();

    let (steps, table) = longest(tasks);
    assert_eq!(table.lines().count(), 1 + 30_000);
    assert!(steps <= BOUND, "the table of tasks: {steps} steps");
    // SAFETY: The only watch of this world.
    let watch = unsafe { inspect::StallWatch::new(4) };
    let (steps, ()) = longest(|| world.check_for_stalls());
    assert!(steps <= BOUND, "the watch for stalls: {steps} steps");
    drop(watch);
    let (steps, ()) = longest(|| root.report_stall());
    assert!(steps <= BOUND, "a join that is late: {steps} steps");
    let (steps, ()) = longest(|| root.cancel());
    assert!(steps <= BOUND, "cancel: {steps} steps");
    assert!(scopes.iter().all(Scope::is_cancelled));
    // They are polled in batches, not by a work item each.
    assert!(world.run() < 1000);
    assert_eq!(tasks().lines().count(), 1);
    drop((scopes, one));
    executor.shutdown().unwrap();
    drop(executor);
    assert_eq!(world.live_allocations(), 0);
}

/// A walk sees each task that is there all the time once, whatever else comes and goes meanwhile.
#[test]
fn walks_against_changes() {
    const KEPT: usize = 500;
    let world = World::threaded(2);
    let _entered = world.enter();
    let executor = Executor::new(c"test").unwrap();
    let root = executor.root();
    let kept = wide(root, KEPT / 2);
    let one = root.child(c"one").unwrap();
    for _ in 0..KEPT / 2 {
        one.spawn(c"task", cancelled()).unwrap().detach();
    }
    let (stop, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seen = thread::scope(|s| {
        for i in 0..2 {
            let (world, stop, one, rounds) = (world.clone(), &stop, &one, &rounds);
            s.spawn(move || {
                let _entered = world.enter();
                while !stop.load(Ordering::SeqCst) {
                    let scope = one.child(c"short").unwrap();
                    for _ in 0..10 {
                        let at = scope.child(c"shorter").unwrap();
                        at.spawn(c"passing", cancelled()).unwrap().detach();
                        one.spawn(c"passing", async {}).unwrap().detach();
                    }
                    if i == 0 {
                        scope.cancel();
                    }
                    drop(scope.end());
                    rounds.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        // Not asserted here, where the other threads would not be told to stop.
        let mut seen = Vec::new();
        for _ in 0..50 {
            let before = rounds.load(Ordering::SeqCst);
            let mut kept = 0;
            root.each_task(|task, _| {
                kept += usize::from(task.is_named(c"task"));
                true
            });
            seen.push(kept);
            while rounds.load(Ordering::SeqCst) == before {
                thread::yield_now();
            }
        }
        stop.store(true, Ordering::SeqCst);
        seen
    });
    assert_eq!(seen, [KEPT; 50]);
    drop((kept, one));
    executor.shutdown().unwrap();
    drop(executor);
    assert_eq!(world.live_allocations(), 0);
}

/// The task at which a walk has let go of the lock ends before the walk goes on, as do the one
/// behind it, and a scope that is still to come.
#[test]
fn walk_goes_on_behind_what_has_ended() {
    let world = World::manual();
    let _entered = world.enter();
    let executor = Executor::new(c"test").unwrap();
    let root = executor.root();
    let spawn = |scope: &Scope| scope.spawn(c"task", cancelled()).unwrap();
    let (one, gone) = (root.child(c"one").unwrap(), root.child(c"gone").unwrap());
    let two = root.child(c"two").unwrap();
    let mut tasks: Vec<_> = (0..3 * BATCH).map(|_| spawn(&one)).collect();
    spawn(&gone).detach();
    tasks.extend((0..BATCH).map(|_| spawn(&two)));
    world.run();
    let stopped = root.child(c"not a task").unwrap();
    PAUSED.set(Some(Box::new({
        let world = world.clone();
        // The steps before were `root`'s children and the first tasks of `one`.
        let ended: Vec<_> = tasks.drain(BATCH - 4..BATCH + 4).collect();
        move || {
            ended.iter().for_each(JoinHandle::cancel);
            gone.cancel();
            world.run();
            drop((ended, gone, stopped));
        }
    })));
    let mut seen = 0;
    root.each_task(|_, _| {
        seen += 1;
        true
    });
    // Those that are left, and of the eight those that came before the pause.
    let left = tasks.len();
    assert!((left + 1..left + 8).contains(&seen), "{seen} of {left}");
    drop((tasks, one, two));
    executor.shutdown().unwrap();
    drop(executor);
    assert_eq!(world.live_allocations(), 0);
}

/// While one thread cancels a large tree, what another thread cancels below is cancelled when that
/// call returns, and nothing new comes in anywhere.
#[test]
fn cancels_that_overlap() {
    let world = World::threaded(2);
    let _entered = world.enter();
    for round in 0..20 {
        let executor = Executor::new(c"test").unwrap();
        let scopes = wide(executor.root(), 300);
        let begun = AtomicBool::new(false);
        thread::scope(|s| {
            let (world, scopes, begun, executor) = (world.clone(), &scopes, &begun, &executor);
            s.spawn(move || {
                let _entered = world.enter();
                begun.store(true, Ordering::SeqCst);
                executor.root().cancel();
                assert!(scopes.iter().all(Scope::is_cancelled));
            });
            while !begun.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            for scope in scopes.iter().rev().skip(round) {
                scope.cancel();
                assert!(scope.is_cancelled());
                assert!(scope.child(c"late").is_err());
            }
        });
        for scope in &scopes {
            assert!(scope.spawn(c"late", async {}).is_err());
        }
        drop(scopes);
        executor.shutdown().unwrap();
    }
    assert_eq!(world.live_allocations(), 0);
}
