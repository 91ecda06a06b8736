// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of cancelling a scope. Each names the hazards that it covers.

use kasync::Executor;
use loom::thread;

mod world;

use world::model;

/// Contract 5: cancel races the task on its way to await it, and the join.
#[test]
fn cancel_and_join() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        let scope = executor.root().child(c"s").unwrap();
        scope.spawn(c"t", kasync::cancelled()).unwrap().detach();
        let other = scope.clone();
        let thread = thread::spawn(move || other.cancel());
        scope.join_blocking().unwrap();
        thread.join().unwrap();
        drop(scope);
        executor.shutdown().unwrap();
    });
}

/// H6: two threads join a scope, each with a waker of a parker on its stack, while its task ends in
/// a third. A parker is gone as soon as its thread returns.
#[test]
fn joins_of_two_threads() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        let scope = executor.root().child(c"s").unwrap();
        scope.spawn(c"t", async {}).unwrap().detach();
        let other = scope.clone();
        let thread = thread::spawn(move || other.join_blocking().unwrap());
        scope.join_blocking().unwrap();
        thread.join().unwrap();
        drop(scope);
        executor.shutdown().unwrap();
    });
}

/// Contract 5: cancel races a spawn: either the spawn fails, or the task sees the cancel.
#[test]
fn cancel_against_spawn() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        let scope = executor.root().child(c"s").unwrap();
        let other = scope.clone();
        let thread = thread::spawn(move || {
            if let Ok(prepared) = other.reserve(c"t", kasync::cancelled()) {
                prepared.start().detach();
            }
        });
        scope.cancel();
        executor.shutdown().unwrap();
        thread.join().unwrap();
    });
}

/// Contract 5: cancel races a spawn of a task that nothing wakes but the cancel.
#[test]
fn cancel_against_idle_spawn() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        let scope = executor.root().child(c"s").unwrap();
        let other = scope.clone();
        let thread = thread::spawn(move || {
            if let Ok(task) = other.spawn_idle(c"t", kasync::cancelled()) {
                task.detach();
            }
        });
        scope.cancel();
        executor.shutdown().unwrap();
        thread.join().unwrap();
    });
}

/// Contract 5: a cancel of a scope races one of the scope above, a few scopes at a time. When
/// either call returns, all that is below its scope is cancelled.
#[test]
fn cancels_that_overlap() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        let a = executor.root().child(c"a").unwrap();
        let b = a.child(c"b").unwrap();
        let (other, below) = (a.clone(), b.clone());
        let thread = thread::spawn(move || {
            other.cancel();
            assert!(below.is_cancelled());
        });
        executor.root().cancel();
        assert!(a.is_cancelled() && b.is_cancelled());
        thread.join().unwrap();
        drop((a, b));
        executor.shutdown().unwrap();
    });
}

/// Contract 5: a task whose own scope was cancelled awaits the cancel of the one above. Its own
/// scope is no part of that any more.
#[test]
fn cancel_above_after_the_own_scope() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        let above = executor.root().child(c"a").unwrap();
        let own = above.child(c"o").unwrap();
        let asked = above.clone();
        let task = async move {
            kasync::cancelled().await;
            asked.cancelled().await;
        };
        own.spawn(c"t", task).unwrap().detach();
        own.cancel();
        drop(own);
        let thread = thread::spawn(move || above.cancel());
        thread.join().unwrap();
        executor.shutdown().unwrap();
    });
}

/// Contract 5: a walk that wakes the tasks of a cancelled scope, one at a time, while that ends
/// where it pauses. None behind it is left out. Nothing but a cancel polls these tasks. To end a
/// task there takes two preemptions.
#[test]
fn cancel_of_tasks_that_end() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        let scope = executor.root().child(c"s").unwrap();
        let task = || scope.spawn_idle(c"t", kasync::cancelled()).unwrap();
        let (first, second, third) = (task(), task(), task());
        first.detach();
        third.detach();
        let thread = thread::spawn(move || second.cancel());
        scope.cancel();
        thread.join().unwrap();
        drop(scope);
        executor.shutdown().unwrap();
    });
}
