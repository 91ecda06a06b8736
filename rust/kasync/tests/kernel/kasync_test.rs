// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! KUnit tests of the executor inside the kernel: real workqueues, real interrupts, lockdep and KASAN.
//!
//! Loading the module runs them; results are in the log and in debugfs, `kunit/kasync/results`. Assertions
//! in tasks would not fail a test, so tasks hand their findings to the test's own thread.

use kernel::prelude::*;

mod contexts;

use contexts::{
    expect_misuse,
    misuse_outstanding, //
};
use kasync::{
    cancelled,
    time::{
        sleep,
        Delta, //
    },
    Executor, //
};

/// Leaves a task behind that keeps its own executor alive, which no owner will ever shut down: unloading has to
/// wait for it.
struct KasyncTest(());

module! {
    type: KasyncTest,
    name: "kasync_test",
    authors: ["The asahi-async authors"],
    description: "Tests of kasync",
    license: "Dual MIT/GPL",
}

impl kernel::Module for KasyncTest {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        if misuse_outstanding() != 0 {
            pr_err!("the task left behind was not reported when the module went last time\n");
            return Err(EIO);
        }
        let executor = Executor::new(c"left-behind")?;
        let own = executor.clone();
        let task = async move {
            cancelled().await;
            // Long enough for the module to be gone, if nothing waits.
            sleep(Delta::from_millis(200)).await;
            pr_info!("the task left behind has ended\n");
            drop(own);
        };
        executor.root().spawn(c"left-behind", task)?.detach();
        Ok(Self(()))
    }
}

impl Drop for KasyncTest {
    fn drop(&mut self) {
        // Reported by kasync after this, when the module is about to go.
        expect_misuse(1);
    }
}

#[kunit_tests(kasync)]
mod tests {
    use super::contexts::{
        all_cpus,
        expect_misuse,
        in_hardirq,
        irq,
        misuse_outstanding,
        under_fence_lock,
        IrqTimer, //
    };
    use core::{
        future::poll_fn,
        task::{
            Poll,
            Waker, //
        }, //
    };
    use kasync::{
        block_on,
        cancelled,
        join,
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
            Delta,
            Elapsed,
            Instant, //
        },
        yield_now,
        Either,
        Executor,
        JoinHandle,
        Scope,
        SignallingSection, //
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

    type Counter = Arc<Atomic<usize>>;

    fn counter() -> Result<Counter> {
        Ok(Arc::new(Atomic::new(0_usize), GFP_KERNEL)?)
    }

    /// A task that is woken by what it hands out, and the waker of it.
    fn wakeable(scope: &Scope, polls: &Counter) -> Result<(JoinHandle<()>, Waker, Counter)> {
        let (tx, rx) = oneshot::channel::<Waker>()?;
        let stop = counter()?;
        let (p, s) = (polls.clone(), stop.clone());
        let mut tx = Some(tx);
        let handle = scope.spawn(
            c"wakeable",
            poll_fn(move |cx| {
                p.fetch_add(1, Full);
                if let Some(tx) = tx.take() {
                    let _ = tx.send(cx.waker().clone());
                }
                if s.load(Relaxed) == 1 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }),
        )?;
        let waker = block_on(rx)?.map_err(|_| EIO)?;
        Ok((handle, waker, stop))
    }

    #[test]
    fn output_comes_back() -> Result {
        let executor = Executor::new(c"output")?;
        let handle = executor.root().spawn(c"sum", async {
            yield_now().await;
            1 + 2
        })?;
        assert_eq!(block_on(handle)?, 3);
        executor.shutdown()
    }

    /// H1, H5, H8, contract 2: wakes from a timer interrupt, irq_work and a fence callback.
    #[test]
    fn wakes_from_interrupts() -> Result {
        let executor = Executor::new(c"irq-wakes")?;
        let polls = counter()?;
        let (handle, waker, stop) = wakeable(executor.root(), &polls)?;
        let hard = counter()?;

        let mut rounds = 0;
        let mut awaited = true;
        for round in 0..300 {
            let before = polls.load(Relaxed);
            let (w, h) = (waker.clone(), hard.clone());
            let wake = move || {
                h.fetch_add(usize::from(in_hardirq()), Full);
                w.wake_by_ref();
                w.wake_by_ref();
            };
            match round % 3 {
                0 => irq(wake),
                1 => under_fence_lock(wake)?,
                _ => {
                    let timer = IrqTimer::start(10_000, wake)?;
                    while polls.load(Relaxed) == before {
                        block_on(sleep(Delta::from_micros(10)))?;
                    }
                    drop(timer);
                }
            }
            rounds += 1;
            // Awaited, not assumed: the poll comes.
            let polled = async {
                while polls.load(Relaxed) == before {
                    sleep(Delta::from_micros(10)).await;
                }
            };
            awaited &= block_on(timeout(Delta::from_secs(20), polled))?.is_ok();
        }
        assert!(awaited);
        assert_eq!(hard.load(Relaxed), rounds);

        // The last waker is dropped in an interrupt, after the task has ended.
        stop.store(1, Relaxed);
        irq(|| waker.wake_by_ref());
        block_on(handle)?;
        let mut last = Some(waker);
        let timer = IrqTimer::start(10_000, move || drop(last.take()))?;
        block_on(sleep(Delta::from_millis(2)))?;
        drop(timer);
        executor.shutdown()
    }

    /// H1: interrupts on all CPUs wake the same tasks again and again; each sees the last wake.
    #[test]
    fn wakes_from_all_cpus() -> Result {
        const TASKS: usize = 8;
        const ROUNDS: usize = 2000;
        let executor = Executor::new(c"all-cpus")?;
        let round = counter()?;
        let mut handles = KVec::new();
        let mut wakers = KVec::new();
        for _ in 0..TASKS {
            let (tx, rx) = oneshot::channel::<Waker>()?;
            let (r, mut tx) = (round.clone(), Some(tx));
            let task = poll_fn(move |cx| {
                if let Some(tx) = tx.take() {
                    let _ = tx.send(cx.waker().clone());
                }
                if r.load(Relaxed) == ROUNDS {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            });
            handles.push(executor.root().spawn(c"t", task)?, GFP_KERNEL)?;
            wakers.push(block_on(rx)?.map_err(|_| EIO)?, GFP_KERNEL)?;
        }
        for n in 1..=ROUNDS {
            round.store(n, Relaxed);
            all_cpus(|| wakers.iter().for_each(|w| w.wake_by_ref()));
        }
        let mut ended = 0;
        for handle in handles {
            ended += usize::from(block_on(timeout(Delta::from_secs(20), handle))?.is_ok());
        }
        assert_eq!(ended, TASKS);
        drop(wakers);
        executor.shutdown()
    }

    /// Contract 5: cancel from an interrupt reaches a subtree of a thousand tasks, and join waits for all.
    #[test]
    fn cancel_and_join() -> Result {
        let executor = Executor::new(c"cancel")?;
        let device = executor.root().child(c"device")?;
        let other = executor.root().child(c"other")?;
        let (ended, stray) = (counter()?, counter()?);
        let mut scopes = KVec::new();
        for _ in 0..10 {
            let file = device.child(c"file")?;
            for _ in 0..100 {
                let e = ended.clone();
                let task = async move {
                    cancelled().await;
                    // Cleaning up may take time.
                    sleep(Delta::from_micros(100)).await;
                    e.fetch_add(1, Full);
                };
                file.spawn(c"queue", task)?.detach();
            }
            scopes.push(file, GFP_KERNEL)?;
        }
        let s = stray.clone();
        let bystander = other.spawn(c"bystander", async move {
            cancelled().await;
            s.fetch_add(1, Full);
        })?;
        // Somebody outside waits for the cancellation.
        let d = device.clone();
        let watcher = other.spawn(c"watcher", async move { d.cancelled().await })?;
        // Dropped handles change nothing.
        drop(scopes);
        block_on(sleep(Delta::from_millis(5)))?;
        assert_eq!(ended.load(Relaxed), 0);
        irq(|| device.cancel());
        irq(|| device.cancel());
        device.join_blocking()?;
        assert_eq!(ended.load(Relaxed), 1000);
        assert!(block_on(timeout(Delta::from_secs(20), watcher))?.is_ok());
        assert_eq!(stray.load(Relaxed), 0);
        assert!(!other.is_cancelled());
        let refused = device.spawn(c"late", async {});
        assert_eq!(
            refused.err().map(|e| e.to_errno()),
            Some(ECANCELED.to_errno())
        );
        assert!(device.child(c"late").is_err());
        drop(bystander);
        executor.shutdown()?;
        assert_eq!(stray.load(Relaxed), 1);
        Ok(())
    }

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
        assert!(slept >= 3_000_000);
        assert!(cut >= 2_000_000);
        assert_eq!(late.is_err(), true);
        assert_eq!(early.is_ok(), true);
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
        assert_eq!(fired.load(Relaxed), 8 * 400);
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
        assert!(block_on(handle)?);
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
                    if let Ok(permit) = timeout(limit, ring.acquire_owned(want)).await {
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
        assert!(got > 0);
        assert_eq!(ring.available(), 7);
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
                // The first is polled first, so who is counted waits.
                join(n.notified(), async { i.fetch_add(1, Full) }).await;
                w.fetch_add(1, Full);
            };
            executor.root().spawn(c"t", task)?.detach();
        }
        while waiting.load(Relaxed) < 20 {
            block_on(sleep(Delta::from_micros(50)))?;
        }
        for _ in 0..5 {
            irq(|| notify.notify_one());
        }
        let reached = |n| {
            let w = woken.clone();
            block_on(timeout(Delta::from_secs(20), async move {
                while w.load(Relaxed) < n {
                    sleep(Delta::from_micros(50)).await;
                }
            }))
        };
        assert!(reached(5)?.is_ok());
        block_on(sleep(Delta::from_millis(5)))?;
        assert_eq!(woken.load(Relaxed), 5);
        irq(|| notify.notify_waiters());
        assert!(reached(20)?.is_ok());
        executor.shutdown()
    }

    /// H15, R15: blocking in a poll is refused with an error and a report.
    #[test]
    fn misuse_is_refused() -> Result {
        let executor = Executor::new(c"misuse")?;
        let scope = executor.root().child(c"scope")?;
        expect_misuse(4);
        let (own, e) = (scope.clone(), executor.clone());
        let handle = scope.spawn(c"t", async move {
            let joined = own.join_blocking();
            let blocked = block_on(async {});
            let shut = e.shutdown();
            let deadlock = own.join().await;
            let section = SignallingSection::with(|_| ());
            (joined, blocked, shut, deadlock, section)
        })?;
        let (joined, blocked, shut, deadlock, section) = block_on(handle)?;
        assert_eq!(misuse_outstanding(), 0);
        for refused in [joined, blocked, shut, deadlock] {
            assert_eq!(
                refused.err().map(|e| e.to_errno()),
                Some(EDEADLK.to_errno())
            );
        }
        assert!(section.is_ok());
        expect_misuse(1);
        assert!(SignallingSection::with(|_| ()).is_err());
        assert_eq!(misuse_outstanding(), 0);
        executor.shutdown()
    }

    /// H2, H3: executors are shut down while timers and other CPUs still wake their tasks.
    #[test]
    fn wakes_during_shutdown() -> Result {
        for round in 0..100_u64 {
            let executor = Executor::new(c"shutdown")?;
            let polls = counter()?;
            let (handle, waker, stop) = wakeable(executor.root(), &polls)?;
            let w = waker.clone();
            let timer = IrqTimer::start(20_000 + 1000 * (round % 50), move || {
                for _ in 0..20 {
                    w.wake_by_ref();
                }
            })?;
            stop.store(1, Relaxed);
            waker.wake();
            handle.detach();
            // Joins, waits for the wakes and destroys the queue.
            drop(executor);
            drop(timer);
        }
        Ok(())
    }

    /// H31: the last handle of an executor goes inside a poll of its own, and in a hard interrupt.
    #[test]
    fn executor_dropped_anywhere() -> Result {
        let (tx, rx) = oneshot::channel()?;
        let executor = Executor::new(c"own-poll")?;
        let own = executor.clone();
        let task = async move {
            yield_now().await;
            drop(own);
            let _ = tx.send(());
            cancelled().await;
            yield_now().await;
        };
        let handle = executor.root().spawn(c"t", task)?;
        drop(executor);
        // One of the two drops was the last; either way the task is cancelled and ends.
        assert!(block_on(timeout(Delta::from_secs(20), rx))?.is_ok());
        assert!(block_on(timeout(Delta::from_secs(20), handle))?.is_ok());

        let executor = Executor::new(c"interrupt")?;
        let handle = executor.root().spawn(c"t", cancelled())?;
        let mut last = Some(executor);
        let timer = IrqTimer::start(10_000, move || drop(last.take()))?;
        assert!(block_on(timeout(Delta::from_secs(20), handle))?.is_ok());
        drop(timer);
        Ok(())
    }

    /// R7: a reserved task is started in hard interrupt context.
    #[test]
    fn start_in_interrupt() -> Result {
        let executor = Executor::new(c"start")?;
        let mut prepared = Some(executor.root().reserve(c"t", async { 5 })?);
        let mut handle = None;
        irq(|| handle = prepared.take().map(|p| p.start()));
        assert_eq!(block_on(handle.ok_or(EIO)?)?, 5);
        // One that is never started counts until it is dropped.
        let prepared = executor.root().reserve(c"t", async {})?;
        let mut join = KBox::pin(executor.root().join(), GFP_KERNEL)?;
        let early = block_on(timeout(Delta::from_millis(2), join.as_mut()))?;
        assert!(matches!(early, Err(Elapsed)));
        drop(prepared);
        block_on(join)??;
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
            executor.root().spawn(c"t", task)?.detach();
        }
        let handle = executor.root().spawn(c"first", async move {
            let mut laps = 0;
            while laps < LAPS && first.try_send(laps).is_ok() {
                if rx.recv().await != Some(laps) {
                    break;
                }
                laps += 1;
            }
            laps
        })?;
        assert_eq!(
            block_on(timeout(Delta::from_secs(60), handle))?.ok(),
            Some(LAPS)
        );
        executor.shutdown()
    }
}
