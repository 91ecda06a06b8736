// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tasks, wakes, scopes and executors.

use kernel::prelude::*;

#[kunit_tests(kasync_tasks)]
mod tests {
    use crate::contexts::{
        all_cpus,
        counter,
        in_hardirq,
        irq,
        is_fifo,
        nice,
        reached,
        under_fence_lock,
        unless_cancelled,
        Counter,
        Expected,
        IrqTimer,
        FENCES_IN_HARDIRQ,
        LIMIT, //
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
        sync::oneshot,
        time::{
            sleep,
            timeout,
            Delta,
            Elapsed, //
        },
        yield_now,
        Executor,
        JoinHandle,
        Priority,
        Scope,
        SignallingSection, //
    };
    use kernel::{
        prelude::*,
        sync::atomic::{
            Full,
            Relaxed, //
        }, //
    };

    /// A task that is woken by what it hands out, and the waker of it.
    fn wakeable(
        scope: &Scope,
        polls: &Counter,
    ) -> Result<(JoinHandle<Option<()>>, Waker, Counter)> {
        let (tx, rx) = oneshot::channel::<Waker>()?;
        let stop = counter()?;
        let (p, s) = (polls.clone(), stop.clone());
        let mut tx = Some(tx);
        let task = poll_fn(move |cx| {
            p.fetch_add(1, Full);
            if let Some(tx) = tx.take() {
                let _ = tx.send(cx.waker().clone());
            }
            if s.load(Relaxed) == 1 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        let handle = scope.spawn(c"wakeable", unless_cancelled(task))?;
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
        check_eq!(block_on(handle)?, 3);
        executor.shutdown()
    }

    fn each_priority(test: fn(Priority) -> Result) -> Result {
        test(Priority::Normal)?;
        test(Priority::High)?;
        test(Priority::Realtime)
    }

    /// Workers of an urgent executor come before threads, those of another do not. The thread of a
    /// real-time one comes before both.
    #[test]
    fn priorities_are_those_of_workers() -> Result {
        each_priority(|priority| {
            let executor = Executor::with_priority(c"priority", priority)?;
            let handle = executor.root().spawn(c"nice", async {
                // So that it is polled by a worker, and not where it was spawned.
                yield_now().await;
                (nice() < 0, is_fifo())
            })?;
            let (before_threads, fifo) = block_on(handle)?;
            check_eq!(before_threads, priority == Priority::High);
            check_eq!(fifo, priority == Priority::Realtime);
            executor.shutdown()
        })
    }

    /// H1, H5, H8, contract 2: wakes from a timer interrupt, irq_work and a fence callback, all in
    /// hard interrupts but, on PREEMPT_RT, those of fences.
    #[test]
    fn wakes_from_interrupts() -> Result {
        each_priority(wakes_from_interrupts_at)
    }

    fn wakes_from_interrupts_at(priority: Priority) -> Result {
        let executor = Executor::with_priority(c"irq-wakes", priority)?;
        let polls = counter()?;
        let (handle, waker, stop) = wakeable(executor.root(), &polls)?;
        let (hard, noted, woken) = (counter()?, counter()?, counter()?);

        let mut expected = 0;
        for round in 0..300 {
            let (w, h, p) = (waker.clone(), hard.clone(), polls.clone());
            let (noted_by, woken_by) = (noted.clone(), woken.clone());
            let wake = move || {
                h.fetch_add(usize::from(in_hardirq()), Full);
                // The second wake of the round before may still give a poll. It counts no more.
                noted_by.store(p.load(Relaxed), Relaxed);
                w.wake_by_ref();
                w.wake_by_ref();
                woken_by.fetch_add(1, Full);
            };
            match round % 3 {
                0 => irq(wake),
                1 => under_fence_lock(wake)?,
                _ => {
                    let timer = IrqTimer::start(10_000, wake)?;
                    // Dropped before it fires, it never does.
                    reached(&woken, round + 1)?;
                    drop(timer);
                }
            }
            expected += usize::from(FENCES_IN_HARDIRQ || round % 3 != 1);
            // Awaited, not assumed: the poll comes.
            reached(&polls, noted.load(Relaxed) + 1)?;
        }
        check_eq!(woken.load(Relaxed), 300);
        check_eq!(hard.load(Relaxed), expected);

        // The last waker is dropped in an interrupt, after the task has ended.
        stop.store(1, Relaxed);
        irq(|| waker.wake_by_ref());
        block_on(handle)?;
        let dropped = counter()?;
        let (mut last, d) = (Some(waker), dropped.clone());
        let timer = IrqTimer::start(10_000, move || {
            drop(last.take());
            d.fetch_add(1, Full);
        })?;
        reached(&dropped, 1)?;
        drop(timer);
        executor.shutdown()
    }

    /// H1: interrupts on all CPUs wake the same tasks again and again; each sees the last wake.
    #[test]
    fn wakes_from_all_cpus() -> Result {
        each_priority(wakes_from_all_cpus_at)
    }

    fn wakes_from_all_cpus_at(priority: Priority) -> Result {
        const TASKS: usize = 8;
        const ROUNDS: usize = 2000;
        let executor = Executor::with_priority(c"all-cpus", priority)?;
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
            let task = executor.root().spawn(c"t", unless_cancelled(task))?;
            handles.push(task, GFP_KERNEL)?;
            wakers.push(block_on(rx)?.map_err(|_| EIO)?, GFP_KERNEL)?;
        }
        for n in 1..=ROUNDS {
            round.store(n, Relaxed);
            all_cpus(|| wakers.iter().for_each(|w| w.wake_by_ref()));
        }
        let mut ended = 0;
        for handle in handles {
            ended += usize::from(block_on(timeout(LIMIT, handle))? == Ok(Some(())));
        }
        check_eq!(ended, TASKS);
        drop(wakers);
        executor.shutdown()
    }

    /// Contract 5: cancel from an interrupt reaches a subtree of a thousand tasks, and join waits
    /// for all.
    #[test]
    fn cancel_and_join() -> Result {
        each_priority(cancel_and_join_at)
    }

    fn cancel_and_join_at(priority: Priority) -> Result {
        let executor = Executor::with_priority(c"cancel", priority)?;
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
        // A thread waits for the cancellation.
        let d = device.clone();
        let watcher = other.spawn(c"watcher", async move { d.cancelled().await })?;
        // Dropped handles change nothing.
        drop(scopes);
        block_on(sleep(Delta::from_millis(5)))?;
        check_eq!(ended.load(Relaxed), 0);
        irq(|| device.cancel());
        irq(|| device.cancel());
        device.join_blocking()?;
        check_eq!(ended.load(Relaxed), 1000);
        check!(block_on(timeout(LIMIT, watcher))?.is_ok());
        check_eq!(stray.load(Relaxed), 0);
        check!(!other.is_cancelled());
        let refused = device.spawn(c"late", async {});
        check_eq!(
            refused.err().map(|e| e.to_errno()),
            Some(ECANCELED.to_errno())
        );
        check!(device.child(c"late").is_err());
        drop(bystander);
        executor.shutdown()?;
        check_eq!(stray.load(Relaxed), 1);
        Ok(())
    }

    /// H15, R15: blocking in a poll is refused with an error and a report.
    #[test]
    fn api_violations_are_refused() -> Result {
        let executor = Executor::new(c"violations")?;
        let scope = executor.root().child(c"scope")?;
        let expected = Expected::new(4);
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
        check_eq!(expected.outstanding(), 0);
        for refused in [joined, blocked, shut, deadlock] {
            check_eq!(
                refused.err().map(|e| e.to_errno()),
                Some(EDEADLK.to_errno())
            );
        }
        check!(section.is_ok());
        let expected = Expected::new(1);
        check!(SignallingSection::with(|_| ()).is_err());
        check_eq!(expected.outstanding(), 0);
        executor.shutdown()
    }

    /// H15, R15: the same in a signalling section that is no poll, where a claim is refused as
    /// well.
    #[test]
    fn api_violations_in_sections_are_refused() -> Result {
        let executor = Executor::new(c"sections")?;
        let scope = executor.root().child(c"scope")?;
        let idle = scope.spawn(c"idle", cancelled())?;
        let prepared = scope.reserve(c"t", async { in_hardirq() })?;
        let expected = Expected::new(3);
        let inside = |_: &SignallingSection<'_>| {
            // SAFETY: It is refused, and dropped at once if not.
            let claimed = unsafe { idle.claim() }.is_some();
            let started = prepared.start();
            let refused = [
                scope.join_blocking(),
                block_on(async {}),
                executor.shutdown(),
            ];
            (claimed, started, refused)
        };
        // SAFETY: Nothing is signalled, and what would block is refused: that is what this tests.
        let (claimed, started, refused) = unsafe { SignallingSection::enter(inside) };
        check_eq!(expected.outstanding(), 0);
        check!(!claimed);
        for refused in refused {
            check_eq!(
                refused.err().map(|e| e.to_errno()),
                Some(EDEADLK.to_errno())
            );
        }
        check_eq!(block_on(timeout(LIMIT, started))?.ok(), Some(false));
        // Nothing has come of it: neither is the executor closed, nor the scope.
        check!(scope.spawn(c"t", async {}).is_ok());
        check!(!idle.is_finished());
        executor.shutdown()
    }

    /// H2, H3: executors are shut down while timers and other CPUs still wake their tasks.
    #[test]
    fn wakes_during_shutdown() -> Result {
        each_priority(wakes_during_shutdown_at)
    }

    fn wakes_during_shutdown_at(priority: Priority) -> Result {
        // Grace periods, which each shutdown waits for, are long on PREEMPT_RT.
        let rounds = if cfg!(CONFIG_PREEMPT_RT) { 20 } else { 100 };
        for round in 0..rounds {
            let executor = Executor::with_priority(c"shutdown", priority)?;
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
        each_priority(executor_dropped_anywhere_at)
    }

    fn executor_dropped_anywhere_at(priority: Priority) -> Result {
        let (tx, rx) = oneshot::channel()?;
        let executor = Executor::with_priority(c"own-poll", priority)?;
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
        check!(block_on(timeout(LIMIT, rx))?.is_ok());
        check!(block_on(timeout(LIMIT, handle))?.is_ok());

        let executor = Executor::with_priority(c"interrupt", priority)?;
        let handle = executor.root().spawn(c"t", cancelled())?;
        let mut last = Some(executor);
        let timer = IrqTimer::start(10_000, move || drop(last.take()))?;
        check!(block_on(timeout(LIMIT, handle))?.is_ok());
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
        check_eq!(block_on(handle.ok_or(EIO)?)?, 5);
        // One that is never started counts until it is dropped.
        let prepared = executor.root().reserve(c"t", async {})?;
        let mut join = KBox::pin(executor.root().join(), GFP_KERNEL)?;
        let early = block_on(timeout(Delta::from_millis(2), join.as_mut()))?;
        check!(matches!(early, Err(Elapsed)));
        drop(prepared);
        block_on(join)??;
        executor.shutdown()
    }
}
