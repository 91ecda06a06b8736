// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models: every interleaving, with few preemptions, of small scenes. Each names the hazards that
//! it covers; each ends by counting what is still allocated.

use kasync::{
    block_on,
    next,
    sync::{
        oneshot,
        AtomicWaker,
        Notify, //
    },
    Executor,
    FutureSet, //
};
use kernel::host::live_allocations;
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
    future::{
        poll_fn,
        Future, //
    },
    task::{
        Poll,
        Waker, //
    }, //
};

fn model(scene: impl Fn() + Sync + Send + 'static) {
    model_with(2, scene);
}

/// Runs `scene` in every interleaving with at most that many preemptions.
fn model_with(preemptions: usize, scene: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        scene();
        assert_eq!(live_allocations(), 0, "leak");
    });
}

/// Clears the flag when it is dropped.
fn scopeguard(polling: &std::sync::atomic::AtomicBool) -> impl Drop + '_ {
    struct Guard<'a>(&'a std::sync::atomic::AtomicBool);
    impl Drop for Guard<'_> {
        fn drop(&mut self) {
            self.0.store(false, std::sync::atomic::Ordering::Relaxed);
        }
    }
    Guard(polling)
}

/// A task that ends when it sees `flag`, and a waker of it.
fn waiting(executor: &Executor, flag: &Arc<AtomicBool>) -> (kasync::JoinHandle<()>, Waker) {
    let (tx, rx) = oneshot::channel::<Waker>().unwrap();
    let (flag, mut tx) = (flag.clone(), Some(tx));
    let polling = std::sync::atomic::AtomicBool::new(false);
    let task = poll_fn(move |cx| {
        // Not one of loom's: it is to notice a second poll, not to keep it away.
        assert!(!polling.swap(true, std::sync::atomic::Ordering::Relaxed));
        let _polled = scopeguard(&polling);
        if let Some(tx) = tx.take() {
            assert!(tx.send(cx.waker().clone()).is_ok());
        }
        // Relaxed: the wake has to order it.
        if flag.load(Ordering::Relaxed) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    let handle = executor.root().spawn(c"t", task).unwrap();
    let waker = block_on(rx).unwrap().unwrap();
    (handle, waker)
}

/// H1: what is written before a wake is seen by the next poll, also when the wake comes during a
/// poll or coalesces. H2 to H5: wakes race the end of the task and the shutdown.
#[test]
fn wake() {
    model(|| {
        let executor = Executor::new(c"m").unwrap();
        let flag = Arc::new(AtomicBool::new(false));
        let (handle, waker) = waiting(&executor, &flag);
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
    model(|| {
        let executor = Executor::new(c"m").unwrap();
        let flag = Arc::new(AtomicBool::new(false));
        let (handle, waker) = waiting(&executor, &flag);
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
    model(|| {
        let executor = Executor::new(c"m").unwrap();
        let flag = Arc::new(AtomicBool::new(false));
        let (handle, waker) = waiting(&executor, &flag);
        let f = flag.clone();
        let thread = thread::spawn(move || {
            f.store(true, Ordering::Relaxed);
            waker.wake();
        });
        // SAFETY: It is dropped, and no fence depends on it.
        if let Some(claim) = unsafe { handle.claim() } {
            claim.poll();
        }
        block_on(handle).unwrap();
        thread.join().unwrap();
        executor.shutdown().unwrap();
    });
}

/// H3 with claims: one is dropped unpolled, with a wake that it has absorbed, while the executor is
/// shut down.
#[test]
fn claim_against_shutdown() {
    model(|| {
        let executor = Executor::new(c"m").unwrap();
        let flag = Arc::new(AtomicBool::new(false));
        let (handle, waker) = waiting(&executor, &flag);
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

/// H1 in a batch: what is written before such a wake is seen by a poll, also if the task has its
/// place already, or its turn has just come.
#[test]
fn batched_wakes() {
    model(|| {
        let executor = Executor::new(c"m").unwrap();
        let flag = Arc::new(AtomicBool::new(false));
        let (handle, waker) = waiting(&executor, &flag);
        drop(waker);
        let handle = std::sync::Arc::new(handle);
        let (f, other) = (flag.clone(), handle.clone());
        let thread = thread::spawn(move || {
            f.store(true, Ordering::Relaxed);
            other.wake_batched();
        });
        handle.wake_batched();
        thread.join().unwrap();
        let handle = std::sync::Arc::into_inner(handle).unwrap();
        block_on(handle).unwrap();
        executor.shutdown().unwrap();
    });
}

/// Contract 3 and H1: the turn of a task in a batch races a wake, and the worker that answers it.
#[test]
fn turn_against_wake() {
    model(|| {
        let executor = Executor::new(c"m").unwrap();
        let flag = Arc::new(AtomicBool::new(false));
        let (handle, waker) = waiting(&executor, &flag);
        let f = flag.clone();
        let thread = thread::spawn(move || {
            f.store(true, Ordering::Relaxed);
            waker.wake();
        });
        handle.wake_batched();
        block_on(handle).unwrap();
        thread.join().unwrap();
        executor.shutdown().unwrap();
    });
}

/// Contract 3 and H1: the turn of a task in a batch, whose wake is the last, races a claim, which
/// polls or does not.
fn turn_against(claimed: fn(kasync::Claim<'_>)) {
    model(move || {
        let executor = Executor::new(c"m").unwrap();
        let flag = Arc::new(AtomicBool::new(false));
        let (handle, waker) = waiting(&executor, &flag);
        drop(waker);
        let handle = std::sync::Arc::new(handle);
        let (f, other) = (flag.clone(), handle.clone());
        let thread = thread::spawn(move || {
            f.store(true, Ordering::Relaxed);
            other.wake_batched();
        });
        // SAFETY: It is polled or dropped at once, and no fence depends on it.
        if let Some(claim) = unsafe { handle.claim() } {
            claimed(claim);
        }
        thread.join().unwrap();
        let handle = std::sync::Arc::into_inner(handle).unwrap();
        block_on(handle).unwrap();
        executor.shutdown().unwrap();
    });
}

#[test]
fn turn_against_claim() {
    turn_against(|claim| claim.poll_once());
}

#[test]
fn turn_against_dropped_claim() {
    turn_against(|claim| drop(claim));
}

/// H2, H3: a task of a batch ends, by another wake, while it is put in or its turn comes, and the
/// executor is shut down.
#[test]
fn batch_against_shutdown() {
    model(|| {
        let executor = Executor::new(c"m").unwrap();
        let flag = Arc::new(AtomicBool::new(false));
        let (handle, waker) = waiting(&executor, &flag);
        flag.store(true, Ordering::Relaxed);
        let thread = thread::spawn(move || handle.wake_batched());
        waker.wake();
        executor.shutdown().unwrap();
        thread.join().unwrap();
    });
}

/// None of a batch is left behind, though the work item ends after each, while others are put in.
/// With one preemption, as there are many steps.
#[test]
fn batch_of_several() {
    model_with(1, || {
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

/// R13: the handle is dropped, or polled with its waker in place, while the task ends: the output
/// and the waker are dropped once.
#[test]
fn handle_against_end() {
    model(|| {
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

/// Contract 5: cancel races the task on its way to await it, and the join.
#[test]
fn cancel_and_join() {
    model(|| {
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

/// Contract 5: cancel races a spawn: either the spawn fails, or the task sees the cancel.
#[test]
fn cancel_against_spawn() {
    model(|| {
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
    model(|| {
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
    model(|| {
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

/// Contract 5: a walk that wakes the tasks of a cancelled scope, one at a time, while these end.
/// With one preemption, as cancelling takes many steps.
#[test]
fn cancel_of_tasks_that_end() {
    model_with(1, || {
        let executor = Executor::new(c"m").unwrap();
        let scope = executor.root().child(c"s").unwrap();
        let first = scope.spawn(c"t", kasync::cancelled()).unwrap();
        scope.spawn(c"t", kasync::cancelled()).unwrap().detach();
        let thread = thread::spawn(move || first.cancel());
        scope.cancel();
        thread.join().unwrap();
        drop(scope);
        executor.shutdown().unwrap();
    });
}

/// H10, H24: a notification races the registration of its waiter.
#[test]
fn notify() {
    model(|| {
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
    model(|| {
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

/// A child of a set that ends when it sees `flag`, and what it hands its waker out by.
fn child(
    flag: &Arc<AtomicBool>,
) -> (
    impl std::future::Future<Output = ()> + Send,
    oneshot::Receiver<Waker>,
) {
    let (tx, rx) = oneshot::channel::<Waker>().unwrap();
    let (flag, mut tx) = (flag.clone(), Some(tx));
    let child = poll_fn(move |cx| {
        if let Some(tx) = tx.take() {
            assert!(tx.send(cx.waker().clone()).is_ok());
        }
        if flag.load(Ordering::Relaxed) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    (child, rx)
}

/// H1 for the children of a set: what is written before a child's wake is seen by the child's next
/// poll, also when the wake comes while the set is polled. With one
/// preemption.
#[test]
fn set_against_wake() {
    model_with(1, || {
        let executor = Executor::new(c"m").unwrap();
        let flag = Arc::new(AtomicBool::new(false));
        let (child, waker) = child(&flag);
        let mut set = FutureSet::<_, 1>::new().unwrap();
        assert!(set.push(child).is_ok());
        let task = executor
            .root()
            .spawn(c"t", async move { next(&mut set).await });
        let waker = block_on(waker).unwrap().unwrap();
        let f = flag.clone();
        let thread = thread::spawn(move || {
            f.store(true, Ordering::Relaxed);
            waker.wake();
        });
        assert_eq!(block_on(task.unwrap()).unwrap(), Some(()));
        thread.join().unwrap();
        executor.shutdown().unwrap();
    });
}

/// H6 for the children of a set: the set goes while a child is being woken.
#[test]
fn set_against_drop() {
    model(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let (child, mut waker) = child(&flag);
        let mut set = FutureSet::<_, 1>::new().unwrap();
        assert!(set.push(child).is_ok());
        let once = poll_fn(|cx| {
            let polled = std::pin::Pin::new(&mut next(&mut set)).poll(cx);
            assert!(polled.is_pending());
            Poll::Ready(())
        });
        block_on(once).unwrap();
        let got = poll_fn(|cx| std::pin::Pin::new(&mut waker).poll(cx));
        let waker = block_on(got).unwrap().unwrap();
        let thread = thread::spawn(move || waker.wake());
        drop(set);
        thread.join().unwrap();
    });
}
