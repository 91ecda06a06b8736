// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of tasks: every interleaving, with few preemptions, of small scenes. Each names the
//! hazards that it covers.

use kasync::{
    block_on,
    Executor, //
};
use kernel::host::{
    atomically,
    run_reaped, //
};
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

/// H1: what is written before a wake is seen by the next poll, also when the wake comes during a
/// poll or coalesces. H2 to H5: wakes race the end of the task and the shutdown.
#[test]
fn wake() {
    model(2, || {
        let Waiting {
            executor,
            flag,
            handle,
            waker,
        } = Waiting::new();
        let other = waker.clone();
        let f = flag.clone();
        let thread = thread::spawn(move || {
            f.store(true, Ordering::Relaxed);
            other.wake();
        });
        waker.wake_by_ref();
        // Ends in each execution, or loom reports the deadlock.
        block_on(handle).unwrap();
        drop(executor);
        waker.wake();
        thread.join().unwrap();
    });
}

/// H3: a wake that is under way while the executor is shut down.
#[test]
fn wake_against_shutdown() {
    model(2, || {
        let Waiting {
            executor,
            flag,
            handle,
            waker,
        } = Waiting::new();
        handle.detach();
        let late = waker.clone();
        let thread = thread::spawn(move || late.wake());
        flag.store(true, Ordering::Relaxed);
        waker.wake();
        executor.shutdown().unwrap();
        thread.join().unwrap();
    });
}

/// Contract 3, H1 and H16: a claim races a wake and the worker that answers it. What was written
/// before the wake is seen by a poll, whichever thread polls.
#[test]
fn claim_against_wake() {
    ends(By::Waker, |task| {
        // SAFETY: It is polled at once, and no fence depends on it.
        if let Some(claim) = unsafe { task.claim() } {
            claim.poll();
        }
    });
}

/// H3 with claims: one is dropped unpolled, with a wake that it has absorbed, while the executor is
/// shut down.
#[test]
fn claim_against_shutdown() {
    model(2, || {
        let Waiting {
            executor,
            flag,
            handle,
            waker,
        } = Waiting::new();
        flag.store(true, Ordering::Relaxed);
        let thread = thread::spawn(move || {
            // SAFETY: The claim is dropped below; the thread waits for nothing before that.
            let claim = unsafe { handle.claim() };
            waker.wake();
            drop(claim);
            drop(handle);
        });
        executor.shutdown().unwrap();
        thread.join().unwrap();
    });
}

/// R13: the handle is dropped, or polled with its waker in place, while the task ends: the output
/// and the waker are dropped once.
#[test]
fn handle_against_end() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        let output = std::sync::Arc::new(());
        let out = output.clone();
        let handle = executor.root().spawn(c"t", async move { out }).unwrap();
        drop(handle);
        let out = output.clone();
        let handle = executor.root().spawn(c"t", async move { out }).unwrap();
        drop(block_on(handle).unwrap());
        executor.shutdown().unwrap();
        assert_eq!(std::sync::Arc::strong_count(&output), 1);
    });
}

/// A handle is dropped where the caller may not sleep, while its task ends: the output is dropped
/// by another thread, once, and the links of the task are in one list at a time.
#[test]
fn atomic_drop_against_end() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        // Before the task in the list of their scope.
        let neighbour = executor.root().reserve(c"n", async {}).unwrap();
        let output = std::sync::Arc::new(());
        let out = output.clone();
        let handle = executor.root().spawn(c"t", async move { out }).unwrap();
        atomically(|| drop(handle));
        drop(neighbour);
        executor.shutdown().unwrap();
        run_reaped();
        assert_eq!(std::sync::Arc::strong_count(&output), 1);
    });
}
