// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The callbacks that run in the threads that use a queue: only those by which a commit submits to
//! idle hardware. No fence signals there but that of the commit's own job, if the hardware is done
//! with it at once.

use kernel::prelude::*;

#[kunit_tests(jobqueue_callers)]
mod tests {
    use crate::{
        contexts::{
            annotated_waits,
            in_irq,
            settle,
            while_traced,
            Issuer,
            Watch,
            COMMITS_POLL, //
        },
        ring::{
            result,
            stays,
            Bench,
            Called,
            Job,
            Options,
            LIMIT, //
        }, //
    };
    use dma_fence::FenceSet;
    use kasync::{
        block_on,
        time::timeout, //
    };
    use kernel::prelude::*;

    const ROUNDS: u32 = 30;

    fn unlimited() -> Result<Bench> {
        Bench::build(Options {
            timeout: LIMIT,
            ..Options::new(8)
        })
    }

    /// Closing with a job that was never in flight.
    #[test]
    fn close_runs_nothing() -> Result {
        let mut ours = 0;
        for _ in 0..ROUNDS {
            let bench = unlimited()?;
            bench.queue.park();
            let fence = bench.commit(Job::new(1), &[])?;
            // Its task has nothing to do, so that a poll on the spot would be possible.
            block_on(timeout(LIMIT, core::pin::pin!(bench.queue.parked())))?
                .map_err(|_| ETIME)??;
            bench.mock.count_calls();
            let watch = Watch::new(&fence)?;
            bench.queue.close();
            check_eq!(result(&fence), Err(ECANCELED));
            ours += u32::from(watch.is_ours()) + bench.mock.called().others;
            bench.end()?;
        }
        check_eq!(ours, 0);
        Ok(())
    }

    #[test]
    fn drop_runs_nothing() -> Result {
        let mut ours = 0;
        for _ in 0..ROUNDS {
            let mut bench = unlimited()?;
            bench.queue.park();
            let fence = bench.commit(Job::new(1), &[])?;
            block_on(timeout(LIMIT, core::pin::pin!(bench.queue.parked())))?
                .map_err(|_| ETIME)??;
            bench.mock.count_calls();
            let watch = Watch::new(&fence)?;
            bench.drop_queue()?;
            check_eq!(result(&fence), Err(ECANCELED));
            ours += u32::from(watch.is_ours()) + bench.mock.called().others;
            bench.end()?;
        }
        check_eq!(ours, 0);
        Ok(())
    }

    /// A queue is dropped in an interrupt: with jobs in flight and waiting; and as the last
    /// reference to what it shares with its task, after that has ended.
    #[test]
    fn queues_are_dropped_in_interrupts() -> Result {
        let mut bench = Bench::build(Options {
            timeout: LIMIT,
            ..Options::new(1)
        })?;
        let flying = bench.commit(Job::new(1), &[])?;
        let waiting = bench.commit(Job::new(2), &[])?;
        bench.wait_started(1)?;
        let mut queue = Some(bench.take_queue()?);
        in_irq(|| drop(queue.take()));
        check!(!flying.test_signaled_flag() && !waiting.test_signaled_flag());
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&flying), Ok(()));
        check_eq!(result(&waiting), Err(ECANCELED));

        let mut queue = Some(bench.take_queue()?);
        bench.scope.cancel();
        block_on(timeout(LIMIT, bench.scope.join()))?.map_err(|_| ETIME)??;
        in_irq(|| drop(queue.take()));
        bench.end()
    }

    #[test]
    fn park_and_unpark_run_nothing() -> Result {
        let bench = unlimited()?;
        let mut called = KVec::new();
        for id in 1..=ROUNDS {
            bench.queue.park();
            let fence = bench.commit(Job::new(id), &[])?;
            block_on(timeout(LIMIT, core::pin::pin!(bench.queue.parked())))?
                .map_err(|_| ETIME)??;
            bench.mock.count_calls();
            bench.queue.unpark();
            bench.wait_started(id as usize)?;
            bench.queue.park();
            bench.mock.complete_in_silence(id);
            let watch = Watch::new(&fence);
            bench.queue.park();
            bench.queue.unpark();
            bench.mock.complete(id, Ok(()));
            check_eq!(result(&fence), Ok(()));
            if let Ok(watch) = watch {
                check!(!watch.is_ours());
            }
            called.push(bench.mock.called(), GFP_KERNEL)?;
        }
        bench.end()?;
        check!(called.iter().all(|c| *c == Called::default()));
        Ok(())
    }

    /// A commit hands its job to hardware that has nothing to do, and cannot be preempted
    /// meanwhile. If the hardware is through with it at once the commit ends it as well, and runs
    /// what follows from that: the job is retired, and the ring is quiet. On PREEMPT_RT it runs
    /// nothing.
    #[test]
    fn commit_runs_its_job_only() -> Result {
        let bench = unlimited()?;
        let (mut inline, mut ended) = (0, 0);
        for id in 1..=ROUNDS {
            bench.mock.count_calls();
            // It is over as soon as it is begun.
            bench.mock.complete_in_silence(id);
            let fence = bench.commit(Job::new(id), &[])?;
            let called = bench.mock.called();
            check_eq!(called.preemptible, 0);
            check!(called.others == 0 || called.others == 2);
            inline += u32::from(called.submits > 0);
            if called.others != 0 {
                ended += 1;
                check!(fence.test_signaled_flag());
            }
            bench.mock.complete(id, Ok(()));
            check_eq!(result(&fence), Ok(()));
            bench.wait_retired(id as usize)?;
        }
        bench.end()?;
        if COMMITS_POLL {
            check!(inline > 0 && ended > 0);
        } else {
            check_eq!((inline, ended), (0, 0));
        }
        Ok(())
    }

    /// A job with many dependencies is left to a worker, as nothing else would have the processor
    /// while they are polled and dropped. That they have all signalled makes no difference.
    #[test]
    fn commit_with_many_dependencies_runs_nothing() -> Result {
        let bench = unlimited()?;
        let mut inline = [0, 0];
        let mut id = 0;
        for more in 0..=1 {
            // Failed ones, as the others are left out.
            let mut issuer = Issuer::new(FenceSet::AT_ONCE as u32 + more)?;
            issuer.signal_rest(Err(EIO));
            for _ in 0..ROUNDS {
                id += 1;
                bench.mock.count_calls();
                let fence = bench.commit(Job::new(id), issuer.fences())?;
                inline[more as usize] += u32::from(bench.mock.called().submits > 0);
                bench.mock.complete(id, Ok(()));
                check_eq!(result(&fence), Ok(()));
                bench.wait_retired(id as usize)?;
            }
        }
        bench.end()?;
        check_eq!(inline[1], 0);
        check!((inline[0] > 0) == COMMITS_POLL);
        settle()
    }

    /// A commit to a queue with something in flight only wakes a worker.
    #[test]
    fn commit_behind_another_runs_nothing() -> Result {
        let bench = unlimited()?;
        let mut checked = 0;
        for id in 1..=ROUNDS {
            let fence = bench.commit(Job::new(2 * id - 1), &[])?;
            bench.wait_started(2 * id as usize - 1)?;
            let watch = Watch::new(&fence)?;
            bench.mock.complete_in_silence(2 * id - 1);
            bench.mock.count_calls();
            let next = bench.commit(Job::new(2 * id), &[])?;
            let called = bench.mock.called();
            // A worker may have been at it, and have found that it is over.
            let in_flight = !fence.test_signaled_flag();
            bench.mock.complete(2 * id, Ok(()));
            check_eq!((result(&fence), result(&next)), (Ok(()), Ok(())));
            check!(!watch.is_ours());
            if in_flight {
                checked += 1;
                check_eq!(called, Called::default());
            }
        }
        bench.end()?;
        check!(checked > 0);
        Ok(())
    }

    /// A commit behind a job that waits wakes nobody: the queue's task could do nothing with the
    /// new job. It runs after the one before it nevertheless.
    #[test]
    fn commit_behind_a_waiting_job_wakes_nobody() -> Result {
        let bench = unlimited()?;
        bench.mock.set_busy(true);
        let first = bench.commit(Job::new(1), &[])?;
        check!(stays(&first)?);
        let polls = bench.mock.not_ready_polls();
        let behind = [
            bench.commit(Job::new(2), &[])?,
            bench.commit(Job::new(3), &[])?,
        ];
        check!(stays(&first)?);
        let woken = bench.mock.not_ready_polls() != polls;
        bench.mock.set_busy(false);
        bench.wait_started(3)?;
        bench.mock.complete(3, Ok(()));
        for fence in [&first, &behind[0], &behind[1]] {
            check_eq!(result(fence), Ok(()));
        }
        bench.end()?;
        check!(polls > 0 && !woken);
        Ok(())
    }

    /// A job that is not to run, since what it depends on has failed: its fence does not signal in
    /// the commit.
    #[test]
    fn commit_cancels_nothing() -> Result {
        let (source, strict) = (
            unlimited()?,
            Bench::build(Options {
                timeout: LIMIT,
                on_error: jobqueue::OnError::Propagate,
                ..Options::new(8)
            })?,
        );
        let failing = source.commit(Job::new(1), &[])?;
        source.wait_started(1)?;
        source.mock.complete(1, Err(EIO));
        check_eq!(result(&failing), Err(EIO));
        let mut others = 0;
        for id in 1..=ROUNDS {
            strict.mock.count_calls();
            let fence = strict.commit(Job::new(id), core::slice::from_ref(&failing))?;
            others += strict.mock.called().others;
            check_eq!(result(&fence), Err(EIO));
        }
        source.end()?;
        strict.end()?;
        check_eq!(others, 0);
        Ok(())
    }

    /// A thread that prepares a job may wait for fences, for room in the queue: lockdep hears of it
    /// whether there is room or not.
    #[test]
    fn prepare_is_annotated() -> Result {
        let bench = unlimited()?;
        let before = annotated_waits();
        drop(bench.prepare(Job::new(1), 1, &[])?);
        let told = annotated_waits() > before;
        bench.end()?;
        check_eq!(told, cfg!(CONFIG_LOCKDEP));
        Ok(())
    }

    /// The events of a job with many dependencies, which are as many, come from a worker.
    #[test]
    fn many_events_are_left_to_a_worker() -> Result {
        let bench = unlimited()?;
        let mut issuer = Issuer::new(FenceSet::AT_ONCE as u32 + 1)?;
        issuer.signal_rest(Err(EIO));
        let mut inline = 0;
        while_traced(|| {
            (1..=ROUNDS).try_for_each(|id| {
                bench.mock.count_calls();
                let fence = bench.commit(Job::new(id), issuer.fences())?;
                inline += bench.mock.labels().0;
                bench.mock.complete(id, Ok(()));
                check_eq!(result(&fence), Ok(()));
                bench.wait_retired(id as usize)
            })
        })?;
        bench.end()?;
        drop(issuer);
        check_eq!(inline, 0);
        settle()
    }

    /// While trace events are enabled, a commit that polls the queue asks its ring for the label,
    /// with preemption disabled: when it receives the job and when it submits it.
    #[test]
    fn labels_are_asked_for_by_commits() -> Result {
        let bench = unlimited()?;
        let mut labels = KVec::new();
        let mut commit = |id| -> Result {
            bench.mock.count_calls();
            let fence = bench.commit(Job::new(id), &[])?;
            labels.push((bench.mock.called(), bench.mock.labels()), GFP_KERNEL)?;
            bench.wait_started(id as usize)?;
            bench.mock.complete(id, Ok(()));
            check_eq!(result(&fence), Ok(()));
            bench.wait_retired(id as usize)
        };
        commit(1)?;
        while_traced(|| (2..=ROUNDS).try_for_each(&mut commit))?;
        bench.end()?;
        check_eq!(labels[0].1, (0, 0));
        let inline = labels[1..].iter().filter(|(called, _)| called.submits > 0);
        check!((inline.clone().count() > 0) == COMMITS_POLL);
        check!(inline.clone().all(|&(_, labels)| labels == (2, 0)));
        Ok(())
    }
}
