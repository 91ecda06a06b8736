// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The futures that tasks await.

use kernel::prelude::*;

#[kunit_tests(kasync_leaves)]
mod tests {
    use crate::contexts::{
        counter,
        irq,
        reached,
        unless_cancelled,
        LIMIT, //
    };
    use kasync::{
        block_on,
        select,
        sync::{
            mpsc,
            Notify,
            Semaphore, //
        },
        time::{
            sleep,
            timeout,
            Delta,
            Instant, //
        },
        Either,
        Executor, //
    };
    use kernel::{
        prelude::*,
        sync::{
            atomic::{
                Full,
                Relaxed, //
            },
            Arc, //
        }, //
    };

    /// Contract 7: timers do not fire early, and a timeout cuts off what takes longer.
    #[test]
    fn timers() -> Result {
        let executor = Executor::new(c"timers")?;
        let handle = executor.root().spawn(c"t", async {
            let start = Instant::now();
            sleep(Delta::from_millis(3)).await;
            let slept = start.elapsed().as_nanos();
            let start = Instant::now();
            let late = timeout(Delta::from_millis(2), core::future::pending::<()>()).await;
            let cut = start.elapsed().as_nanos();
            let early = timeout(Delta::from_secs(100), sleep(Delta::from_micros(50))).await;
            (slept, cut, late, early)
        })?;
        let (slept, cut, late, early) = block_on(handle)?;
        check!(slept >= 3_000_000);
        check!(cut >= 2_000_000);
        check_eq!(late.is_err(), true);
        check_eq!(early.is_ok(), true);
        executor.shutdown()
    }

    /// H33, H6: sleeps are dropped at the very time at which they fire.
    #[test]
    fn sleep_dropped_while_firing() -> Result {
        let executor = Executor::new(c"sleep-drop")?;
        let fired = counter()?;
        let mut handles = KVec::new();
        for t in 0..8_i64 {
            let f = fired.clone();
            let task = async move {
                for i in 0..400_i64 {
                    // Both expire at about the same time; one of them is dropped.
                    let a = sleep(Delta::from_nanos(20_000 + 500 * (i % 40)));
                    let b = sleep(Delta::from_nanos(20_000 + 500 * ((i * 7 + t) % 40)));
                    match select(a, b).await {
                        Either::Left(()) | Either::Right(()) => f.fetch_add(1, Full),
                    };
                }
            };
            handles.push(executor.root().spawn(c"t", task)?, GFP_KERNEL)?;
        }
        for handle in handles {
            block_on(handle)?;
        }
        check_eq!(fired.load(Relaxed), 8 * 400);
        executor.shutdown()
    }

    /// Contract 7: values sent in hard interrupts arrive, all and in order.
    #[test]
    fn mpsc_from_interrupts() -> Result {
        const N: u32 = 2000;
        let executor = Executor::new(c"mpsc")?;
        let (tx, mut rx) = mpsc::channel::<u32>(16)?;
        let handle = executor.root().spawn(c"rx", async move {
            let (mut next, mut ok) = (0, true);
            while let Some(v) = rx.recv().await {
                ok &= v == next;
                next += 1;
            }
            ok && next == N
        })?;
        let mut full = 0_u32;
        for v in 0..N {
            let mut sent = false;
            while !sent {
                irq(|| sent = tx.try_send(v).is_ok());
                if !sent {
                    full += 1;
                    block_on(sleep(Delta::from_micros(20)))?;
                }
            }
        }
        drop(tx);
        check!(block_on(handle)?);
        pr_info!("mpsc_from_interrupts: the channel was full {full} times\n");
        executor.shutdown()
    }

    /// H24: permits are neither lost nor made up by requests that are dropped half way.
    #[test]
    fn semaphore_under_timeouts() -> Result {
        let executor = Executor::new(c"semaphore")?;
        let ring = Arc::new(Semaphore::new(7), GFP_KERNEL)?;
        let mut handles = KVec::new();
        for t in 0..6_usize {
            let ring = ring.clone();
            let task = async move {
                let mut got = 0_usize;
                for i in 0..200 {
                    let want = 1 + (i + t) % 5;
                    let limit = Delta::from_micros(10 + (i as i64 * 13) % 60);
                    if let Ok(permit) = timeout(limit, Semaphore::acquire_owned(&ring, want)).await
                    {
                        got += 1;
                        if i % 3 == 0 {
                            sleep(Delta::from_micros(15)).await;
                        }
                        drop(permit);
                    }
                }
                got
            };
            handles.push(executor.root().spawn(c"t", task)?, GFP_KERNEL)?;
        }
        let mut got = 0;
        for handle in handles {
            got += block_on(handle)?;
        }
        check!(got > 0);
        check_eq!(ring.available(), 7);
        executor.shutdown()
    }

    /// `Notify` from interrupts: one at a time, then all.
    #[test]
    fn notify_from_interrupts() -> Result {
        let executor = Executor::new(c"notify")?;
        let notify = Arc::new(Notify::new(), GFP_KERNEL)?;
        let (waiting, woken) = (counter()?, counter()?);
        for _ in 0..20 {
            let (n, i, w) = (notify.clone(), waiting.clone(), woken.clone());
            let task = async move {
                // The first is polled first, so a task that is counted waits.
                kasync::join!(n.notified(), async { i.fetch_add(1, Full) });
                w.fetch_add(1, Full);
            };
            let task = unless_cancelled(task);
            executor.root().spawn(c"t", task)?.detach();
        }
        reached(&waiting, 20)?;
        for _ in 0..5 {
            irq(|| notify.notify_one());
        }
        reached(&woken, 5)?;
        block_on(sleep(Delta::from_millis(5)))?;
        check_eq!(woken.load(Relaxed), 5);
        irq(|| notify.notify_waiters());
        reached(&woken, 20)?;
        executor.shutdown()
    }

    /// Many tasks wake each other in a ring, over all CPUs.
    #[test]
    fn ring_of_tasks() -> Result {
        const TASKS: usize = 16;
        const LAPS: u32 = 500;
        let executor = Executor::new(c"ring")?;
        let (first, mut rx) = mpsc::channel::<u32>(1)?;
        for _ in 0..TASKS {
            let (tx, next) = mpsc::channel::<u32>(1)?;
            let mut from = core::mem::replace(&mut rx, next);
            let task = async move {
                while let Some(v) = from.recv().await {
                    if tx.try_send(v).is_err() {
                        break;
                    }
                }
            };
            let task = unless_cancelled(task);
            executor.root().spawn(c"t", task)?.detach();
        }
        let first = async move {
            let mut laps = 0;
            while laps < LAPS && first.try_send(laps).is_ok() {
                if rx.recv().await != Some(laps) {
                    break;
                }
                laps += 1;
            }
            laps
        };
        let first = executor.root().spawn(c"first", unless_cancelled(first))?;
        check_eq!(block_on(timeout(LIMIT, first))?, Ok(Some(LAPS)));
        executor.shutdown()
    }
}
