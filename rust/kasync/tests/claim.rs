// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Inline start: which threads may poll, where, and what becomes of wakes meanwhile.

mod common;

use common::{
    manual,
    threaded,
    Count, //
};
use kasync::{
    block_on,
    sync::AtomicWaker,
    Claim,
    Executor,
    JoinHandle,
    SignallingSection, //
};
use std::{
    future::poll_fn,
    sync::{
        atomic::{
            AtomicBool,
            AtomicUsize,
            Ordering, //
        },
        Arc, //
    },
    task::Poll,
    thread, //
};

/// Takes the right to poll a task.
fn take_claim<T>(task: &JoinHandle<T>) -> Option<Claim<'_>> {
    // SAFETY: All claims of these tests are dropped, none on a path to a fence.
    unsafe { task.claim() }
}

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

/// A claim polls on the calling thread, without a wake of the task and without a worker.
#[test]
fn polls_here() {
    manual(|world, executor| {
        let (polls, end) = (Count::default(), Arc::new(AtomicBool::new(false)));
        let task = counting(executor, &polls, &end);
        world.run();
        assert_eq!(polls.get(), 1);
        take_claim(&task).unwrap().poll();
        assert_eq!(polls.get(), 2);
        world.run();
        assert_eq!(polls.get(), 2);
        end.store(true, Ordering::SeqCst);
        take_claim(&task).unwrap().poll();
        assert!(task.is_finished());
        assert!(take_claim(&task).is_none(), "there is nothing left to poll");
        block_on(task).unwrap();
    });
}

/// One claim at a time; none in a poll or another signalling section, which would nest.
#[test]
fn is_refused() {
    manual(|world, executor| {
        let (polls, end) = (Count::default(), Arc::new(AtomicBool::new(false)));
        let task = Arc::new(counting(executor, &polls, &end));
        world.run();
        let claim = take_claim(&task);
        assert!(claim.is_some());
        assert!(take_claim(&task).is_none());
        drop(claim);
        // SAFETY: Nothing is signalled.
        unsafe { SignallingSection::enter(|_| assert!(take_claim(&task).is_none())) };
        let other = task.clone();
        let nested = async move { take_claim(&other).is_none() };
        let nested = executor.root().spawn(c"nested", nested).unwrap();
        assert!(block_on(nested).unwrap());
        end.store(true, Ordering::SeqCst);
        task.wake();
        world.run();
        assert!(task.is_finished());
    });
}

/// A wake while the task is claimed is not lost: the claim answers it, or leaves it to a worker.
#[test]
fn wakes_are_noted() {
    manual(|world, executor| {
        let (polls, end) = (Count::default(), Arc::new(AtomicBool::new(false)));
        let task = counting(executor, &polls, &end);
        world.run();
        let claim = take_claim(&task).unwrap();
        task.wake();
        task.wake();
        world.run();
        assert_eq!(polls.get(), 1, "the claim has the right to poll");
        drop(claim);
        world.run();
        assert_eq!(polls.get(), 2, "and leaves it to a worker");

        let claim = take_claim(&task).unwrap();
        task.wake();
        claim.poll();
        assert_eq!(polls.get(), 3, "one poll answers it");
        world.run();
        assert_eq!(polls.get(), 3);

        // Queued before it was claimed: the worker finds that it was polled.
        task.wake();
        let claim = take_claim(&task).unwrap();
        world.run();
        assert_eq!(polls.get(), 3);
        end.store(true, Ordering::SeqCst);
        claim.poll();
        assert!(task.is_finished());
        world.run();
        assert_eq!(polls.get(), 4);
        block_on(task).unwrap();
    });
}

/// H16: a task that keeps waking itself is left to a worker after a few polls.
#[test]
fn has_a_budget() {
    manual(|world, executor| {
        let polls = Count::default();
        let p = polls.clone();
        let task = poll_fn(move |cx| {
            p.add();
            if p.get() == 20 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        let task = executor.root().spawn(c"t", task).unwrap();
        take_claim(&task).unwrap().poll();
        assert!(polls.get() < 10);
        assert!(!task.is_finished());
        world.run();
        assert_eq!(polls.get(), 20);
        block_on(task).unwrap();
    });
}

/// Contract 3 with claims: never two polls at once, and what is submitted is always seen.
#[test]
fn submitters_and_workers() {
    const EACH: usize = 2000;
    threaded(3, |world, executor| {
        let news = Arc::new((AtomicWaker::new(), AtomicUsize::new(0)));
        let polling = Arc::new(AtomicBool::new(false));
        let (n, p) = (news.clone(), polling.clone());
        let task = poll_fn(move |cx| {
            assert!(!p.swap(true, Ordering::SeqCst), "polled twice at once");
            n.0.register(cx);
            let done = n.1.load(Ordering::SeqCst) == 3 * EACH;
            p.store(false, Ordering::SeqCst);
            if done {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        let task = Arc::new(executor.root().spawn(c"t", task).unwrap());
        thread::scope(|s| {
            for _ in 0..3 {
                let (world, task, news) = (world.clone(), task.clone(), news.clone());
                s.spawn(move || {
                    let _entered = world.enter();
                    for i in 0..EACH {
                        let claim = take_claim(&task);
                        news.1.fetch_add(1, Ordering::SeqCst);
                        match claim {
                            Some(claim) if i % 3 > 0 => claim.poll(),
                            // The claim is dropped without a poll, so a worker has to be queued.
                            claim => {
                                drop(claim);
                                news.0.wake();
                                task.wake();
                            }
                        }
                    }
                });
            }
        });
        let task = Arc::into_inner(task).unwrap();
        // Ends, as the last thread that submitted has polled or woken.
        block_on(task).unwrap();
    });
}
