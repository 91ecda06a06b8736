// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Arrays and chains, and sets of what is in them.

use kernel::prelude::*;

#[kunit_tests(dma_fence_containers)]
mod tests {
    use crate::mocks::{
        end,
        fence_of,
        merge,
        result,
        sync_object,
        Foreign,
        Timeline,
        LIMIT, //
    };
    use core::{
        future::poll_fn,
        task::Poll, //
    };
    use dma_fence::{
        ChainNode,
        Fence,
        FenceSet, //
    };
    use kasync::{
        block_on,
        cancelled,
        select,
        sync::oneshot,
        time::{
            timeout,
            Delta, //
        },
        Either,
        Executor, //
    };
    use kernel::sync::aref::ARef;
    use kernel::{
        bindings,
        prelude::*, //
    };

    fn set(fences: &[&Fence], own_context: Option<dma_fence::Timeline>) -> Result<FenceSet> {
        let mut all = KVVec::new();
        for &fence in fences {
            all.push(fence.into(), GFP_KERNEL)?;
        }
        FenceSet::new(all, own_context)
    }

    /// Returns the result of a set, or `ETIME` if it is not ready within the limit.
    fn all(set: &mut FenceSet, limit: Delta) -> Result {
        block_on(timeout(limit, poll_fn(|cx| set.poll_all(cx))))?.unwrap_or(Err(ETIME))
    }

    /// Returns a chain of these fences, numbered from 1.
    fn chain(fences: &[&Fence]) -> Result<ARef<Fence>> {
        let object = sync_object(None)?;
        for (i, &fence) in fences.iter().enumerate() {
            object.add_point(ChainNode::new()?, fence, i as u64 + 1)?;
        }
        fence_of(&object).ok_or(EINVAL)
    }

    const SOON: Delta = Delta::from_millis(20);

    #[test]
    fn an_array_signals_when_all_have() -> Result {
        let (mut a, mut b) = (Timeline::new()?, Timeline::new()?);
        let ((a1, pending_a), (b1, pending_b)) = (a.next()?, b.next()?);
        let merged = merge(&[a1.clone(), b1])?;
        check!(merged.is_container() && !a1.is_container());
        end(pending_a, Ok(()));
        check!(block_on(timeout(SOON, merged.wait()))?.is_err());
        end(pending_b, Err(EIO));
        check_eq!(result(&merged), Err(EIO));
        // Of nothing, or of what is over, is one that is over.
        check!(merge(&[])?.test_signaled_flag());
        check!(merge(&[a1])?.test_signaled_flag());
        Ok(())
    }

    #[test]
    fn one_of_a_timeline_is_merged() -> Result {
        let mut a = Timeline::new()?;
        let ((a1, first), (a2, second)) = (a.next()?, a.next()?);
        let merged = merge(&[a1, a2.clone()])?;
        check_eq!(merged.as_raw(), a2.as_raw());
        end(first, Ok(()));
        end(second, Ok(()));
        Ok(())
    }

    #[test]
    fn fences_of_two_timelines_have_no_order() -> Result {
        let (mut a, mut b) = (Timeline::new()?, Timeline::new()?);
        let ((a1, first), (b1, other)) = (a.next()?, b.next()?);
        let (a2, second) = a.next()?;
        check!(a2.is_later_than(&a1) && !a1.is_later_than(&a2));
        check!(!a2.is_later_than(&b1) && !b1.is_later_than(&a2));
        for pending in [first, second, other] {
            end(pending, Ok(()));
        }
        Ok(())
    }

    #[test]
    fn arrays_are_taken_apart() -> Result {
        let (mut a, mut b) = (Timeline::new()?, Timeline::new()?);
        let ((a1, pending_a1), (b1, pending_b1)) = (a.next()?, b.next()?);
        let (a2, pending_a2) = a.next()?;
        let merged = merge(&[a1, b1])?;
        let mut set = set(&[&merged, &a2], None)?;
        // The later of `a`, and the one of `b`.
        check_eq!(set.len(), 2);
        end(pending_a1, Ok(()));
        end(pending_b1, Ok(()));
        check_eq!(all(&mut set, SOON), Err(ETIME));
        end(pending_a2, Ok(()));
        check_eq!(all(&mut set, LIMIT), Ok(()));
        check!(set.is_empty());
        Ok(())
    }

    #[test]
    fn chains_are_taken_apart() -> Result {
        let (mut a, mut b, mut own) = (Timeline::new()?, Timeline::new()?, Timeline::new()?);
        let ((a1, pending_a1), (b1, pending_b1)) = (a.next()?, b.next()?);
        let ((a2, pending_a2), (own1, pending_own)) = (a.next()?, own.next()?);
        // With an array as a link.
        let array = merge(&[b1.clone(), a1.clone()])?;
        let last = chain(&[&a1, &array, &own1, &a2])?;
        let mut set = set(&[&last], Some(own.id()))?;
        check_eq!(set.len(), 2);
        end(pending_a1, Ok(()));
        end(pending_a2, Ok(()));
        check_eq!(all(&mut set, SOON), Err(ETIME));
        end(pending_b1, Ok(()));
        // The own one has not signalled, and the chain has not.
        check_eq!(all(&mut set, LIMIT), Ok(()));
        check!(!last.test_signaled_flag());
        end(pending_own, Ok(()));
        check_eq!(result(&last), Ok(()));
        Ok(())
    }

    #[test]
    fn what_has_signalled_is_left_out() -> Result {
        let (mut a, mut b) = (Timeline::new()?, Timeline::new()?);
        let ((a1, pending_a), (b1, pending_b)) = (a.next()?, b.next()?);
        let last = chain(&[&a1, &b1])?;
        end(pending_a, Err(EIO));
        end(pending_b, Ok(()));
        check!(set(&[&b1], None)?.is_empty());
        // But for what there is to tell.
        let mut set = set(&[&a1, &b1, &last], None)?;
        check_eq!(set.len(), 1);
        check_eq!(all(&mut set, LIMIT), Err(EIO));
        Ok(())
    }

    #[test]
    fn errors_are_those_of_the_last_link() -> Result {
        let (mut a, mut b, mut c) = (Timeline::new()?, Timeline::new()?, Timeline::new()?);
        let ((a1, pending_a), (b1, pending_b)) = (a.next()?, b.next()?);
        let (c1, pending_c) = c.next()?;
        let early = chain(&[&a1, &b1])?;
        let late = chain(&[&b1, &a1])?;
        let mut before = set(&[&early], None)?;
        let mut told = set(&[&late, &c1], None)?;
        end(pending_a, Err(EIO));
        // The same whether they had signalled when the set was made or not.
        let mut after = set(&[&early], None)?;
        let mut told_after = set(&[&late, &c1], None)?;
        end(pending_b, Ok(()));
        end(pending_c, Err(EPERM));
        check_eq!(all(&mut before, LIMIT), Ok(()));
        check_eq!(all(&mut after, LIMIT), Ok(()));
        check_eq!(all(&mut told, LIMIT), Err(EIO));
        check_eq!(all(&mut told_after, LIMIT), Err(EIO));
        // One that is over before is all there is to tell.
        let mut over = set(&[&a1], None)?;
        check_eq!(over.len(), 1);
        check_eq!(all(&mut over, LIMIT), Err(EIO));
        check_eq!(all(&mut over, LIMIT), Ok(()));
        Ok(())
    }

    /// Userspace says how many: that must not be quadratic, and nothing may get lost when they are
    /// sorted.
    #[test]
    fn many_timelines() -> Result {
        const TIMELINES: usize = 150;
        let mut timelines = KVVec::new();
        let (mut fences, mut pending) = (KVVec::new(), KVVec::new());
        for _ in 0..TIMELINES {
            timelines.push(Timeline::new()?, GFP_KERNEL)?;
        }
        for _ in 0..3 {
            for timeline in &mut timelines {
                let (fence, end) = timeline.next()?;
                fences.push(fence, GFP_KERNEL)?;
                pending.push(end, GFP_KERNEL)?;
            }
        }
        let own = timelines[7].id();
        let mut given = KVVec::new();
        for fence in &fences {
            given.push(fence.clone(), GFP_KERNEL)?;
        }
        let mut set = FenceSet::new(given, Some(own))?;
        check_eq!(set.len(), TIMELINES - 1);
        // All but those that it should have kept, and one of these.
        let mut late = KVVec::new();
        for (i, end) in pending.into_iter().enumerate() {
            if i < 2 * TIMELINES {
                crate::mocks::end(end, Err(EPERM));
            } else {
                late.push(end, GFP_KERNEL)?;
            }
        }
        check_eq!(all(&mut set, SOON), Err(ETIME));
        for (i, end) in late.into_iter().enumerate() {
            // The first in the order in which they were given is told.
            let result = match i {
                7 => Err(EPERM),
                100 => Err(EIO),
                120 => Err(EINVAL),
                _ => Ok(()),
            };
            crate::mocks::end(end, result);
        }
        check_eq!(all(&mut set, LIMIT), Err(EIO));
        Ok(())
    }

    #[test]
    fn a_set_that_is_dropped_early() -> Result {
        let (mut a, foreign) = (Timeline::new()?, Foreign::new()?);
        let (a1, pending) = a.next()?;
        let last = chain(&[&a1, &foreign.0])?;
        let mut set = set(&[&last], None)?;
        check_eq!(all(&mut set, SOON), Err(ETIME));
        end(pending, Ok(()));
        drop(set);
        foreign.signal(Ok(()));
        check_eq!(result(&last), Ok(()));
        Ok(())
    }

    #[test]
    fn kinds_of_containers() -> Result {
        let (mut a, mut b) = (Timeline::new()?, Timeline::new()?);
        let ((a1, first), (b1, second)) = (a.next()?, b.next()?);
        let (array, chain) = (merge(&[a1.clone(), b1])?, chain(&[&a1])?);
        check!(array.is_container() && !array.is_chain());
        check!(chain.is_container() && chain.is_chain());
        check!(!a1.is_container() && !a1.is_chain());
        end(first, Ok(()));
        end(second, Ok(()));
        Ok(())
    }

    /// The task that works for own fences hears of deadlines, however these are set.
    #[test]
    fn deadlines_of_own_fences() -> Result {
        let (mut a, foreign) = (Timeline::new()?, Foreign::new()?);
        let ((a1, first), (a2, second)) = (a.next()?, a.next()?);
        let signaller = a.signaller.clone();
        let heard = || signaller.lock().next_deadline();
        check!(heard().is_none());
        let (late, early) = (Delta::from_secs(3600), Delta::from_secs(60));
        a1.set_deadline(late);
        // By an array, and a set: the soonest is told.
        let array = merge(&[a2.clone(), foreign.0.clone()])?;
        set(&[&array], None)?.set_deadline(early);
        a1.set_deadline(late);
        let told = heard().ok_or(ETIME)?;
        check!(told <= early && told > Delta::from_secs(1));
        check!(heard().is_none());
        // The task that works for it is woken, by a deadline that is over as well.
        let executor = Executor::new(c"deadlines")?;
        let (asks, asked) = oneshot::channel()?;
        let mut asks = Some(asks);
        let theirs = a.signaller.clone();
        let deadline = poll_fn(move |cx| {
            let signaller = theirs.lock();
            signaller.subscribe_deadline(cx);
            if let Some(asks) = asks.take() {
                let _ = asks.send(());
            }
            signaller.next_deadline().map_or(Poll::Pending, Poll::Ready)
        });
        // It ends when it is cancelled, so that a test that has failed ends.
        let task = executor
            .root()
            .spawn(c"hears", select(deadline, cancelled()))?;
        check_eq!(block_on(asked)?, Ok(()));
        a1.set_deadline(Delta::from_millis(-1));
        let told = block_on(timeout(LIMIT, task))?.map_err(|_| ETIME)?;
        check!(matches!(told, Either::Left(told) if told < Delta::ZERO));
        // What has signalled is not asked for any more.
        end(first, Ok(()));
        a1.set_deadline(early);
        check!(heard().is_none());
        end(second, Ok(()));
        foreign.signal(Ok(()));
        // Nor when its context is gone.
        drop((a, signaller));
        executor.shutdown()?;
        a2.set_deadline(early);
        check_eq!(result(&a2), Ok(()));
        Ok(())
    }

    #[test]
    fn deadlines_go_to_all() -> Result {
        let (one, two, three) = (Foreign::new()?, Foreign::new()?, Foreign::new()?);
        let array = merge(&[one.0.clone(), two.0.clone()])?;
        let chain = chain(&[&three.0])?;
        let set = set(&[&array, &chain], None)?;
        // SAFETY: `ktime_get()` may be called from any context.
        let now = unsafe { bindings::ktime_get() };
        // Further away than this thread may be late.
        let hour = Delta::from_secs(3600);
        set.set_deadline(hour);
        for foreign in [&one, &two, &three] {
            let deadline = foreign.deadline();
            check!(deadline >= now + hour.as_nanos());
            check!(deadline < now + 2 * hour.as_nanos());
        }
        let before = two.deadline();
        one.signal(Ok(()));
        set.set_deadline(Delta::from_millis(1));
        check!(two.deadline() < before);
        // It has signalled, so it is not told any more.
        check!(one.deadline() >= now + hour.as_nanos());
        two.signal(Ok(()));
        three.signal(Ok(()));
        Ok(())
    }
}
