// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fences of other drivers, with all that those may do.
//!
//! Most drivers have the lock of a fence outside of it. It may be one for all fences of a ring, and
//! it may be gone one grace period after they have signalled. The callbacks run with it held, often
//! in a hard interrupt. KASAN and lockdep are the judges of most of this.

mod asked;

use crate::{
    contexts::{
        in_hardirq,
        in_irq,
        settle,
        Issuer,
        IRQ_IS_HARD, //
    },
    ring::{
        result,
        Bench,
        Job,
        Options,
        LIMIT, //
    }, //
};
use core::{
    future::{
        poll_fn,
        Future, //
    },
    pin::{
        pin,
        Pin, //
    },
    task::Poll, //
};
use dma_fence::{
    Fence,
    FenceSet, //
};
use jobqueue::OnError;
use kasync::{
    block_on,
    cancelled,
    select,
    time::{
        timeout,
        Delta, //
    },
    Either,
    Executor,
    Scope, //
};
use kernel::sync::aref::ARef;
use kernel::{
    prelude::*,
    time::delay::fsleep, //
};

fn set(fences: &[ARef<Fence>]) -> Result<FenceSet> {
    let mut all = KVVec::new();
    for fence in fences {
        all.push(fence.clone(), GFP_KERNEL)?;
    }
    FenceSet::new(all, None)
}

/// Returns whether a future is not ready at its first poll.
fn pends<F: Future + Send>(mut future: Pin<&mut F>) -> Result<bool> {
    block_on(poll_fn(|cx| {
        Poll::Ready(future.as_mut().poll(cx).is_pending())
    }))
}

fn set_pends(set: &mut FenceSet) -> Result<bool> {
    block_on(poll_fn(|cx| Poll::Ready(set.poll_all(cx).is_pending())))
}

/// Fails if tasks of `scope` do not end within the limit.
fn join(scope: &Scope) -> Result {
    block_on(timeout(LIMIT, scope.join()))?.map_err(|_| ETIME)?
}

/// A driver whose queue waits for others only, and looks at nothing else meanwhile.
fn unlimited(on_error: OnError) -> Result<Bench> {
    Bench::build(Options {
        on_error,
        timeout: LIMIT,
        ..Options::new(8)
    })
}

/// A job of `bench` that depends on `fences`.
fn depending(bench: &Bench, fences: &[ARef<Fence>]) -> Result<ARef<Fence>> {
    bench.commit(Job::next(), fences)
}

#[kunit_tests(jobqueue_foreign_fences)]
mod tests {
    use super::*;

    /// H7, R27: a waiter has nothing to do with the lock once the fence has signalled,
    /// whether it looks at the result or goes away.
    #[test]
    fn the_lock_is_freed_a_grace_period_after() -> Result {
        for together in [false, true] {
            let mut issuer = Issuer::new(4)?;
            let fences = issuer.fences();
            let [first, second, ..] = fences else {
                return Err(EINVAL);
            };
            let (polled, dropped) = (first.clone(), second.clone());
            let (mut first, mut again) = (set(fences)?, set(fences)?);
            let given_up = set(fences)?;
            let mut waits = pin!(polled.wait());
            let mut goes = KBox::pin(dropped.wait(), GFP_KERNEL)?;
            check!(pends(waits.as_mut())? && pends(goes.as_mut())?);
            check!(set_pends(&mut first)? && set_pends(&mut again)?);

            in_irq(|| issuer.signal(4, Err(EIO), together));
            drop(issuer);
            settle()?;
            // The lock is gone.
            check_eq!(block_on(waits)?, Err(EIO));
            drop(goes);
            let last = block_on(poll_fn(|cx| first.poll_all(cx)))?;
            check_eq!(last, Err(EIO));
            drop((again, given_up));
            // The same holds for a fence that is asked only now.
            check_eq!(polled.result(), Some(Err(EIO)));
            check_eq!(block_on(dropped.wait())?, Err(EIO));
            dropped.set_deadline(Delta::from_millis(1));
            check!(!set_pends(&mut set(&[dropped])?)?);
        }
        Ok(())
    }

    /// H6, H7: waits are given up by a worker while an interrupt signals, and the lock goes as soon
    /// as it may.
    #[test]
    fn given_up_while_it_signals() -> Result {
        let executor = Executor::new(c"given-up")?;
        let mut late = 0;
        for round in 0..1000 {
            let scope = executor.root().child(c"round")?;
            let mut issuer = Issuer::new(3)?;
            let fence = issuer.fences()[0].clone();
            let mut all = set(issuer.fences())?;
            let one = scope.spawn(c"one", async move {
                // Of two that are ready the first counts.
                match round % 2 {
                    0 => matches!(select(cancelled(), fence.wait()).await, Either::Left(())),
                    _ => matches!(select(fence.wait(), cancelled()).await, Either::Right(())),
                }
            })?;
            let several = poll_fn(move |cx| all.poll_all(cx));
            scope
                .spawn(c"several", async move {
                    let _ = select(cancelled(), several).await;
                })?
                .detach();
            match round % 3 {
                0 => {
                    scope.cancel();
                    in_irq(|| issuer.signal_rest(Ok(())));
                }
                1 => {
                    in_irq(|| issuer.signal(2, Ok(()), true));
                    scope.cancel();
                    in_irq(|| issuer.signal_rest(Ok(())));
                }
                _ => {
                    // The tasks have their callbacks linked by then, mostly.
                    fsleep(Delta::from_micros(round % 100));
                    scope.cancel();
                    issuer.signal_rest(Err(EIO));
                }
            }
            drop(issuer);
            late += u32::from(block_on(one)?);
            join(&scope)?;
        }
        executor.shutdown()?;
        // Both ends of the race have been seen.
        pr_info!("1000 waits, {late} of them given up\n");
        check!(late > 0 && late < 1000);
        settle()
    }

    /// H8, R26: one lock for all fences of a ring, held over all of them in the interrupt. A
    /// task that is woken by one waits for the next at once.
    #[test]
    fn a_ring_shares_its_lock() -> Result {
        let executor = Executor::new(c"siblings")?;
        for together in [true, false] {
            let scope = executor.root().child(c"tasks")?;
            let bench = unlimited(OnError::Ignore)?;
            let mut issuer = Issuer::new(16)?;
            let mut jobs = KVec::new();
            for i in 0..16 {
                let (fence, next) = (
                    issuer.fences()[i].clone(),
                    issuer.fences()[(i + 1) % 16].clone(),
                );
                scope
                    .spawn(c"waits", async move {
                        let _ = select(fence.wait(), next.wait()).await;
                        let _ = fence.wait().await;
                        let _ = next.wait().await;
                    })?
                    .detach();
                let dependencies = &issuer.fences()[..=i];
                jobs.push(depending(&bench, dependencies)?, GFP_KERNEL)?;
            }
            in_irq(|| issuer.signal(5, Ok(()), together));
            bench.wait_started(5)?;
            check_eq!(bench.mock.started(), 5);
            issuer.signal(3, Err(EIO), together);
            bench.wait_started(8)?;
            check_eq!(bench.mock.started(), 8);
            in_irq(|| issuer.signal(8, Ok(()), together));
            drop(issuer);
            bench.mock.complete(16, Ok(()));
            for job in &jobs {
                check_eq!(result(job), Ok(()));
            }
            join(&scope)?;
            bench.end()?;
            check_eq!(bench.mock.retired(), 16);
        }
        executor.shutdown()?;
        settle()
    }

    #[test]
    fn signalled_in_an_interrupt() -> Result {
        let bench = unlimited(OnError::Ignore)?;
        for i in 1..=20 {
            let mut issuer = Issuer::new(1)?;
            let fence = depending(&bench, issuer.fences())?;
            check_eq!(bench.mock.started(), i - 1);
            let mut hard = false;
            in_irq(|| {
                hard = in_hardirq();
                issuer.signal_rest(Ok(()));
            });
            check_eq!(hard, IRQ_IS_HARD);
            bench.wait_started(i)?;
            bench.mock.complete(i as u32, Ok(()));
            check_eq!(result(&fence), Ok(()));
        }
        bench.end()?;
        settle()
    }

    /// H39, R3: a job is not signalled before its dependency, whatever happens to its queue. The
    /// wait does not count as a timeout of the hardware.
    #[test]
    fn never_unless_it_is_told() -> Result {
        let bench = Bench::new(8)?;
        let mut issuer = Issuer::new(1)?;
        let waiting = depending(&bench, issuer.fences())?;
        let behind = depending(&bench, &[])?;
        // Longer than the limit with hardware.
        let early = block_on(timeout(Delta::from_millis(200), behind.wait()))?;
        check!(early.is_err());
        check_eq!(bench.mock.timeouts(), 0);

        bench.queue.close();
        bench.scope.cancel();
        let prepared = bench.prepare(Job::next(), 1, &[])?;
        check!(matches!(prepared.commit(), Err(ECANCELED)));
        let early = block_on(timeout(Delta::from_millis(100), bench.scope.join()))?;
        check!(early.is_err());
        check!(!waiting.test_signaled_flag() && !behind.test_signaled_flag());

        in_irq(|| issuer.signal_rest(Ok(())));
        check_eq!(result(&waiting), Err(ECANCELED));
        check_eq!(result(&behind), Err(ECANCELED));
        bench.end()?;
        check_eq!((bench.mock.started(), bench.mock.retired()), (0, 2));
        drop(issuer);
        settle()
    }
}
