// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A queue while its ring handles a timeout.

use kernel::prelude::*;

#[kunit_tests(jobqueue_timeouts)]
mod tests {
    use crate::ring::{
        result,
        stays,
        Bench,
        Job,
        Options, //
    };
    use dma_fence::Fence;
    use kasync::time::Delta;
    use kernel::{
        prelude::*,
        sync::{
            aref::ARef,
            rcu, //
        },
        time::{
            Instant,
            Monotonic, //
        }, //
    };

    /// A queue with this time limit, on a ring that asks to wait.
    fn waiting(timeout: Delta, wait: Delta) -> Result<Bench> {
        let bench = Bench::build(Options {
            timeout,
            ..Options::new(8)
        })?;
        bench.mock.set_wait(wait);
        Ok(bench)
    }

    /// Commits two jobs that are submitted in one poll, so before the time limit of the first has
    /// passed.
    fn commit_two(bench: &Bench) -> Result<(ARef<Fence>, ARef<Fence>)> {
        bench.queue.park();
        let fences = (
            bench.commit(Job::new(1), &[])?,
            bench.commit(Job::new(2), &[])?,
        );
        bench.queue.unpark();
        Ok(fences)
    }

    /// A queue whose time limit has expired by the time that it is polled. The ring is not ready,
    /// and does not decide.
    fn expired() -> Result<Bench> {
        let bench = Bench::build(Options {
            timeout: Delta::from_nanos(1),
            ..Options::new(8)
        })?;
        bench.mock.set_busy(true);
        bench.mock.set_undecided(true);
        Ok(bench)
    }

    /// Commits a job where the caller may not sleep, so that a worker polls the task.
    fn commit_to_worker(bench: &Bench, job: Job) -> Result<ARef<Fence>> {
        let prepared = bench.prepare(job, 1, &[])?;
        let _rcu = rcu::read_lock();
        prepared.commit()
    }

    /// The job that has timed out, and one behind it, are over before the ring has decided.
    #[test]
    fn jobs_complete_during_a_decision() -> Result {
        let bench = Bench::new(8)?;
        bench.mock.set_undecided(true);
        let (first, second) = commit_two(&bench)?;
        let deciding = bench.wait_deciding();
        bench.mock.complete(1, Ok(()));
        let early = result(&first);
        let pending = !second.test_signaled_flag();
        bench.mock.complete(2, Err(EIO));
        let late = result(&second);
        bench.mock.set_undecided(false);
        bench.end()?;
        check_eq!((deciding, early, late), (Ok(()), Ok(()), Err(EIO)));
        check!(pending);
        Ok(())
    }

    /// The job that has timed out is over before the ring has decided to wait. The time that it
    /// asks for is not that of the next job, which has a whole time limit.
    #[test]
    fn a_short_wait_is_not_for_the_next_job() -> Result {
        let limit = Delta::from_millis(300);
        let bench = waiting(limit, Delta::from_millis(1))?;
        bench.mock.set_undecided(true);
        let (first, second) = commit_two(&bench)?;
        let deciding = bench.wait_deciding();
        bench.mock.complete(1, Ok(()));
        let early = result(&first);
        let decided = Instant::<Monotonic>::now();
        bench.mock.set_undecided(false);
        let asked = bench.wait_decisions(2);
        let after = decided.elapsed();
        bench.mock.complete(2, Ok(()));
        let late = result(&second);
        bench.end()?;
        check_eq!((deciding, early), (Ok(()), Ok(())));
        check_eq!((asked, late), (Ok(()), Ok(())));
        check!(after >= limit);
        Ok(())
    }

    /// A job is over long before the time that the ring has asked to wait for it. The next one has
    /// a time limit of its own.
    #[test]
    fn a_long_wait_ends_with_its_job() -> Result {
        let bench = waiting(Delta::from_millis(50), Delta::from_secs(600))?;
        let (first, second) = commit_two(&bench)?;
        let decided = bench.wait_decisions(1);
        // No job is submitted before the queue has been told to wait.
        let third = bench.commit(Job::new(3), &[])?;
        let waits = bench.wait_started(3);
        bench.mock.complete(1, Ok(()));
        let early = result(&first);
        let asked = bench.wait_decisions(2);
        bench.mock.complete(3, Ok(()));
        let late = (result(&second), result(&third));
        bench.end()?;
        check_eq!((decided, waits, early), (Ok(()), Ok(()), Ok(())));
        check_eq!((asked, late), (Ok(()), (Ok(()), Ok(()))));
        Ok(())
    }

    /// A ring that asks to wait for longer than the time limit is not asked before that.
    #[test]
    fn a_long_wait_is_kept() -> Result {
        let (limit, wait) = (Delta::from_millis(20), Delta::from_millis(190));
        let bench = waiting(limit, wait)?;
        let begin = Instant::<Monotonic>::now();
        let fence = bench.commit(Job::new(1), &[])?;
        let asked = bench.wait_timeouts(2);
        let after = begin.elapsed();
        bench.mock.complete(1, Ok(()));
        let done = result(&fence);
        bench.end()?;
        check_eq!((asked, done), (Ok(()), Ok(())));
        check!(after.as_nanos() >= limit.as_nanos() + wait.as_nanos());
        Ok(())
    }

    /// No job is submitted before the ring has decided, and those that wait are after that.
    #[test]
    fn nothing_is_submitted_during_a_decision() -> Result {
        let bench = Bench::new(8)?;
        bench.mock.set_undecided(true);
        let first = bench.commit(Job::new(1), &[])?;
        let deciding = bench.wait_deciding();
        let second = bench.commit(Job::new(2), &[])?;
        bench.mock.complete(1, Ok(()));
        let early = result(&first);
        let waits = stays(&second)?;
        let started = bench.mock.started();
        bench.mock.set_undecided(false);
        let after = bench.wait_started(2);
        bench.mock.complete(2, Ok(()));
        let late = result(&second);
        bench.end()?;
        check_eq!((deciding, early, after), (Ok(()), Ok(()), Ok(())));
        check_eq!((waits, started, late), (true, 1, Ok(())));
        Ok(())
    }

    /// A job that the ring was not ready for is cancelled before the ring has decided. What it
    /// decides then is not for the job behind.
    #[test]
    fn a_job_is_cancelled_during_a_decision() -> Result {
        let (bench, other) = (Bench::new(8)?, Bench::new(8)?);
        bench.mock.set_busy(true);
        bench.mock.set_undecided(true);
        bench.mock.fail_when_not_ready(ENXIO);
        let first = bench.commit(Job::new(1), &[])?;
        let deciding = bench.wait_deciding();
        let wanted = other.commit(Job::new(1), &[])?;
        let second = bench.commit(Job::new(2), core::slice::from_ref(&wanted))?;
        bench.queue.close();
        let early = result(&first);
        bench.mock.set_undecided(false);
        let waits = stays(&second)?;
        other.mock.complete(1, Ok(()));
        let late = result(&second);
        bench.end()?;
        other.end()?;
        check_eq!(deciding, Ok(()));
        check_eq!((early, waits, late), (Err(ECANCELED), true, Err(ECANCELED)));
        Ok(())
    }

    /// The time limit expires in the first poll of an idle queue, so the ring decides while the
    /// queue has never returned from a poll with a job. Jobs that are committed meanwhile come in
    /// order, whoever polls.
    #[test]
    fn jobs_are_committed_during_the_first_decision() -> Result {
        let bench = expired()?;
        let first = commit_to_worker(&bench, Job::new(1))?;
        let deciding = bench.wait_deciding();
        let second = bench.commit(Job::new(2), &[])?;
        let third = commit_to_worker(&bench, Job::new(3))?;
        let waits = stays(&third)?;
        bench.mock.set_busy(false);
        bench.mock.set_undecided(false);
        let started = bench.wait_started(3);
        bench.mock.complete(2, Ok(()));
        let (early, late) = (result(&first), result(&second));
        let pending = stays(&third)?;
        bench.mock.complete(3, Ok(()));
        let last = result(&third);
        bench.end()?;
        check_eq!((deciding, waits, started), (Ok(()), true, Ok(())));
        check_eq!((early, late, pending, last), (Ok(()), Ok(()), true, Ok(())));
        Ok(())
    }

    /// The time limit expires in the poll of the commit, which leaves that to a worker. It is one
    /// expiry.
    #[test]
    fn an_expiry_in_a_commit_counts_once() -> Result {
        let bench = expired()?;
        let fence = bench.commit(Job::new(1), &[])?;
        let deciding = bench.wait_deciding();
        let expiries = bench.mock.not_ready();
        bench.mock.set_busy(false);
        bench.mock.set_undecided(false);
        bench.mock.complete(1, Ok(()));
        let done = result(&fence);
        bench.end()?;
        check_eq!((deciding, expiries, done), (Ok(()), 1, Ok(())));
        Ok(())
    }
}
