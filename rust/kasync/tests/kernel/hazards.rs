// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Hazards that the other suites do not have by the way. `Documentation/kasync.rst` has the table
//! of which test is for which.

use kernel::prelude::*;

#[kunit_tests(kasync_hazards)]
mod tests {
    use crate::contexts::{
        api_violations_outstanding,
        counter,
        expect_api_violations,
        irq,
        Counter,
        IrqTimer,
        Polled, //
    };
    use core::{
        future::{
            poll_fn,
            Future, //
        },
        mem::{
            forget,
            size_of_val,
            ManuallyDrop, //
        },
        task::{
            Context,
            Poll,
            Waker, //
        }, //
    };
    use kasync::{
        block_on,
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

    const LIMIT: Delta = Delta::from_secs(20);

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
        assert_eq!(gone.load(Relaxed), 20);
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
        let second = executor.root().spawn(c"second", async move {
            let mut permit = rx.await.ok()?;
            let once = poll_fn(|cx| Poll::Ready(permit.as_mut().poll(cx).is_pending()));
            m.fetch_add(usize::from(once.await), Full);
            Some(permit.await.count())
        })?;
        let polled = async {
            while moved.load(Relaxed) == 0 {
                sleep(Delta::from_micros(50)).await;
            }
        };
        assert!(block_on(timeout(LIMIT, polled))?.is_ok());
        irq(|| ring.add_permits(1));
        assert_eq!(block_on(timeout(LIMIT, second))?.ok(), Some(Some(1)));
        assert_eq!(polls.load(Relaxed), 1);
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
            let task = executor
                .root()
                .spawn(c"t", async move { n.notified().await })?;
            noticed += u64::from(block_on(timeout(LIMIT, ring.acquire(1)))?.is_ok_and(|p| {
                forget(p);
                true
            }));
            noticed += u64::from(block_on(timeout(LIMIT, task))?.is_ok());
            drop(timer);
        }
        assert_eq!(noticed, 2 * ROUNDS);
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
        assert_eq!(twice(notify.notified())?, (true, true));
        assert_eq!(twice(ring.acquire(1))?, (true, false));
        assert_eq!(ring.available(), 2);
        assert_eq!(twice(sleep(Delta::from_nanos(0)))?, (true, true));
        assert_eq!(twice(executor.root().join())?, (true, true));
        let (tx, rx) = oneshot::channel()?;
        assert!(tx.send(1).is_ok());
        assert_eq!(twice(rx)?, (true, true));
        let (tx, mut rx) = mpsc::channel::<u32>(1)?;
        assert!(tx.try_send(1).is_ok());
        assert_eq!(twice(rx.recv())?, (true, false));
        let handle = executor.root().spawn(c"t", async { 1 })?;
        while !handle.is_finished() {
            block_on(sleep(Delta::from_micros(20)))?;
        }
        expect_api_violations(1);
        assert_eq!(twice(handle)?, (true, false));
        assert_eq!(api_violations_outstanding(), 0);
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
        let handle = ManuallyDrop::new(scope.spawn(c"t", task)?);
        let (ring, notify) = (Semaphore::new(1), Notify::new());
        let permit = ManuallyDrop::new(block_on(ring.acquire(1))?);
        let mut acquire = ManuallyDrop::new(KBox::pin(ring.acquire(1), GFP_KERNEL)?);
        let mut notified = ManuallyDrop::new(KBox::pin(notify.notified(), GFP_KERNEL)?);
        let mut slept = ManuallyDrop::new(KBox::pin(sleep(LIMIT), GFP_KERNEL)?);
        let mut join = ManuallyDrop::new(KBox::pin(scope.join(), GFP_KERNEL)?);
        let asked = scope.clone();
        let mut wait = ManuallyDrop::new(KBox::pin(asked.cancelled(), GFP_KERNEL)?);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(acquire.as_mut().poll(&mut cx).is_pending());
        assert!(notified.as_mut().poll(&mut cx).is_pending());
        assert!(slept.as_mut().poll(&mut cx).is_pending());
        assert!(join.as_mut().poll(&mut cx).is_pending());
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        // SAFETY: It is dropped below.
        let claim = unsafe { handle.claim() }.map(ManuallyDrop::new);
        let claimed = claim.is_some();
        if let Some(claim) = claim {
            // The one that has to be given back: a join waits for it. See its documentation.
            drop(ManuallyDrop::into_inner(claim));
        }
        let scope = ManuallyDrop::new(scope);
        executor.shutdown()?;
        drop(executor);
        assert_eq!(gone.load(Relaxed), 1);
        assert!(handle.is_finished());
        notify.notify_one();
        ring.add_permits(1);
        assert!(scope.is_cancelled());
        assert!(claimed || handle.is_finished());
        drop(ManuallyDrop::into_inner(join));
        drop(ManuallyDrop::into_inner(wait));
        drop(ManuallyDrop::into_inner(slept));
        drop(ManuallyDrop::into_inner(notified));
        drop(ManuallyDrop::into_inner(acquire));
        drop(ManuallyDrop::into_inner(permit));
        drop(ManuallyDrop::into_inner(handle));
        drop(ManuallyDrop::into_inner(scope));
        assert_eq!(ring.available(), 2);
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
        assert!(tx.send(second).is_ok());
        block_on(timeout(LIMIT, scope.end()))?.map_err(|_| ETIME)??;
        assert_eq!(gone.load(Relaxed), 2);
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
        assert!(sizes.iter().all(|(size, bound)| size <= bound));
        drop((recv, tx));

        let start = Instant::now();
        let large = [start.elapsed().as_nanos() as u8 | 1; 8192];
        let task = async move {
            yield_now().await;
            large.iter().map(|n| usize::from(*n != 0)).sum::<usize>()
        };
        let task = executor.root().spawn(c"large", task)?;
        assert_eq!(block_on(task)?, 8192);
        executor.shutdown()
    }
}
