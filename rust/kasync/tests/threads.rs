// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests with worker threads, and with wakers on threads of their own: contract 3, H1 to H6, H33.

mod common;

use common::{
    threaded,
    Count, //
};
use kasync::{
    block_on,
    cancelled,
    select,
    sync::{
        mpsc,
        oneshot,
        Notify,
        Semaphore, //
    },
    time::{
        sleep,
        timeout,
        Delta, //
    },
    yield_now,
    Executor, //
};
use kernel::{
    alloc::flags::GFP_KERNEL,
    host::World, //
};
use std::{
    future::poll_fn,
    sync::{
        atomic::{
            AtomicBool,
            AtomicUsize,
            Ordering, //
        },
        Arc,
        Barrier, //
    },
    task::{
        Poll,
        Waker, //
    },
    thread, //
};

/// Runs `f` on `n` threads of the world, at once.
fn on_threads(world: &World, n: usize, f: impl Fn(usize) + Sync) {
    let start = Barrier::new(n);
    thread::scope(|s| {
        for i in 0..n {
            let (f, start, world) = (&f, &start, world.clone());
            s.spawn(move || {
                let _entered = world.enter();
                start.wait();
                f(i);
            });
        }
    });
}

/// H1: the last wake is always followed by a poll that sees what was written before it. Contract 3:
/// never two polls of one task at once.
#[test]
fn no_wake_is_lost() {
    const ROUNDS: usize = 3000;
    threaded(3, |world, executor| {
        let polling = Arc::new(AtomicBool::new(false));
        let (round, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (tx, rx) = oneshot::channel::<Waker>().unwrap();
        let (p, r, s, mut tx) = (polling, round.clone(), seen.clone(), Some(tx));
        let task = poll_fn(move |cx| {
            assert!(!p.swap(true, Ordering::SeqCst), "polled twice at once");
            if let Some(tx) = tx.take() {
                assert!(tx.send(cx.waker().clone()).is_ok());
            }
            // Relaxed: only the wake orders it.
            let now = r.load(Ordering::Relaxed);
            s.store(now, Ordering::SeqCst);
            p.store(false, Ordering::SeqCst);
            if now == ROUNDS {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        let handle = executor.root().spawn(c"t", task).unwrap();
        let waker = block_on(rx).unwrap().unwrap();
        for n in 1..=ROUNDS {
            round.store(n, Ordering::Relaxed);
            if n % 100 == 0 {
                on_threads(world, 2, |_| waker.wake_by_ref());
            } else {
                waker.wake_by_ref();
            }
            while seen.load(Ordering::SeqCst) < n {
                thread::yield_now();
            }
        }
        block_on(handle).unwrap();
    });
}

/// H2 to H5: wakes from other threads while tasks end and the executor is shut down; the queue
/// asserts that none comes too late, the count of allocations that none leaks.
#[test]
fn wakes_against_shutdown() {
    for round in 0..150 {
        threaded(2, |world, executor| {
            let mut wakers = Vec::new();
            let stop = Arc::new(AtomicBool::new(false));
            for _ in 0..3 {
                let (tx, rx) = oneshot::channel::<Waker>().unwrap();
                let (s, mut tx) = (stop.clone(), Some(tx));
                let task = poll_fn(move |cx| {
                    if let Some(tx) = tx.take() {
                        assert!(tx.send(cx.waker().clone()).is_ok());
                    }
                    if s.load(Ordering::SeqCst) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                });
                executor.root().spawn(c"t", task).unwrap().detach();
                wakers.push(block_on(rx).unwrap().unwrap());
            }
            on_threads(world, 3, |i| {
                if i == 0 {
                    for _ in 0..round {
                        thread::yield_now();
                    }
                    stop.store(true, Ordering::SeqCst);
                    wakers.iter().for_each(Waker::wake_by_ref);
                    executor.shutdown().unwrap();
                } else {
                    for _ in 0..50 {
                        wakers.iter().for_each(Waker::wake_by_ref);
                        let clones = wakers.clone();
                        clones.into_iter().for_each(Waker::wake);
                    }
                }
            });
        });
    }
}

/// Contract 5: cancels from several threads while tasks are spawned, end, and are joined.
#[test]
fn cancel_against_spawn() {
    for _ in 0..60 {
        threaded(2, |world, executor| {
            let scope = executor.root().child(c"s").unwrap();
            let (begun, ended) = (Count::default(), Count::default());
            on_threads(world, 4, |i| {
                if i < 2 {
                    // Not without end: on a slow machine the others may come late.
                    for n in 0..2000 {
                        let (b, e) = (begun.clone(), ended.clone());
                        let at = if n % 2 == 0 {
                            scope.clone()
                        } else {
                            match scope.child(c"child") {
                                Ok(child) => child,
                                Err(_) => break,
                            }
                        };
                        let prepared = at.reserve(c"t", async move {
                            cancelled().await;
                            yield_now().await;
                            e.add();
                        });
                        let Ok(prepared) = prepared else { break };
                        b.add();
                        prepared.start().detach();
                    }
                } else {
                    for _ in 0..200 {
                        thread::yield_now();
                    }
                    scope.cancel();
                    scope.join_blocking().unwrap();
                }
            });
            scope.join_blocking().unwrap();
            assert_eq!(begun.get(), ended.get());
        });
    }
}

/// H6, H33: sleeps are dropped while their timers fire on another thread.
#[test]
fn timers_against_drops() {
    threaded(2, |world, executor| {
        let done = Count::default();
        for t in 0..4_i64 {
            let done = done.clone();
            let task = async move {
                for i in 0..300 {
                    let a = sleep(Delta::from_nanos(100 + (i * t) % 7));
                    let b = sleep(Delta::from_nanos(100 + i % 5));
                    select(a, b).await;
                }
                done.add();
            };
            executor.root().spawn(c"t", task).unwrap().detach();
        }
        while done.get() < 4 {
            world.advance(Delta::from_nanos(50));
        }
    });
}

/// Values and permits through contention, with timeouts that drop half-done steps (H24).
#[test]
fn channels_under_contention() {
    threaded(3, |world, executor| {
        let (tx, mut rx) = mpsc::channel::<usize>(8).unwrap();
        let ring = kernel::sync::Arc::new(Semaphore::new(3), GFP_KERNEL).unwrap();
        let notify = Arc::new(Notify::new());
        let (r, n) = (ring.clone(), notify.clone());
        let sum = executor.root().spawn(c"rx", async move {
            let mut sum = 0;
            loop {
                let limit = Delta::from_nanos(200);
                match timeout(limit, rx.recv()).await {
                    Ok(Some(v)) => sum += v,
                    Ok(None) => break sum,
                    Err(_) => n.notify_one(),
                }
                drop(timeout(limit, r.acquire(2)).await);
            }
        });
        let sum = sum.unwrap();
        on_threads(world, 3, |i| {
            for v in 0..400 {
                while tx.try_send(v).is_err() {
                    world.advance(Delta::from_nanos(100));
                }
                if i == 0 {
                    drop(ring.try_acquire(1 + v % 3));
                    notify.notify_waiters();
                }
            }
        });
        drop(tx);
        while !sum.is_finished() {
            world.advance(Delta::from_nanos(100));
        }
        assert_eq!(block_on(sum), Ok(3 * (0..400).sum::<usize>()));
        assert_eq!(ring.available(), 3);
    });
}

/// The handle and the task end at the same time, again and again: the output is dropped once, the
/// waker too.
#[test]
fn join_against_completion() {
    threaded(2, |_, executor| {
        let dropped = Count::default();
        for i in 0..3000 {
            let d = common::OnDrop(dropped.clone());
            let handle = executor.root().spawn(c"t", async move { d }).unwrap();
            match i % 3 {
                0 => drop(block_on(handle).unwrap()),
                1 => handle.detach(),
                _ => {
                    let outer = async move {
                        select(yield_now(), handle).await;
                    };
                    executor.root().spawn(c"o", outer).unwrap().detach();
                }
            }
        }
        executor.shutdown().unwrap();
        assert_eq!(dropped.get(), 3000);
    });
}

/// Two threads shut the same executor down: one does it, the other is told.
#[test]
fn shutdown_by_two() {
    let world = World::threaded(2);
    let _entered = world.enter();
    for _ in 0..50 {
        let executor = Executor::new(c"t").unwrap();
        let ok = Count::default();
        on_threads(&world, 2, |_| {
            if executor.shutdown().is_ok() {
                ok.add();
            }
        });
        assert!(ok.get() >= 1);
    }
    assert_eq!(world.live_allocations(), 0);
}

/// A blocking join that takes too long says whom it waits for, and goes on waiting.
#[test]
fn stalls_are_named() {
    threaded(1, |world, executor| {
        world.set_limit(20);
        let scope = executor.root().child(c"files").unwrap();
        for name in [c"queue-1", c"queue-2"] {
            let stuck = sleep(Delta::from_millis(1));
            scope.spawn(name, stuck).unwrap().detach();
        }
        let warned = AtomicBool::new(false);
        on_threads(world, 2, |i| {
            if i == 0 {
                scope.join_blocking().unwrap();
                assert!(warned.load(Ordering::SeqCst));
                return;
            }
            let mut lines = Vec::new();
            while lines.len() < 3 {
                lines.extend(world.take_log());
                thread::yield_now();
            }
            assert!(lines[0].contains("2 tasks of scope files"));
            assert!(lines[1].contains("queue-1") && lines[2].contains("queue-2"));
            warned.store(true, Ordering::SeqCst);
            world.advance(Delta::from_millis(1));
        });
    });
}
