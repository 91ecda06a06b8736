// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Life of a job in a queue.

use kernel::prelude::*;

#[kunit_tests(jobqueue)]
mod tests {
    use crate::{
        contexts::{
            end_orphaned,
            COMMITS_POLL, //
        },
        ring::{
            result,
            stays,
            Bench,
            Job,
            LIMIT, //
        }, //
    };
    use core::{
        future::poll_fn,
        pin::pin,
        task::Poll, //
    };
    use dma_fence::{
        Fence,
        FenceContext,
        FenceReservation,
        FenceSet,
        Names,
        RingStopped, //
    };
    use jobqueue::OnError;
    use kasync::{
        block_on,
        time::{
            timeout,
            Delta, //
        },
        Executor,
        SignallingSection, //
    };
    use kernel::prelude::*;
    use kernel::sync::aref::ARef;

    #[test]
    fn jobs_complete_in_order() -> Result {
        let bench = Bench::new(8)?;
        let mut fences = KVec::new();
        for id in 1..=5 {
            fences.push(bench.commit(Job::new(id), &[])?, GFP_KERNEL)?;
        }
        bench.wait_started(5)?;
        check!(fences.iter().all(|fence| !fence.test_signaled_flag()));
        bench.mock.complete(3, Ok(()));
        for fence in &fences[..3] {
            check_eq!(result(fence), Ok(()));
        }
        check!(fences[3..].iter().all(|fence| !fence.test_signaled_flag()));
        bench.mock.complete(5, Err(EIO));
        check_eq!(result(&fences[3]), Err(EIO));
        check_eq!(result(&fences[4]), Err(EIO));
        bench.end()?;
        check_eq!(bench.mock.retired(), 5);
        Ok(())
    }

    #[test]
    fn dependencies_come_first() -> Result {
        let (first, second) = (Bench::new(8)?, Bench::new(8)?);
        let dependency = first.commit(Job::new(1), &[])?;
        let fence = second.commit(Job::new(1), core::slice::from_ref(&dependency))?;
        first.wait_started(1)?;
        check_eq!(second.mock.started(), 0);
        first.mock.complete(1, Err(EIO));
        second.wait_started(1)?;
        second.mock.complete(1, Ok(()));
        // The dependency's error is not the job's.
        check_eq!(result(&fence), Ok(()));
        first.end()?;
        second.end()
    }

    /// R4: any number of dependencies, several of one timeline, and of the job's own, is one wake.
    #[test]
    fn many_dependencies_are_one() -> Result {
        let (first, second, bench) = (Bench::new(8)?, Bench::new(8)?, Bench::new(8)?);
        let own = bench.commit(Job::new(1), &[])?;
        let mut dependencies = KVec::new();
        dependencies.push(own.clone(), GFP_KERNEL)?;
        for id in 1..=3 {
            dependencies.push(first.commit(Job::new(id), &[])?, GFP_KERNEL)?;
        }
        dependencies.push(second.commit(Job::new(1), &[])?, GFP_KERNEL)?;
        let fence = bench.commit(Job::new(2), &dependencies)?;
        bench.wait_started(1)?;

        first.mock.complete(2, Ok(()));
        check_eq!(result(&dependencies[2]), Ok(()));
        second.mock.complete(1, Ok(()));
        check_eq!(result(&dependencies[4]), Ok(()));
        check_eq!(bench.mock.started(), 1);
        first.mock.complete(3, Ok(()));
        // Its own timeline is in order anyway: it need not be over.
        bench.wait_started(2)?;
        check!(!own.test_signaled_flag());
        bench.mock.complete(2, Ok(()));
        check_eq!(result(&fence), Ok(()));
        first.end()?;
        second.end()?;
        bench.end()
    }

    /// The set by itself: what is left of it, and that it may be dropped at any time.
    #[test]
    fn fence_sets() -> Result {
        let bench = Bench::new(8)?;
        let set = |fences: &[ARef<Fence>], own| -> Result<FenceSet> {
            let mut all = KVVec::new();
            for fence in fences {
                all.push(fence.clone(), GFP_KERNEL)?;
            }
            FenceSet::new(all, own)
        };
        check!(set(&[], None)?.is_empty());
        let first = bench.commit(Job::new(1), &[])?;
        let second = bench.commit(Job::new(2), &[])?;
        check!(second.is_later_than(&first) && !first.is_later_than(&second));
        let both = [second.clone(), first.clone()];
        check_eq!(set(&both, None)?.len(), 1);
        check!(set(&both, Some(first.timeline()))?.is_empty());

        // Polled, and dropped with its callback linked.
        let mut given_up = set(&both, None)?;
        let once = poll_fn(|cx| Poll::Ready(given_up.poll_all(cx).is_pending()));
        check!(block_on(once)?);
        drop(given_up);

        let mut waited = set(&both, None)?;
        bench.wait_started(2)?;
        bench.mock.complete(2, Err(EIO));
        let all = timeout(LIMIT, poll_fn(|cx| waited.poll_all(cx)));
        check!(block_on(all)?.is_ok());
        check!(second.test_signaled_flag() && waited.is_empty());
        // What has failed is found, what has gone well is left out. Of one timeline it is the last
        // that counts.
        let mut failed = set(&both, None)?;
        check_eq!(failed.len(), 1);
        check_eq!(block_on(poll_fn(|cx| failed.poll_all(cx)))?, Err(EIO));
        let third = bench.commit(Job::new(3), &[])?;
        bench.wait_started(3)?;
        bench.mock.complete(3, Ok(()));
        check_eq!(result(&third), Ok(()));
        check!(set(&[first, third], None)?.is_empty());
        bench.end()
    }

    /// An idle queue starts a job in the thread that commits it, except on PREEMPT_RT.
    #[test]
    fn commit_starts_what_is_ready() -> Result {
        let bench = Bench::new(8)?;
        let mut inline = 0;
        for id in 1..=50 {
            let fence = bench.commit(Job::new(id), &[])?;
            // Unless a worker has the task at this moment.
            inline += usize::from(bench.mock.started() == id as usize);
            bench.wait_started(id as usize)?;
            bench.mock.complete(id, Ok(()));
            check_eq!(result(&fence), Ok(()));
        }
        check!(inline > 0 || !COMMITS_POLL);
        bench.end()
    }

    #[test]
    fn credits_limit_what_is_in_flight() -> Result {
        let bench = Bench::new(2)?;
        let mut fences = KVec::new();
        for id in 1..=4 {
            fences.push(bench.commit(Job::new(id), &[])?, GFP_KERNEL)?;
        }
        bench.wait_started(2)?;
        check_eq!(bench.mock.started(), 2);
        bench.mock.complete(1, Ok(()));
        bench.wait_started(3)?;
        check_eq!(bench.mock.started(), 3);
        bench.mock.complete(4, Ok(()));
        check_eq!(result(&fences[3]), Ok(()));
        check!(bench.prepare(Job::new(5), 3, &[]).is_err());
        bench.end()
    }

    #[test]
    fn closed_in_any_state() -> Result {
        let (other, bench) = (Bench::new(8)?, Bench::new(1)?);
        let dependency = other.commit(Job::new(1), &[])?;
        let flying = bench.commit(Job::new(1), &[])?;
        let waiting = bench.commit(Job::new(2), &[])?;
        let depending = bench.commit(Job::new(3), core::slice::from_ref(&dependency))?;
        bench.wait_started(1)?;

        let prepared = bench.prepare(Job::new(4), 1, &[])?;
        bench.scope.cancel();
        check!(prepared.commit().is_err());
        // Nothing signals before what was committed before it.
        check!([&flying, &waiting, &depending]
            .iter()
            .all(|f| !f.test_signaled_flag()));
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&flying), Ok(()));
        check_eq!(result(&waiting), Err(ECANCELED));
        // Nor before what it depends on.
        check!(!depending.test_signaled_flag());
        other.mock.complete(1, Ok(()));
        check_eq!(result(&depending), Err(ECANCELED));
        check_eq!(bench.mock.started(), 1);
        bench.end()?;
        check_eq!(bench.mock.retired(), 3);
        other.end()
    }

    #[test]
    fn what_cannot_start_fails_in_its_turn() -> Result {
        let bench = Bench::new(8)?;
        let first = bench.commit(Job::new(1), &[])?;
        let second = bench.commit(Job::failing(2), &[])?;
        let third = bench.commit(Job::new(3), &[])?;
        bench.wait_started(1)?;
        check!(!second.test_signaled_flag());
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&first), Ok(()));
        check_eq!(result(&second), Err(ENODEV));
        bench.wait_started(2)?;
        bench.mock.complete(3, Ok(()));
        check_eq!(result(&third), Ok(()));
        bench.end()
    }

    #[test]
    fn a_job_that_makes_no_sign_is_looked_at() -> Result {
        let bench = Bench::new(8)?;
        // The mock ends it when its time limit has expired for the third time.
        let fence = bench.commit(Job::stalling(1), &[])?;
        check_eq!(result(&fence), Err(ETIMEDOUT));
        check_eq!(bench.mock.timeouts(), 3);
        bench.end()
    }

    /// R16, H20: a reset ends what is in flight; what the hardware has finished before stays so;
    /// later jobs run.
    #[test]
    fn a_reset_ends_what_is_in_flight() -> Result {
        let bench = Bench::new(2)?;
        let guilty = bench.commit(Job::new(1), &[])?;
        let lost = bench.commit(Job::new(2), &[])?;
        let later = bench.commit(Job::new(3), &[])?;
        bench.wait_started(2)?;
        bench.mock.reset_when_stalled();
        check_eq!(result(&guilty), Err(ETIME));
        check_eq!(result(&lost), Err(ECANCELED));
        bench.wait_started(3)?;
        bench.mock.complete(3, Ok(()));
        check_eq!(result(&later), Ok(()));
        check_eq!(bench.mock.resets(), Some(1));
        bench.end()?;
        check_eq!(bench.mock.retired(), 3);
        Ok(())
    }

    /// R3: a ring that reports a job with evidence for another queue is not believed: neither the
    /// fence nor the job's memory is given up. The time limit decides, and later jobs run.
    #[test]
    fn evidence_for_another_queue_is_not_believed() -> Result {
        static NAMES: Names = Names::new(c"test", c"other");
        let (other, _signaller) = FenceContext::new(&NAMES)?;
        let bench = Bench::new(1)?;
        bench.mock.report_for(Some(other.timeline()));
        let first = bench.commit(Job::new(1), &[])?;
        let second = bench.commit(Job::new(2), &[])?;
        bench.mock.complete(1, Ok(()));
        let waits = stays(&first)?;
        let (retired, started) = (bench.mock.retired(), bench.mock.started());
        bench.mock.reset_when_stalled();
        let late = result(&first);
        bench.mock.report_for(None);
        bench.mock.complete(2, Ok(()));
        let next = result(&second);
        bench.end()?;
        check_eq!((waits, retired, started), (true, 0, 1));
        check_eq!((late, next), (Err(ETIME), Ok(())));
        check_eq!((bench.mock.resets(), bench.mock.retired()), (Some(1), 2));
        Ok(())
    }

    #[test]
    fn a_prepared_job_leaves_no_trace() -> Result {
        let bench = Bench::new(8)?;
        drop(bench.prepare(Job::new(1), 1, &[])?);
        let fence = bench.commit(Job::new(1), &[])?;
        bench.wait_started(1)?;
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&fence), Ok(()));
        bench.end()?;
        check_eq!(bench.mock.started(), 1);
        Ok(())
    }

    #[test]
    fn a_dropped_fence_is_orphaned() -> Result {
        let mut fences = KVec::with_capacity(2, GFP_KERNEL)?;
        let tested = dropped(&mut fences);
        // SAFETY: Both ends have gone with the test's executor, so what has not signalled is
        // orphaned.
        unsafe { end_orphaned(&fences) };
        tested
    }

    fn dropped(fences: &mut KVec<ARef<Fence>>) -> Result {
        let executor = Executor::new(c"orphans")?;
        static NAMES: Names = Names::new(c"test", c"orphans");
        let (mut emitter, mut signaller) = FenceContext::new(&NAMES)?;
        let (first, pending) = emitter.arm(FenceReservation::new()?, FenceSet::default());
        let (second, other) = emitter.arm(FenceReservation::new()?, FenceSet::default());
        fences.push(first.clone(), GFP_KERNEL)?;
        fences.push(second.clone(), GFP_KERNEL)?;
        drop(pending.submitted());
        drop(other);
        check!(!first.test_signaled_flag() && !second.test_signaled_flag());
        let task = async move {
            // SAFETY: There is no hardware.
            let stopped = unsafe { RingStopped::new(signaller.timeline()) };
            SignallingSection::with(|section| signaller.drain_orphans(&stopped, ENODEV, section))
        };
        check_eq!(block_on(executor.root().spawn(c"drain", task)?)??, 0);
        check_eq!(result(&first), Err(ENODEV));
        check_eq!(result(&second), Err(ENODEV));
        executor.shutdown()
    }

    #[test]
    fn a_wait_may_be_given_up() -> Result {
        let bench = Bench::new(8)?;
        let fence = bench.commit(Job::new(1), &[])?;
        for _ in 0..100 {
            // Polled once, and dropped while its callback is linked.
            let wait = timeout(kasync::time::Delta::from_micros(1), fence.wait());
            let _ = block_on(wait)?;
        }
        bench.wait_started(1)?;
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&fence), Ok(()));
        // And once more when it has signalled.
        check_eq!(result(&fence), Ok(()));
        bench.end()
    }

    /// R20: a parked queue starts no job and refuses none, and waits for the jobs in flight.
    #[test]
    fn parked() -> Result {
        let bench = Bench::new(8)?;
        let first = bench.commit(Job::new(1), &[])?;
        bench.wait_started(1)?;
        bench.queue.park();
        let second = bench.commit(Job::new(2), &[])?;
        let third = bench.commit(Job::new(3), &[])?;
        // The hardware has one still.
        let early = block_on(timeout(Delta::from_millis(20), pin!(bench.queue.parked())))?;
        check!(early.is_err());
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&first), Ok(()));
        check!(block_on(timeout(LIMIT, pin!(bench.queue.parked())))?.is_ok());
        check_eq!(bench.mock.started(), 1);
        bench.queue.unpark();
        bench.wait_started(3)?;
        bench.mock.complete(3, Ok(()));
        check_eq!(result(&second), Ok(()));
        check_eq!(result(&third), Ok(()));

        // Closing does not wait for an unpark.
        bench.queue.park();
        let never = bench.commit(Job::new(4), &[])?;
        bench.queue.close();
        check_eq!(result(&never), Err(ECANCELED));
        check_eq!(bench.mock.started(), 3);
        bench.end()
    }

    /// The error of a dependency is that of the jobs that wait for it, and the error of a job that
    /// of those behind it in its queue if errors poison that: R19.
    #[test]
    fn errors_go_where_they_have_to() -> Result {
        let source = Bench::new(8)?;
        let (strict, poisoned) = (
            Bench::with(8, OnError::Propagate)?,
            Bench::with(8, OnError::Poison)?,
        );
        let failing = source.commit(Job::new(1), &[])?;
        let dependency = core::slice::from_ref(&failing);
        let waiting = strict.commit(Job::new(1), dependency)?;
        let other = strict.commit(Job::new(2), &[])?;
        let bad = poisoned.commit(Job::new(1), &[])?;
        let after = poisoned.commit(Job::new(2), &[])?;
        source.wait_started(1)?;
        source.mock.complete(1, Err(EIO));
        check_eq!(result(&waiting), Err(EIO));
        // Its own next one runs.
        strict.wait_started(1)?;
        strict.mock.complete(2, Ok(()));
        check_eq!(result(&other), Ok(()));
        // A dependency that has failed before.
        let late = strict.commit(Job::new(3), dependency)?;
        check_eq!(result(&late), Err(EIO));
        check_eq!(strict.mock.started(), 1);

        poisoned.wait_started(2)?;
        poisoned.mock.complete(1, Err(EINVAL));
        check_eq!(result(&bad), Err(EINVAL));
        // It was in flight already.
        poisoned.mock.complete(2, Ok(()));
        check_eq!(result(&after), Ok(()));
        for id in 3..=4 {
            let never = poisoned.commit(Job::new(id), &[])?;
            check_eq!(result(&never), Err(EINVAL));
        }
        check_eq!(poisoned.mock.started(), 2);
        source.end()?;
        strict.end()?;
        poisoned.end()
    }
}
