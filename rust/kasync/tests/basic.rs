// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tasks in a manual world: spawning, waking, ending, and the owner of each part at each time.

mod common;

use common::{
    manual,
    Count,
    OnDrop, //
};
use kasync::{
    block_on,
    cancelled,
    time::Delta,
    yield_now,
    Executor, //
};
use kernel::{
    error::code,
    host::World, //
};
use std::{
    future::poll_fn,
    sync::{
        Arc,
        Mutex, //
    },
    task::{
        Poll,
        Waker, //
    }, //
};

#[test]
fn output_reaches_the_handle() {
    manual(|world, executor| {
        let handle = executor.root().spawn(c"t", async { String::from("out") });
        let handle = handle.unwrap();
        assert!(!handle.is_finished());
        world.run();
        assert!(handle.is_finished());
        assert_eq!(block_on(handle), Ok(String::from("out")));
    });
}

/// H1, contract 2: any number of wakes before a poll are one poll, a wake during a poll causes
/// exactly one more.
#[test]
fn wakes_coalesce() {
    manual(|world, executor| {
        let polls = Count::default();
        let waker: Arc<Mutex<Option<Waker>>> = Arc::default();
        let (p, w) = (polls.clone(), waker.clone());
        let handle = executor.root().spawn(
            c"t",
            poll_fn(move |cx| {
                p.add();
                *w.lock().unwrap() = Some(cx.waker().clone());
                match p.get() {
                    // Woken during the poll, twice.
                    1 => {
                        cx.waker().wake_by_ref();
                        let waker = cx.waker().clone();
                        std::thread::yield_now();
                        waker.wake();
                        Poll::Pending
                    }
                    4 => Poll::Ready(()),
                    _ => Poll::Pending,
                }
            }),
        );
        assert_eq!(world.run(), 2);
        assert_eq!(polls.get(), 2);
        for _ in 0..100 {
            waker.lock().unwrap().as_ref().unwrap().wake_by_ref();
        }
        assert_eq!(world.run(), 1);
        assert_eq!(polls.get(), 3);
        waker.lock().unwrap().take().unwrap().wake();
        world.run();
        assert!(handle.unwrap().is_finished());
    });
}

/// H2, H5: wakers outlive the task, even the executor; they do nothing then, and the last one
/// frees.
#[test]
fn waker_outlives_everything() {
    let world = World::manual();
    let _entered = world.enter();
    let executor = Executor::new(c"test").unwrap();
    let waker: Arc<Mutex<Option<Waker>>> = Arc::default();
    let dropped = Count::default();
    let (w, d) = (waker.clone(), OnDrop(dropped.clone()));
    let task = async move {
        let _d = d;
        poll_fn(|cx| {
            *w.lock().unwrap() = Some(cx.waker().clone());
            Poll::Ready(())
        })
        .await
    };
    executor.root().spawn(c"t", task).unwrap().detach();
    world.run();
    // The future is gone although the task's memory is not.
    assert_eq!(dropped.get(), 1);
    let waker = waker.lock().unwrap().take().unwrap();
    waker.wake_by_ref();
    assert_eq!(world.run(), 0);
    drop(executor);
    assert_eq!(world.live_allocations(), 1);
    waker.wake_by_ref();
    waker.wake();
    assert_eq!(world.live_allocations(), 0);
}

/// H2, H12: a wake in the last poll queues the task once more, and that run does not poll.
#[test]
fn no_poll_after_ready() {
    manual(|world, executor| {
        let polls = Count::default();
        let p = polls.clone();
        let task = poll_fn(move |cx| {
            p.add();
            cx.waker().wake_by_ref();
            Poll::Ready(())
        });
        executor.root().spawn(c"t", task).unwrap().detach();
        assert_eq!(world.run(), 2);
        assert_eq!(polls.get(), 1);
    });
}

/// R13: the output of a detached task is dropped by the worker, that of a held one by the handle;
/// once each.
#[test]
fn output_is_dropped_once() {
    manual(|world, executor| {
        for when in 0..4 {
            let dropped = Count::default();
            let d = OnDrop(dropped.clone());
            let handle = executor.root().spawn(c"t", async move { d }).unwrap();
            match when {
                0 => {
                    handle.detach();
                    world.run();
                }
                1 => {
                    world.run();
                    assert_eq!(dropped.get(), 0);
                    drop(handle);
                }
                2 => drop(block_on(handle)),
                _ => {
                    // The handle is dropped while its waker is registered.
                    let outer = async move {
                        drop(kasync::select(handle, async {}).await);
                    };
                    executor.root().spawn(c"o", outer).unwrap().detach();
                    world.run();
                }
            }
            assert_eq!(dropped.get(), 1, "case {when}");
        }
    });
}

/// R7, R13: reserve allocates, start does not; a reservation that is dropped drops its future.
#[test]
fn reserve_then_start() {
    manual(|world, executor| {
        let dropped = Count::default();
        let d = OnDrop(dropped.clone());
        let prepared = executor.root().reserve(c"t", async move {
            drop(d);
        });
        let prepared = prepared.unwrap();
        assert_eq!(world.run(), 0);
        let before = world.live_allocations();
        let handle = prepared.start();
        assert_eq!(world.live_allocations(), before);
        assert_eq!(world.run(), 1);
        assert_eq!(dropped.get(), 1);
        drop(handle);
        let d = OnDrop(dropped.clone());
        drop(executor.root().reserve(c"t", async move { drop(d) }));
        assert_eq!(world.run(), 0);
        assert_eq!(dropped.get(), 2);
    });
}

/// Every fallible path: each allocation fails once, nothing leaks, the future is dropped.
#[test]
fn allocation_failures() {
    let world = World::manual();
    let _entered = world.enter();
    for n in 0..4 {
        world.fail_allocation_after(n);
        assert_eq!(Executor::new(c"t").err(), Some(code::ENOMEM), "{n}");
        assert_eq!(world.live_allocations(), 0);
    }
    let executor = Executor::new(c"t").unwrap();
    let live = world.live_allocations();
    world.fail_allocation_after(0);
    assert_eq!(executor.root().child(c"c").err(), Some(code::ENOMEM));
    let dropped = Count::default();
    let d = OnDrop(dropped.clone());
    world.fail_allocation_after(0);
    let spawned = executor.root().spawn(c"t", async move { drop(d) });
    assert_eq!(spawned.err(), Some(code::ENOMEM));
    assert_eq!(dropped.get(), 1);
    for n in 0..2 {
        world.fail_allocation_after(n);
        assert_eq!(block_on(async {}), Err(code::ENOMEM));
    }
    for n in 0..2 {
        world.fail_allocation_after(n);
        let channel = kasync::sync::mpsc::channel::<u8>(3);
        assert_eq!(channel.err(), Some(code::ENOMEM));
    }
    world.fail_allocation_after(0);
    let channel = kasync::sync::oneshot::channel::<u8>();
    assert_eq!(channel.err(), Some(code::ENOMEM));
    assert_eq!(world.live_allocations(), live);
    executor.shutdown().unwrap();
}

/// Joining at teardown allocates nothing, and so does not fail without memory: neither a blocking
/// join that waits, nor a shutdown.
#[test]
fn joins_without_memory() {
    let world = World::manual();
    let _entered = world.enter();
    let executor = Executor::new(c"t").unwrap();
    let scope = executor.root().child(c"c").unwrap();
    let ended = Count::default();
    let e = ended.clone();
    let task = async move {
        yield_now().await;
        e.add();
    };
    scope.spawn(c"t", task).unwrap().detach();
    executor.root().spawn(c"t", cancelled()).unwrap().detach();
    let live = world.live_allocations();
    world.fail_allocation_after(0);
    assert_eq!(scope.join_blocking(), Ok(()));
    assert_eq!(ended.get(), 1);
    // Nothing is left to wait for.
    assert_eq!(scope.join_blocking(), Ok(()));
    assert!(world.live_allocations() < live);
    executor.shutdown().unwrap();
    // The failure is still to come.
    assert_eq!(block_on(async {}), Err(code::ENOMEM));
    drop((scope, executor));
    assert_eq!(world.live_allocations(), 0);
}

/// H12: a handle polled again after it was ready stays pending, with a report, and gives nothing
/// twice.
#[test]
fn handle_polled_after_ready() {
    manual(|world, executor| {
        let mut handle = executor.root().spawn(c"t", async { Box::new(5) }).unwrap();
        world.run();
        let check = async move {
            assert_eq!(*(&mut handle).await, 5);
            poll_fn(|cx| {
                let again = std::pin::Pin::new(&mut handle);
                assert!(std::future::Future::poll(again, cx).is_pending());
                Poll::Ready(())
            })
            .await
        };
        block_on(check).unwrap();
        assert_eq!(world.take_api_violations().len(), 1);
    });
}

/// R24: state, polls and wakes of each task, through its life.
#[test]
fn tasks_can_be_seen() {
    manual(|world, executor| {
        let table = || {
            let mut table = String::new();
            kasync::inspect::write_tasks(&mut table).unwrap();
            let rows: Vec<Vec<String>> = table
                .lines()
                .skip(1)
                .map(|l| l.split_whitespace().map(String::from).collect())
                .collect();
            rows
        };
        let at = |state: &str, polls: &str, wakes: &str, awaits: &str| {
            let path = "test/a?name?that?is?cut?off?";
            let row = ["t", state, polls, wakes, "3", awaits, path];
            vec![row.map(String::from).to_vec()]
        };
        let scope = executor.root().child(c"a name that is cut off somewhere");
        let scope = scope.unwrap();
        let place = format!("tests/basic.rs:{}", line!() + 3);
        let prepared = scope.reserve(c"t", async {
            yield_now().await;
            cancelled().await
        });
        world.advance(Delta::from_millis(3));
        assert_eq!(table(), at("prepared", "0", "0", "-"));
        let handle = prepared.unwrap().start();
        assert_eq!(table(), at("scheduled", "0", "0", "-"));
        world.step();
        assert_eq!(table(), at("scheduled", "1", "1", "-"));
        world.step();
        assert_eq!(table(), at("idle", "2", "1", &place));
        scope.cancel();
        assert_eq!(table(), at("scheduled", "2", "2", &place));
        world.run();
        assert!(handle.is_finished());
        assert!(table().is_empty());
    });
}

/// A task that waits is reported once, and again only if it has been polled meanwhile.
#[test]
fn stalls_are_reported_once() {
    manual(|world, executor| {
        let (tx, rx) = kasync::sync::oneshot::channel::<()>().unwrap();
        let place = format!("tests/basic.rs:{}", line!() - 1);
        let scope = executor.root().child(c"inner").unwrap();
        let handle = scope
            .spawn(c"waits", async {
                let _ = rx.await;
            })
            .unwrap();
        let prepared = scope.reserve(c"prepared", async {}).unwrap();
        world.run();
        // SAFETY: The only watch of this world.
        let _watch = unsafe { kasync::inspect::StallWatch::new(4) };
        let table = |_| {
            world.check_for_stalls();
            world.take_log().join("\n")
        };
        let reports = || (0..8).map(table).collect::<Vec<_>>();
        let found = reports();
        // The first check finds out how often it was polled.
        let is_stall =
            |r: &String| r.contains("waits") && r.contains(&place) && r.contains("test/inner");
        assert!(is_stall(&found[4]), "{found:?}");
        assert_eq!(
            found.iter().filter(|r| !r.is_empty()).count(),
            1,
            "{found:?}"
        );
        handle.wake();
        world.run();
        let again = reports();
        assert!(is_stall(&again[4]), "{again:?}");
        drop(prepared);
        drop(tx);
        world.run();
        assert!(handle.is_finished());
        assert!(reports().iter().all(String::is_empty));
    });
}
