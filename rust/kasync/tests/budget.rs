// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! H16: a task that is ready again and again lets the others have their turn, and nothing is lost
//! by that.

mod common;

use common::{
    manual,
    polled,
    Count, //
};
use kasync::{
    __budget_left,
    block_on,
    cancelled,
    consume_budget,
    poll_budget,
    select,
    sync::{
        mpsc,
        oneshot,
        watch,
        Notify,
        Semaphore, //
    },
    time::{
        sleep,
        timeout,
        Delta,
        Elapsed, //
    },
    Either, //
};
use kernel::alloc::flags::GFP_KERNEL;
use std::{
    future::{
        poll_fn,
        ready,
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

/// No hog does more than this before it is called endless.
const ENDLESS: usize = 100_000;

/// The number is what the documentation says, anew for each poll, and being pending costs nothing.
#[test]
fn units() {
    manual(|world, executor| {
        let (tx, mut rx) = mpsc::channel(1000).unwrap();
        let left = Arc::new(std::sync::Mutex::new(Vec::new()));
        let l = left.clone();
        let (task, polls) = polled(async move {
            let mut n = 0;
            loop {
                l.lock().unwrap().push(__budget_left().unwrap());
                match rx.recv().await {
                    Some(m) => assert_eq!(m, n),
                    None => return n,
                }
                n += 1;
            }
        });
        let task = executor.root().spawn(c"t", task).unwrap();
        world.run();
        assert_eq!((polls.get(), left.lock().unwrap().pop()), (1, Some(128)));
        (0..300).for_each(|n| tx.try_send(n).unwrap());
        assert_eq!(world.run(), 3);
        assert_eq!(polls.get(), 4);
        let all = left.lock().unwrap().clone();
        assert_eq!((all[0], all[126], all[127], all[128]), (127, 1, 0, 127));
        drop(tx);
        assert_eq!(block_on(task), Ok(300));
    });
}

/// A leaf is polled, or else its task is woken: never neither, never ready without a unit.
#[test]
fn own_leaves() {
    manual(|world, executor| {
        let asked = Count::default();
        let a = asked.clone();
        let (task, polls) = polled(async move {
            for _ in 0..1000 {
                poll_fn(|cx| {
                    poll_budget(cx, |_| {
                        a.add();
                        Poll::Ready(())
                    })
                })
                .await;
            }
        });
        let task = executor.root().spawn(c"t", task).unwrap();
        assert!(world.step());
        assert_eq!((asked.get(), polls.get()), (128, 1));
        assert_eq!(world.run(), 7);
        assert_eq!((asked.get(), polls.get()), (1000, 8));
        block_on(task).unwrap();
    });
}

/// A time limit cuts off what is ready for ever, and so do a cancellation and the other branch of a
/// `select`.
#[test]
fn eager_futures_are_cut_off() {
    async fn forever() {
        let ring = Semaphore::new(1);
        for _ in 0..ENDLESS {
            drop(ring.acquire(1).await);
        }
        panic!("not cut off");
    }
    manual(|world, executor| {
        let spawn = |f| executor.root().spawn(c"t", f).unwrap();
        let limit = spawn(Box::pin(async {
            assert_eq!(timeout(MS, forever()).await, Err(Elapsed));
        }) as Pin<Box<dyn Future<Output = ()> + Send>>);
        let sleeper = spawn(Box::pin(async {
            assert_eq!(select(forever(), sleep(MS)).await, Either::Right(()));
        }));
        let branches = spawn(Box::pin(async {
            kasync::select! {
                () = forever() => unreachable!(),
                () = sleep(MS) => (),
            }
        }));
        let third = spawn(Box::pin(async {
            kasync::select! {
                () = forever() => unreachable!(),
                () = forever() => unreachable!(),
                () = consume_budget() => (),
            }
        }));
        let asked = spawn(Box::pin(async {
            kasync::select! {
                () = cancelled() => (),
                () = forever() => unreachable!(),
            }
        }));
        for _ in 0..20 {
            world.step();
        }
        asked.cancel();
        world.advance(MS);
        for _ in 0..30 {
            world.step();
        }
        for task in [limit, sleeper, branches, third, asked] {
            assert!(task.is_finished());
        }
    });
}

/// H24: what a leaf was given while it was put off is passed on, or still there.
#[test]
fn nothing_is_lost_when_put_off() {
    /// Uses the budget up, then polls `f` once.
    async fn put_off<F: Future + Unpin>(mut f: F) -> F {
        let ring = Semaphore::new(1);
        while __budget_left() != Some(0) {
            drop(ring.acquire(1).await);
        }
        poll_fn(|cx| {
            assert!(Pin::new(&mut f).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        f
    }
    manual(|_, executor| {
        let root = executor.root();
        // A value stays in its channel.
        let (tx, mut rx) = mpsc::channel(2).unwrap();
        tx.try_send(7).unwrap();
        let task = root.spawn(c"t", async move {
            drop(put_off(rx.recv()).await);
            rx.recv().await
        });
        assert_eq!(block_on(task.unwrap()), Ok(Some(7)));
        let (tx, rx) = oneshot::channel().unwrap();
        tx.send(8).unwrap();
        let task = root.spawn(c"t", async move { put_off(rx).await.await });
        assert_eq!(block_on(task.unwrap()), Ok(Ok(8)));
        // A change has not been seen.
        let (tx, mut rx) = watch::channel(0).unwrap();
        tx.send(9).unwrap();
        let task = root.spawn(c"t", async move {
            drop(put_off(Box::pin(rx.changed())).await);
            rx.changed().await.map(|()| rx.get())
        });
        assert_eq!(block_on(task.unwrap()), Ok(Ok(9)));
        // An output stays with its task.
        let done = root.spawn(c"t", ready(10)).unwrap();
        let task = root.spawn(c"t", async move { put_off(done).await.await });
        assert_eq!(block_on(task.unwrap()), Ok(10));
        // A notification and permits that were given go to the next in line.
        let notify = Notify::new();
        let ring = kernel::sync::Arc::new(Semaphore::new(0), GFP_KERNEL).unwrap();
        let mut first = Box::pin(notify.notified());
        let mut permit = Box::pin(Semaphore::acquire_owned(&ring, 2));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut cx).is_pending());
        assert!(permit.as_mut().poll(&mut cx).is_pending());
        notify.notify_one();
        ring.add_permits(2);
        assert_eq!(ring.available(), 0);
        let task = root.spawn(c"t", async move { drop(put_off(permit).await) });
        block_on(task.unwrap()).unwrap();
        assert_eq!(ring.available(), 2);
        drop(first);
        assert!(pin!(notify.notified()).poll(&mut cx).is_ready());
    });
}

/// Threads have no budget, as no task waits behind them in a batch.
#[test]
fn threads_have_none() {
    manual(|_, _| {
        let (f, polls) = polled(async {
            let ring = Semaphore::new(1);
            for _ in 0..1000 {
                drop(ring.acquire(1).await);
            }
            __budget_left()
        });
        assert_eq!(block_on(f), Ok(None));
        assert_eq!(polls.get(), 1);
    });
}

/// A loop of time limits that are over at once comes to the end of its budget as well.
#[test]
fn limits_that_are_over_at_once() {
    manual(|_, executor| {
        let (task, polls) = polled(async {
            for _ in 0..1000 {
                let limit = timeout(Delta::from_nanos(0), std::future::pending::<()>());
                assert_eq!(limit.await, Err(Elapsed));
            }
        });
        block_on(executor.root().spawn(c"limits", task).unwrap()).unwrap();
        assert_eq!(polls.get(), 1000_usize.div_ceil(128 + 16));
    });
}

/// A task that awaits the same cancellation again and again gives its worker back.
#[test]
fn cancelled_again_and_again() {
    manual(|world, executor| {
        const TIMES: usize = 1000;
        for of_task in [true, false] {
            let scope = executor.root().child(c"s").unwrap();
            let other = executor.root().child(c"other").unwrap();
            let asked = other.clone();
            let task = async move {
                for _ in 0..TIMES {
                    if of_task {
                        cancelled().await;
                    } else {
                        asked.cancelled().await;
                    }
                }
            };
            let task = scope.spawn(c"t", task).unwrap();
            world.run();
            scope.cancel();
            other.cancel();
            let polls = world.run();
            assert!(task.is_finished());
            assert!(polls > TIMES / 200, "{polls} polls");
            block_on(task).unwrap();
        }
    });
}
