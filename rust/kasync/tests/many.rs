// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Several futures in one task, and streams: H9, H12, H24.

mod common;

use common::{
    manual,
    Count,
    OnDrop, //
};
use futures_core::Stream;
use kasync::{
    block_on,
    join,
    next,
    sync::{
        mpsc,
        oneshot,
        watch,
        Notify, //
    },
    time::{
        sleep,
        Delta, //
    },
    FutureSet, //
};
use std::{
    future::{
        pending,
        poll_fn,
        Future, //
    },
    pin::{
        pin,
        Pin, //
    },
    sync::Arc,
    task::{
        Context,
        Poll,
        Waker, //
    }, //
};

const MS: Delta = Delta::from_millis(1);

fn poll<F: Future + Unpin>(f: &mut F) -> Poll<F::Output> {
    Pin::new(f).poll(&mut Context::from_waker(Waker::noop()))
}

fn poll_stream<S: Stream + Unpin>(s: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(s).poll_next(&mut Context::from_waker(Waker::noop()))
}

/// Receivers see the last value, each change once, and the end after it.
#[test]
fn watch_the_latest() {
    manual(|world, executor| {
        let (tx, mut rx) = watch::channel(0).unwrap();
        let mut other = rx.clone();
        let task = executor.root().spawn(c"t", async move {
            let mut seen = Vec::new();
            while rx.changed().await.is_ok() {
                seen.push(rx.get());
            }
            seen
        });
        world.run();
        assert_eq!(tx.send(1), Ok(()));
        assert_eq!(tx.send(2), Ok(()));
        world.run();
        assert_eq!(tx.send(7), Ok(()));
        world.run();
        let mut late = tx.subscribe();
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(pin!(late.changed()).poll(cx).is_pending());
        assert_eq!(tx.send(9), Ok(()));
        drop(tx);
        world.run();
        assert_eq!(block_on(task.unwrap()).unwrap(), [2, 7, 9]);
        assert_eq!(other.get(), 9);
        assert_eq!(block_on(other.changed()).unwrap(), Err(watch::Closed));
        // The last value before the end is a change like any other.
        assert_eq!(block_on(late.changed()).unwrap(), Ok(()));
        assert_eq!(block_on(late.changed()).unwrap(), Err(watch::Closed));
    });
}

/// H24: one that is dropped has seen nothing.
#[test]
fn watch_is_cancel_safe() {
    manual(|_, _| {
        let (tx, mut rx) = watch::channel(0).unwrap();
        {
            let mut changed = pin!(rx.changed());
            let cx = &mut Context::from_waker(Waker::noop());
            assert!(changed.as_mut().poll(cx).is_pending());
            assert_eq!(tx.send(1), Ok(()));
        }
        assert_eq!(block_on(rx.changed()).unwrap(), Ok(()));
        assert!(!tx.is_closed());
        drop(rx);
        assert!(tx.is_closed());
        assert_eq!(tx.send(2), Err(2));
    });
}

/// More receivers than are woken at a time.
#[test]
fn watch_wakes_all() {
    manual(|world, executor| {
        let (tx, rx) = watch::channel(0).unwrap();
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let mut rx = rx.clone();
                executor
                    .root()
                    .spawn(c"t", async move {
                        rx.changed().await.unwrap();
                        rx.get()
                    })
                    .unwrap()
            })
            .collect();
        world.run();
        tx.send(3).unwrap();
        world.run();
        assert!(tasks.into_iter().all(|t| block_on(t).unwrap() == 3));
    });
}

/// The first in the order of writing wins; conditions take branches out; the losers are dropped
/// first.
#[test]
fn select_in_order() {
    manual(|world, executor| {
        let (tx, mut rx) = mpsc::channel::<u32>(4).unwrap();
        let drops = Count::default();
        let loser = OnDrop(drops.clone());
        let seen = drops.clone();
        let task = executor.root().spawn(c"t", async move {
            let mut log = Vec::new();
            kasync::select! {
                () = async { pending::<()>().await; drop(loser) } => log.push(0),
                v = rx.recv() => log.push(v.unwrap() + 10 * seen.get() as u32),
            }
            for round in 0..3 {
                let picked = kasync::select! {
                    v = rx.recv(), if round != 1 => { v.unwrap() }
                    () = sleep(MS) => 100,
                };
                log.push(picked);
            }
            kasync::select! { only = async { 7 } => log.push(only) }
            // A block may have a comma behind it, or none, wherever it stands.
            kasync::select! {
                () = pending() => { log.push(0) },
                () = async {} => { log.push(8) }
                () = pending() => { log.push(0) },
            }
            log
        });
        world.run();
        for n in 1..=3 {
            tx.try_send(n).unwrap();
        }
        world.run();
        world.advance(MS);
        world.run();
        assert_eq!(block_on(task.unwrap()).unwrap(), [11, 2, 100, 3, 7, 8]);
    });
}

/// `join_all` returns every output, however far apart they are ready; each future is polled no more
/// after it.
#[test]
fn join_all() {
    manual(|world, executor| {
        let (tx, rx) = oneshot::channel::<u8>().unwrap();
        let mut polls = 0;
        let once = poll_fn(move |_| {
            polls += 1;
            assert_eq!(polls, 1);
            Poll::Ready(polls)
        });
        let task = executor.root().spawn(
            c"t",
            async move { join!(once, rx, sleep(MS), async { "x" }) },
        );
        world.run();
        tx.send(4).unwrap();
        world.run();
        world.advance(MS);
        assert_eq!(block_on(task.unwrap()).unwrap(), (1, Ok(4), (), "x"));
    });
}

/// Only what was woken is polled; items come as they are ready; places are used again.
#[test]
fn set_polls_who_is_woken() {
    manual(|world, executor| {
        let (mut txs, mut polls) = (Vec::new(), Vec::new());
        let mut set = FutureSet::<_, 3>::new().unwrap();
        let mut child = |n: u32| {
            let (tx, mut rx) = oneshot::channel::<()>().unwrap();
            let count = Count::default();
            txs.push(Some(tx));
            polls.push(count.clone());
            Box::pin(async move {
                poll_fn(|cx| {
                    count.add();
                    Pin::new(&mut rx).poll(cx)
                })
                .await
                .unwrap();
                n
            })
        };
        for n in 0..3 {
            assert!(set.push(child(n)).is_ok());
        }
        let extra = child(3);
        let extra = set.push(extra).unwrap_err();
        assert_eq!(set.len(), 3);
        let (out_tx, mut out) = mpsc::channel(8).unwrap();
        let (again_tx, mut again) = mpsc::channel(1).unwrap();
        let task = executor.root().spawn(c"t", async move {
            while let Some(n) = next(&mut set).await {
                out_tx.try_send(n).unwrap();
                if n == 1 {
                    assert!(set.push(again.recv().await.unwrap()).is_ok());
                }
            }
            assert!(set.is_empty());
        });
        world.run();
        assert_eq!(
            polls.iter().map(Count::get).collect::<Vec<_>>(),
            [1, 1, 1, 0]
        );
        txs[1].take().unwrap().send(()).unwrap();
        world.run();
        assert_eq!(poll_stream(&mut out), Poll::Ready(Some(1)));
        assert_eq!(
            polls.iter().map(Count::get).collect::<Vec<_>>(),
            [1, 2, 1, 0]
        );
        assert!(again_tx.try_send(extra).is_ok());
        world.run();
        assert_eq!(
            polls.iter().map(Count::get).collect::<Vec<_>>(),
            [1, 2, 1, 1]
        );
        for n in [3, 0, 2] {
            txs[n].take().unwrap().send(()).unwrap();
        }
        world.run();
        let rest: Vec<_> = (0..3).map(|_| poll_stream(&mut out)).collect();
        // Those that are ready at once come in the order of their places.
        assert_eq!(rest, [0, 3, 2].map(|n| Poll::Ready(Some(n))));
        assert!(task.unwrap().is_finished());
    });
}

/// Wakers that are kept outlive the set; futures are dropped with it, once.
#[test]
fn set_goes_before_its_wakers() {
    manual(|world, _| {
        let drops = Count::default();
        let kept = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut set = FutureSet::<_, 64>::new().unwrap();
        for _ in 0..64 {
            let (kept, on_drop) = (kept.clone(), OnDrop(drops.clone()));
            let future = async move {
                let _on_drop = on_drop;
                poll_fn(|cx| {
                    kept.lock().unwrap().push(cx.waker().clone());
                    Poll::<()>::Pending
                })
                .await
            };
            assert!(set.push(future).is_ok());
        }
        assert!(poll_stream(&mut Box::pin(&mut set)).is_pending());
        drop(set);
        assert_eq!(drops.get(), 64);
        for waker in kept.lock().unwrap().drain(..) {
            waker.wake_by_ref();
            let other = waker.clone();
            drop(waker);
            other.wake();
        }
        world.run();
    });
}

/// A child that wakes itself is polled again, and others get their turn meanwhile.
#[test]
fn set_is_fair() {
    manual(|world, executor| {
        type Child = Pin<Box<dyn Future<Output = u32> + Send>>;
        let mut set = FutureSet::<Child, 2>::new().unwrap();
        let busy = poll_fn(|cx: &mut Context<'_>| {
            cx.waker().wake_by_ref();
            Poll::<u32>::Pending
        });
        assert!(set.push(Box::pin(busy)).is_ok());
        let notify = Arc::new(Notify::new());
        let wait = notify.clone();
        let other: Child = Box::pin(async move {
            wait.notified().await;
            5
        });
        assert!(set.push(other).is_ok());
        let task = executor
            .root()
            .spawn(c"t", async move { next(&mut set).await });
        for _ in 0..10 {
            world.step();
        }
        notify.notify_one();
        for _ in 0..3 {
            world.step();
        }
        assert_eq!(block_on(task.unwrap()).unwrap(), Some(5));
    });
}

/// Streams of this crate, and the leaf for one item.
#[test]
fn streams() {
    manual(|_, _| {
        let (tx, mut rx) = mpsc::channel::<u8>(2).unwrap();
        assert!(poll(&mut next(&mut rx)).is_pending());
        tx.try_send(3).unwrap();
        assert_eq!(poll(&mut next(&mut rx)), Poll::Ready(Some(3)));
        drop(tx);
        assert_eq!(poll(&mut next(&mut rx)), Poll::Ready(None));
    });
}
