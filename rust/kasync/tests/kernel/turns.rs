// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! H16: a task that is ready again and again lets the others have their turn. H24: what a time
//! limit cuts off loses nothing.

use kernel::prelude::*;

#[kunit_tests(kasync_turns)]
mod tests {
    use crate::contexts::{
        counter,
        irq,
        on_processor,
        processor,
        reached,
        unless_cancelled,
        Polled,
        LIMIT, //
    };
    use core::{
        future::poll_fn,
        task::Poll, //
    };
    use kasync::{
        block_on,
        consume_budget,
        next,
        poll_budget,
        sync::{
            mpsc,
            watch,
            AtomicWaker,
            Notify,
            Semaphore, //
        },
        time::{
            sleep,
            timeout,
            Delta, //
        },
        yield_now,
        Executor,
        FutureSet,
        Priority, //
    };
    use kernel::{
        prelude::*,
        sync::{
            atomic::{
                Atomic,
                Full,
                Relaxed, //
            },
            Arc, //
        }, //
    };

    /// H16: more tasks than processors are ready for ever, each on another leaf. They are polled
    /// again and again, in short polls, and others have their turn.
    #[test]
    fn eager_tasks_take_turns() -> Result {
        const HOGS: usize = 12;
        let executor = Executor::new(c"eager")?;
        let (stop, steps, polls) = (counter()?, counter()?, counter()?);
        let mut hogs = KVec::new();
        for n in 0..HOGS {
            let (stop, steps) = (stop.clone(), steps.clone());
            let (ring, notify) = (Semaphore::new(1), Notify::new());
            let (tx, mut rx) = mpsc::channel::<u32>(1)?;
            let (latest, mut changes) = watch::channel(0_u32)?;
            let mut set = FutureSet::<core::future::Ready<()>, 1>::new()?;
            let hog = async move {
                while stop.load(Relaxed) == 0 {
                    match n % 6 {
                        0 => drop(ring.acquire(1).await),
                        1 => {
                            let _ = tx.try_send(1);
                            rx.recv().await;
                        }
                        2 => {
                            notify.notify_one();
                            notify.notified().await;
                        }
                        3 => {
                            let _ = latest.send(1);
                            let _ = changes.changed().await;
                        }
                        4 => {
                            let _ = set.push(core::future::ready(()));
                            next(&mut set).await;
                        }
                        _ => consume_budget().await,
                    }
                    steps.fetch_add(1, Full);
                }
            };
            let hog = unless_cancelled(Polled(KBox::pin(hog, GFP_KERNEL)?, polls.clone()));
            hogs.push(executor.root().spawn(c"hog", hog)?, GFP_KERNEL)?;
        }
        let other = executor.root().spawn(c"other", async {
            for _ in 0..50 {
                yield_now().await;
                sleep(Delta::from_micros(100)).await;
            }
        })?;
        let in_time = block_on(timeout(LIMIT, other))?.is_ok();
        stop.store(1, Relaxed);
        for hog in hogs {
            block_on(hog)?;
        }
        let (steps, polls) = (steps.load(Relaxed), polls.load(Relaxed));
        pr_info!("eager_tasks_take_turns: {steps} steps in {polls} polls\n");
        check!(in_time);
        check!(polls >= steps / 128);
        executor.shutdown()
    }

    /// H16: a time limit cuts off what is always ready.
    #[test]
    fn eager_futures_are_cut_off() -> Result {
        let executor = Executor::new(c"cut-off")?;
        let task = executor.root().spawn(c"t", async {
            let forever = async {
                loop {
                    poll_fn(|cx| poll_budget(cx, |_| Poll::Ready(()))).await;
                }
            };
            timeout(Delta::from_millis(3), forever).await.is_err()
        })?;
        let result = block_on(timeout(LIMIT, task))?.ok();
        check_eq!(result, Some(true));
        executor.shutdown()
    }

    /// H24: values come in interrupts, while receives are dropped half way by time limits. All
    /// arrive, in order.
    #[test]
    fn receives_under_timeouts() -> Result {
        const N: u32 = 1000;
        let executor = Executor::new(c"receives")?;
        let (tx, mut rx) = mpsc::channel::<u32>(8)?;
        let (latest, mut changes) = watch::channel(0_u32)?;
        let task = executor.root().spawn(c"rx", async move {
            let (mut want, mut dropped) = (0, 0_u32);
            while want < N {
                let limit = Delta::from_micros(i64::from(5 + want % 30));
                match timeout(limit, rx.recv()).await {
                    Ok(Some(n)) if n == want => want += 1,
                    Ok(_) => break,
                    Err(_) => dropped += 1,
                }
                // A change that was not seen is still there.
                let _ = timeout(limit, changes.changed()).await;
            }
            let mut last = changes.get();
            while last < N {
                if changes.changed().await.is_err() {
                    break;
                }
                last = changes.get();
            }
            (want, last, dropped)
        })?;
        for n in 0..N {
            let mut sent = false;
            while !sent && !task.is_finished() {
                irq(|| {
                    sent = tx.try_send(n).is_ok();
                    let _ = latest.send(n + 1);
                });
                if !sent {
                    block_on(sleep(Delta::from_micros(30)))?;
                }
            }
        }
        let (values, last, dropped) = block_on(timeout(LIMIT, task))?.map_err(|_| ETIME)?;
        pr_info!("receives_under_timeouts: {dropped} receives were dropped\n");
        check_eq!((values, last), (N, N));
        executor.shutdown()
    }

    /// H16: a thread wakes a task whose own thread takes the processor from it at once. The task
    /// registers for the next wake, which does not depend on the thread that has lost the processor
    /// in the middle of the last one: it is not polled again and again until that goes on.
    #[test]
    fn woken_by_a_preempted_thread() -> Result {
        const ROUNDS: usize = 8;
        let executor = Executor::with_priority(c"preempts", Priority::Realtime)?;
        let news = Arc::new(AtomicWaker::new(), GFP_KERNEL)?;
        let (told, seen, polls) = (counter()?, counter()?, counter()?);
        let place = Arc::new(Atomic::<i32>::new(-1), GFP_KERNEL)?;
        let (n, t, s, p, at) = (
            news.clone(),
            told.clone(),
            seen.clone(),
            polls.clone(),
            place.clone(),
        );
        let reader = executor.root().spawn(
            c"reader",
            unless_cancelled(poll_fn(move |cx| {
                at.store(processor(), Relaxed);
                p.fetch_add(1, Full);
                n.register(cx);
                let told = t.load(Relaxed);
                s.store(told, Relaxed);
                match told {
                    ROUNDS => Poll::Ready(()),
                    _ => Poll::Pending,
                }
            })),
        )?;
        reached(&polls, 1)?;
        for round in 1..=ROUNDS {
            on_processor(place.load(Relaxed), || {
                told.store(round, Relaxed);
                news.wake();
            })?;
            reached(&seen, round)?;
        }
        let ended = block_on(timeout(LIMIT, reader))?.map_err(|_| ETIME)?;
        executor.shutdown()?;
        check!(ended.is_some() && polls.load(Relaxed) <= 100 * ROUNDS);
        Ok(())
    }
}
