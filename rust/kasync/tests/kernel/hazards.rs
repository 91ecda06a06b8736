// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Hazards that the other suites do not have by the way. `Documentation/kasync.rst` has the table
//! of which test is for which.

use kernel::prelude::*;

#[kunit_tests(kasync_hazards)]
mod tests {
    use crate::contexts::{
        atomic,
        counter,
        irq,
        module_refcount,
        reached,
        unless_cancelled,
        Counter,
        Expected,
        IrqTimer,
        Polled,
        LIMIT, //
    };
    use core::{
        future::{
            poll_fn,
            Future, //
        },
        mem::{
            forget,
            size_of_val, //
        },
        task::{
            Context,
            Poll,
            Waker, //
        }, //
    };
    use kasync::{
        block_on,
        block_on_interruptible,
        cancelled,
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
            Instant, //
        },
        yield_now,
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

    /// Counts its drop.
    struct OnDrop(Counter);

    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.fetch_add(1, Full);
        }
    }

    /// H4, H5: a thousand wakes from interrupts while a task is polled, and the last references to
    /// tasks that have ended, one after the other, in an interrupt, by wake and by drop. KASAN
    /// would see one too few, kmemleak one too many.
    #[test]
    fn references() -> Result {
        let executor = Executor::new(c"references")?;
        let gone = counter()?;
        let mut wakers = KVec::new();
        for n in 0..20 {
            let (tx, rx) = oneshot::channel::<Waker>()?;
            let mut tx = Some(tx);
            let witness = OnDrop(gone.clone());
            let mut left = 3;
            let handle = executor.root().spawn(
                c"t",
                poll_fn(move |cx| {
                    let _witness = &witness;
                    for _ in 0..50 {
                        cx.waker().wake_by_ref();
                    }
                    if let Some(tx) = tx.take() {
                        let _ = tx.send(cx.waker().clone());
                    }
                    left -= 1;
                    if left == 0 {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                }),
            )?;
            let waker = block_on(rx)?.map_err(|_| EIO)?;
            irq(|| (0..50).for_each(|_| waker.wake_by_ref()));
            if n % 2 == 0 {
                block_on(handle)?;
            } else {
                handle.detach();
            }
            wakers.push(waker, GFP_KERNEL)?;
        }
        executor.shutdown()?;
        drop(executor);
        check_eq!(gone.load(Relaxed), 20);
        irq(|| {
            let mut wake = false;
            while let Some(waker) = wakers.pop() {
                wake = !wake;
                if wake {
                    waker.wake();
                } else {
                    drop(waker);
                }
            }
        });
        Ok(())
    }

    /// H9: a future moves from one task to another; the second one is woken, from an interrupt, and
    /// the first is not.
    #[test]
    fn futures_move_between_tasks() -> Result {
        let executor = Executor::new(c"move")?;
        let ring = Arc::new(Semaphore::new(0), GFP_KERNEL)?;
        let (tx, rx) = oneshot::channel()?;
        let (moved, polls) = (counter()?, counter()?);
        let mut permit = Some(KBox::pin(Semaphore::acquire_owned(&ring, 1), GFP_KERNEL)?);
        let mut tx = Some(tx);
        let first = Polled(
            KBox::pin(
                poll_fn(move |cx| {
                    if let (Some(mut permit), Some(tx)) = (permit.take(), tx.take()) {
                        if permit.as_mut().poll(cx).is_pending() {
                            let _ = tx.send(permit);
                        }
                    }
                    Poll::<()>::Pending
                }),
                GFP_KERNEL,
            )?,
            polls.clone(),
        );
        let first =
            executor.root().spawn(
                c"first",
                async move { kasync::select(cancelled(), first).await },
            )?;
        let m = moved.clone();
        let second = async move {
            let mut permit = rx.await.ok()?;
            let once = poll_fn(|cx| Poll::Ready(permit.as_mut().poll(cx).is_pending()));
            m.fetch_add(usize::from(once.await), Full);
            Some(permit.await.count())
        };
        let second = executor.root().spawn(c"second", unless_cancelled(second))?;
        reached(&moved, 1)?;
        irq(|| ring.add_permits(1));
        check_eq!(block_on(timeout(LIMIT, second))?, Ok(Some(Some(1))));
        check_eq!(polls.load(Relaxed), 1);
        drop(first);
        executor.shutdown()
    }

    /// H10: what is waited for comes, in a timer's interrupt, at about the time at which the wait
    /// begins, in this thread or in a task.
    #[test]
    fn news_against_registration() -> Result {
        const ROUNDS: u64 = 600;
        let executor = Executor::new(c"registration")?;
        let notify = Arc::new(Notify::new(), GFP_KERNEL)?;
        let (ring, mut noticed) = (Arc::new(Semaphore::new(0), GFP_KERNEL)?, 0);
        for round in 0..ROUNDS {
            let (n, r) = (notify.clone(), ring.clone());
            let timer = IrqTimer::start(500 + 331 * (round % 97), move || {
                n.notify_one();
                r.add_permits(1);
            })?;
            let n = notify.clone();
            let task = unless_cancelled(async move { n.notified().await });
            let task = executor.root().spawn(c"t", task)?;
            noticed += u64::from(block_on(timeout(LIMIT, ring.acquire(1)))?.is_ok_and(|p| {
                forget(p);
                true
            }));
            noticed += u64::from(block_on(timeout(LIMIT, task))? == Ok(Some(())));
            drop(timer);
        }
        check_eq!(noticed, 2 * ROUNDS);
        executor.shutdown()
    }

    /// H12: what is polled after it was ready is pending, or ready again, and never a panic: that
    /// would be the end of the machine.
    #[test]
    fn polls_after_ready() -> Result {
        fn twice<F: Future>(future: F) -> Result<(bool, bool)> {
            let mut future = KBox::pin(future, GFP_KERNEL)?;
            let mut cx = Context::from_waker(Waker::noop());
            let first = future.as_mut().poll(&mut cx).is_ready();
            Ok((first, future.as_mut().poll(&mut cx).is_ready()))
        }
        let executor = Executor::new(c"twice")?;
        let (notify, ring) = (Notify::new(), Semaphore::new(2));
        notify.notify_one();
        check_eq!(twice(notify.notified())?, (true, true));
        check_eq!(twice(ring.acquire(1))?, (true, false));
        check_eq!(ring.available(), 2);
        check_eq!(twice(sleep(Delta::from_nanos(0)))?, (true, true));
        check_eq!(twice(executor.root().join())?, (true, true));
        let (tx, rx) = oneshot::channel()?;
        check!(tx.send(1).is_ok());
        check_eq!(twice(rx)?, (true, true));
        let (tx, mut rx) = mpsc::channel::<u32>(1)?;
        check!(tx.try_send(1).is_ok());
        check_eq!(twice(rx.recv())?, (true, false));
        let handle = executor.root().spawn(c"t", async { 1 })?;
        block_on(timeout(LIMIT, executor.root().join()))?.map_err(|_| ETIME)??;
        check!(handle.is_finished());
        let expected = Expected::new(1);
        check_eq!(twice(handle)?, (true, false));
        check_eq!(expected.outstanding(), 0);
        executor.shutdown()
    }

    /// H15: no thread blocks in a hard interrupt, nor with preemption disabled.
    #[test]
    fn blocking_is_refused_where_none_may_sleep() -> Result {
        let executor = Executor::new(c"atomic")?;
        let scope = executor.root().child(c"scope")?;
        let mut refused = 0;
        let mut block = || {
            let results = [
                block_on(async {}),
                block_on_interruptible(async {}),
                scope.join_blocking(),
                executor.shutdown(),
            ];
            let errors = results.iter().filter_map(|r| r.as_ref().err());
            refused += errors
                .filter(|e| e.to_errno() == EDEADLK.to_errno())
                .count();
        };
        // Else it is not known that preemption is disabled.
        let both = cfg!(CONFIG_PREEMPT_COUNT);
        let count = if both { 8 } else { 4 };
        let expected = Expected::new(count);
        irq(&mut block);
        if both {
            atomic(&mut block);
        }
        check_eq!(expected.outstanding(), 0);
        check_eq!(refused, count as usize);
        check!(!scope.is_cancelled());
        executor.shutdown()
    }

    /// H29: a handle of each type is not dropped, and everything else goes on and ends. The handles
    /// are kept where kmemleak finds them, and dropped at the end, which is as harmless.
    #[test]
    fn handles_that_are_kept() -> Result {
        let executor = Executor::new(c"kept")?;
        let scope = executor.root().child(c"scope")?;
        let gone = counter()?;
        let witness = OnDrop(gone.clone());
        let task = async move {
            cancelled().await;
            drop(witness);
        };
        let handle = scope.spawn(c"t", task)?;
        let (ring, notify) = (Semaphore::new(1), Notify::new());
        let permit = block_on(ring.acquire(1))?;
        let mut acquire = KBox::pin(ring.acquire(1), GFP_KERNEL)?;
        let mut notified = KBox::pin(notify.notified(), GFP_KERNEL)?;
        let mut slept = KBox::pin(sleep(LIMIT), GFP_KERNEL)?;
        let mut join = KBox::pin(scope.join(), GFP_KERNEL)?;
        let asked = scope.clone();
        let mut wait = KBox::pin(asked.cancelled(), GFP_KERNEL)?;
        let mut cx = Context::from_waker(Waker::noop());
        check!(acquire.as_mut().poll(&mut cx).is_pending());
        check!(notified.as_mut().poll(&mut cx).is_pending());
        check!(slept.as_mut().poll(&mut cx).is_pending());
        check!(join.as_mut().poll(&mut cx).is_pending());
        check!(wait.as_mut().poll(&mut cx).is_pending());
        // The one that has to be given back: a join waits for it. See its documentation. None is to
        // be had while a worker polls the task, nor ever on PREEMPT_RT.
        let claims = async {
            // SAFETY: It is dropped at once.
            while unsafe { handle.claim() }.is_none() {
                if cfg!(CONFIG_PREEMPT_RT) {
                    return false;
                }
                sleep(Delta::from_micros(20)).await;
            }
            true
        };
        let claimed = block_on(timeout(LIMIT, claims))?.map_err(|_| ETIME)?;
        check_eq!(claimed, !cfg!(CONFIG_PREEMPT_RT));
        executor.shutdown()?;
        drop(executor);
        check_eq!(gone.load(Relaxed), 1);
        check!(handle.is_finished());
        notify.notify_one();
        ring.add_permits(1);
        check!(scope.is_cancelled());
        drop((join, wait, slept, notified, acquire, permit, handle, scope));
        check_eq!(ring.available(), 2);
        Ok(())
    }

    /// H29: a sleep that is forgotten has its timer armed, so the code that this calls stays.
    #[test]
    fn sleeps_keep_the_module() -> Result {
        let before = module_refcount();
        let mut slept = KBox::pin(sleep(LIMIT), GFP_KERNEL)?;
        let mut cx = Context::from_waker(Waker::noop());
        check_eq!(module_refcount(), before);
        for _ in 0..2 {
            check!(slept.as_mut().poll(&mut cx).is_pending());
            check_eq!(module_refcount(), before.map(|n| n + 1));
            slept.as_mut().reset(LIMIT);
        }
        drop(slept);
        check_eq!(module_refcount(), before);
        Ok(())
    }

    /// H30: tasks that hold their own scope, their executor, and each other's handles end all the
    /// same, and kmemleak finds nothing of them.
    #[test]
    fn cycles_end_with_the_tasks() -> Result {
        let executor = Executor::new(c"cycles")?;
        let scope = executor.root().child(c"scope")?;
        let gone = counter()?;
        let (tx, rx) = oneshot::channel()?;
        let (own, e, w) = (scope.clone(), executor.clone(), OnDrop(gone.clone()));
        let first = scope.spawn(c"first", async move {
            // The handle of the one that has ours.
            let second: Option<kasync::JoinHandle<()>> = rx.await.ok();
            own.cancelled().await;
            drop((second, own, e, w));
        })?;
        let w = OnDrop(gone.clone());
        let second = scope.spawn(c"second", async move {
            first.await;
            drop(w);
        })?;
        check!(tx.send(second).is_ok());
        block_on(timeout(LIMIT, scope.end()))?.map_err(|_| ETIME)??;
        check_eq!(gone.load(Relaxed), 2);
        executor.shutdown()
    }

    /// H32: what leaves take of a task's memory, and a future that is far too large for a stack's
    /// frame.
    #[test]
    fn sizes() -> Result {
        let executor = Executor::new(c"sizes")?;
        let (notify, ring) = (Notify::new(), Semaphore::new(1));
        let (tx, mut rx) = mpsc::channel::<u64>(1)?;
        let slept = sleep(Delta::from_secs(1));
        let (told, acquire) = (notify.notified(), ring.acquire(1));
        let (join, recv) = (executor.root().join(), rx.recv());
        // A timer is 80 bytes of it, lock debugging makes it more.
        let sizes = [
            (size_of_val(&slept), 256),
            (size_of_val(&told), 96),
            (size_of_val(&acquire), 96),
            (size_of_val(&join), 88),
            (size_of_val(&recv), 16),
        ];
        pr_info!("sizes: {sizes:?}\n");
        check!(sizes.iter().all(|(size, bound)| size <= bound));
        drop((recv, tx));

        let start = Instant::now();
        let large = [start.elapsed().as_nanos() as u8 | 1; 8192];
        let task = async move {
            yield_now().await;
            large.iter().map(|n| usize::from(*n != 0)).sum::<usize>()
        };
        let task = executor.root().spawn(c"large", task)?;
        check_eq!(block_on(task)?, 8192);
        executor.shutdown()
    }
}
