// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tasks that are woken in large numbers: polled in order, by few work items, and by others first
//! if there is another reason.

mod common;

use common::{
    manual,
    poll,
    threaded,
    Count, //
};
use kasync::{
    cancelled,
    Executor,
    JoinHandle,
    Scope, //
};
use kernel::shim::{
    is_preemption_disabled,
    queued_preemptible, //
};
use std::{
    future::poll_fn,
    sync::{
        atomic::{
            AtomicBool,
            Ordering, //
        },
        Arc,
        Mutex, //
    },
    task::{
        Poll,
        Wake,
        Waker, //
    },
    thread, //
};

/// A task that counts its polls, and ends when `end` is set.
fn counting(executor: &Executor, polls: &Count, end: &Arc<AtomicBool>) -> JoinHandle<()> {
    let (polls, end) = (polls.clone(), end.clone());
    let task = poll_fn(move |_| {
        polls.add();
        if end.load(Ordering::SeqCst) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    executor.root().spawn(c"t", task).unwrap()
}

/// `n` tasks that note their number when they end, which they do when they are cancelled.
fn noting(scope: &Scope, n: usize) -> Arc<Mutex<Vec<usize>>> {
    let ended = Arc::new(Mutex::new(Vec::new()));
    for i in 0..n {
        let ended = ended.clone();
        let task = async move {
            cancelled().await;
            ended.lock().unwrap().push(i);
        };
        scope.spawn(c"t", task).unwrap().detach();
    }
    ended
}

/// A cancelled scope takes a work item for 64 tasks or so, and those that are in one batch end in
/// the order of their start.
#[test]
fn cancelled_in_order() {
    manual(|world, executor| {
        let scope = executor.root().child(c"s").unwrap();
        let ended = noting(&scope, 1000);
        world.run();
        scope.cancel();
        let items = world.run();
        // Four batches, and each may have a work item that finds nothing.
        assert!(
            (1000 / 64..1000 / 64 + 12).contains(&items),
            "{items} work items"
        );
        let mut ended = ended.lock().unwrap().clone();
        let runs = ended.windows(2).filter(|w| w[0] > w[1]).count();
        assert!(runs < 1000 / 64 + 12, "{runs} times out of order");
        ended.sort();
        assert!(ended.into_iter().eq(0..1000));
    });
}

/// Others have their turn between: a task that is woken in the usual way is polled after the batch
/// that is under way, not after all.
#[test]
fn others_between() {
    manual(|world, executor| {
        let scope = executor.root().child(c"s").unwrap();
        let ended = noting(&scope, 1000);
        let (polls, end) = (Count::default(), Arc::new(AtomicBool::new(false)));
        let other = counting(executor, &polls, &end);
        world.run();
        scope.cancel();
        other.wake();
        while polls.get() == 1 {
            assert!(world.step());
        }
        assert!(ended.lock().unwrap().len() <= 4 * 64);
        end.store(true, Ordering::SeqCst);
        other.wake();
        world.run();
    });
}

/// Many wakes before the turn are one poll. Another wake does not wait for the turn, and what was
/// known at the turn is seen.
#[test]
fn wakes_and_turns() {
    manual(|world, executor| {
        let (polls, end) = (Count::default(), Arc::new(AtomicBool::new(false)));
        let task = counting(executor, &polls, &end);
        world.run();
        assert_eq!(polls.get(), 1);

        for _ in 0..3 {
            task.wake_batched();
        }
        assert_eq!(world.run(), 1);
        assert_eq!(polls.get(), 2);

        // First in the list of works is the batch.
        task.wake_batched();
        task.wake();
        assert_eq!(world.run(), 2);
        assert_eq!(polls.get(), 4);

        // The worker is first, and ends the task: the turn finds nothing to do.
        end.store(true, Ordering::SeqCst);
        task.wake();
        task.wake_batched();
        assert_eq!(world.run(), 2);
        assert_eq!(polls.get(), 5);
        assert!(task.is_finished());
        task.wake_batched();
        assert_eq!(world.run(), 0);
    });
}

/// A waker that checks, when it is dropped, that the thread may be preempted.
struct Preemptible(Count);

impl Wake for Preemptible {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Preemptible {
    fn drop(&mut self) {
        assert!(!is_preemption_disabled());
        self.0.add();
    }
}

/// R1: between the mark that a task is in its batch, by which others know that they need not wake
/// it, and the wake of the batch's worker, the thread is not preempted. The waker of the
/// task's handle is dropped outside of that.
#[test]
fn marks_are_not_left_alone() {
    manual(|world, executor| {
        let (polls, end) = (Count::default(), Arc::new(AtomicBool::new(false)));
        let scope = executor.root().child(c"s").unwrap();
        let (one, mut two) = (
            counting(executor, &polls, &end),
            counting(executor, &polls, &end),
        );
        scope.spawn(c"t", cancelled()).unwrap().detach();
        world.run();
        let dropped = Count::default();
        let waker = Waker::from(Arc::new(Preemptible(dropped.clone())));
        assert!(poll(std::pin::Pin::new(&mut two), &waker).is_pending());
        drop(waker);

        let before = queued_preemptible();
        one.wake_batched();
        assert_eq!(world.run(), 1);
        assert_eq!(dropped.get(), 0);
        two.detach_batched();
        assert_eq!(dropped.get(), 1);
        assert_eq!(world.run(), 1);
        scope.cancel();
        assert_eq!(world.run(), 1);
        let left_alone = queued_preemptible() - before;
        // What takes one step to mark and to queue needs no such care.
        end.store(true, Ordering::SeqCst);
        one.wake();
        let woken = queued_preemptible() - before;
        executor.root().cancel();
        world.run();
        assert_eq!((left_alone, woken), (0, 1));
        assert!(!is_preemption_disabled());
    });
}

/// A turn comes while a claim has the right to poll: the claim passes it on.
#[test]
fn turn_while_claimed() {
    manual(|world, executor| {
        let (polls, end) = (Count::default(), Arc::new(AtomicBool::new(false)));
        let task = counting(executor, &polls, &end);
        world.run();
        task.wake_batched();
        // SAFETY: Dropped below, and on no path to a fence.
        let claim = unsafe { task.claim() };
        assert!(claim.is_some());
        assert_eq!(world.run(), 1, "the batch");
        assert_eq!(polls.get(), 1);
        drop(claim);
        assert_eq!(world.run(), 1, "a worker");
        assert_eq!(polls.get(), 2);
        end.store(true, Ordering::SeqCst);
        task.wake_batched();
        world.run();
        assert!(task.is_finished());
    });
}

/// A task that was spawned idle is polled when it is woken, by its handle or by a cancel, also one
/// that came before it.
#[test]
fn idle_until_woken() {
    manual(|world, executor| {
        let (polls, scope) = (Count::default(), executor.root().child(c"s").unwrap());
        let spawn = |scope: &Scope| {
            let polls = polls.clone();
            let task = async move {
                polls.add();
                cancelled().await;
            };
            scope.spawn_idle(c"t", task)
        };
        let (one, two) = (spawn(&scope).unwrap(), spawn(&scope).unwrap());
        assert_eq!(world.run(), 0);
        one.wake();
        assert_eq!(world.run(), 1);
        assert_eq!(polls.get(), 1);
        scope.cancel();
        world.run();
        assert_eq!(polls.get(), 2);
        assert!(one.is_finished() && two.is_finished());
        assert!(spawn(&scope).is_err());
    });
}

/// The executor is shut down while tasks that have ended are still in batches.
#[test]
fn shutdown_with_many() {
    for _ in 0..20 {
        threaded(2, |world, executor| {
            let scope = executor.root().child(c"s").unwrap();
            let ended = noting(&scope, 500);
            thread::scope(|s| {
                s.spawn(|| {
                    let _entered = world.enter();
                    scope.cancel();
                });
                scope.cancel();
            });
            executor.shutdown().unwrap();
            assert_eq!(ended.lock().unwrap().len(), 500);
        });
    }
}
