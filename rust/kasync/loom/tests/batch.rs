// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of tasks in batches. Each names the hazards that it covers.

use kasync::Executor;
use loom::{
    sync::atomic::Ordering,
    thread, //
};

mod world;

use world::{
    model,
    task::{
        ends,
        By,
        Waiting, //
    }, //
};

/// H1 in a batch: what is written before such a wake is seen by a poll, also if the task has its
/// place already, or its turn has just come.
#[test]
fn batched_wakes() {
    ends(By::Batch, |task| task.wake_batched());
}

/// Contract 3 and H1: the turn of a task in a batch races a wake, and the worker that answers it.
#[test]
fn turn_against_wake() {
    ends(By::Waker, |task| task.wake_batched());
}

/// Contract 3 and H1: the turn of a task in a batch, whose wake is the last, races a claim, which
/// polls.
#[test]
fn turn_against_claim() {
    ends(By::Batch, |task| {
        // SAFETY: It is polled at once, and no fence depends on it.
        if let Some(claim) = unsafe { task.claim() } {
            claim.poll_once();
        }
    });
}

/// Contract 3 and H1: the turn of a task in a batch, whose wake is the last, races a claim that is
/// dropped without a poll.
#[test]
fn turn_against_dropped_claim() {
    ends(By::Batch, |task| {
        // SAFETY: It is dropped at once, and no fence depends on it.
        drop(unsafe { task.claim() });
    });
}

/// H2, H3: a task of a batch ends, by another wake, while it is put in or its turn comes, and the
/// executor is shut down.
#[test]
fn batch_against_shutdown() {
    model(2, || {
        let Waiting {
            executor,
            flag,
            handle,
            waker,
        } = Waiting::new();
        flag.store(true, Ordering::Relaxed);
        let thread = thread::spawn(move || handle.wake_batched());
        waker.wake();
        executor.shutdown().unwrap();
        thread.join().unwrap();
    });
}

/// No task of a batch is left behind although the work item ends after each, while other tasks are
/// added. The model allows one preemption, as it has many steps.
#[test]
fn batch_of_several() {
    model(1, || {
        let executor = Executor::new(c"m").unwrap();
        let scope = executor.root().child(c"s").unwrap();
        let task = || scope.spawn(c"t", kasync::cancelled()).unwrap();
        let (first, second) = (task(), task());
        let thread = thread::spawn(move || second.wake_batched());
        first.wake_batched();
        drop(first);
        scope.cancel();
        thread.join().unwrap();
        scope.join_blocking().unwrap();
        drop(scope);
        executor.shutdown().unwrap();
    });
}
