// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Limits that keep jobs from the hardware, and deadlines of jobs.

use kernel::prelude::*;

#[kunit_tests(jobqueue_flow)]
mod tests {
    use crate::{
        contexts::threads,
        ring::{
            result,
            stays,
            Bench,
            Job,
            Options,
            LIMIT, //
        }, //
    };
    use jobqueue::OnError;
    use kasync::{
        block_on,
        time::{
            timeout,
            Delta, //
        }, //
    };
    use kernel::{
        prelude::*,
        sync::atomic::{
            Atomic,
            Relaxed, //
        }, //
    };

    const KIB: usize = 1024;

    /// R22: jobs keep as much memory as the queue allows, and a job that wants more waits until
    /// some is given back.
    #[test]
    fn memory_is_limited() -> Result {
        let options = Options {
            memory: 64 * KIB,
            ..Options::new(8)
        };
        let bench = Bench::build(options)?;
        check!(matches!(
            bench.prepare(Job::large(1, 64 * KIB + 1), 1, &[]).err(),
            Some(EINVAL)
        ));
        // Preparing takes it, and dropping gives it back.
        drop(bench.prepare(Job::large(1, 64 * KIB), 1, &[])?);
        let first = bench.commit(Job::large(1, 40 * KIB), &[])?;
        // What needs none does not wait, nor what fits.
        let second = bench.commit(Job::new(2), &[])?;
        let third = bench.commit(Job::large(3, 24 * KIB), &[])?;
        bench.wait_started(3)?;
        let committed = Atomic::<bool>::new(false);
        let complete = || {
            let early = committed.load(Relaxed);
            // One unit is not enough for it ...
            bench.mock.complete(1, Ok(()));
            check_eq!(result(&first), Ok(()));
            // ... but now it is.
            bench.wait_started(4)?;
            bench.mock.complete(4, Ok(()));
            for fence in [&second, &third] {
                check_eq!(result(fence), Ok(()));
            }
            check!(!early);
            Ok(())
        };
        threads(2, |n| {
            if n == 0 {
                // Long enough for the other one to get it, if nothing waits.
                kernel::time::delay::fsleep(Delta::from_millis(30));
                return complete().inspect_err(|_| bench.abandon());
            }
            let fourth = bench.commit(Job::large(4, 40 * KIB), &[])?;
            committed.store(true, Relaxed);
            result(&fourth)
        })?;
        bench.end()
    }

    /// Jobs that have not begun when their queue is closed are discarded at once, each once, though
    /// what they wait for has not signalled. Their fences signal after that, in their order.
    #[test]
    fn jobs_that_wait_are_discarded() -> Result {
        // More than in one poll.
        const LAST: u32 = 600;
        let options = Options {
            jobs: LAST as usize,
            timeout: LIMIT,
            ..Options::new(1)
        };
        let (bench, other) = (Bench::build(options)?, Bench::new(8)?);
        let gate = other.commit(Job::new(1), &[])?;
        let first = bench.commit(Job::new(1), &[])?;
        bench.wait_started(1)?;
        let second = bench.commit(Job::new(2), core::slice::from_ref(&gate))?;
        for id in 3..LAST {
            bench.commit(Job::new(id), &[])?;
        }
        let last = bench.commit(Job::new(LAST), &[])?;
        bench.queue.close();
        bench.wait_discarded(LAST as usize - 1)?;
        let told = bench.mock.closed();
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&first), Ok(()));
        bench.wait_closed()?;
        let waits = stays(&second)? && stays(&last)?;
        let retired = bench.mock.retired();
        other.mock.complete(1, Ok(()));
        check_eq!(result(&last), Err(ECANCELED));
        check_eq!(result(&second), Err(ECANCELED));
        bench.end()?;
        other.end()?;
        check_eq!((told, waits, retired), (0, true, 1));
        let all = LAST * (LAST + 1) / 2 - 1;
        check_eq!(bench.mock.discarded(), (all, LAST as usize - 1));
        check_eq!(
            (bench.mock.closed(), bench.mock.retired()),
            (1, LAST as usize)
        );
        check_eq!(bench.mock.started(), 1);
        Ok(())
    }

    /// R18: a job with a deadline hears of it, and so do the jobs that it waits for.
    #[test]
    fn deadlines_are_passed_on() -> Result {
        let (bench, other) = (Bench::new(8)?, Bench::new(8)?);
        let dependency = other.commit(Job::new(1), &[])?;
        let fence = bench.commit(Job::new(1), core::slice::from_ref(&dependency))?;
        fence.set_deadline(Delta::from_secs(60));
        for bench in [&bench, &other] {
            let within =
                block_on(timeout(LIMIT, bench.mock.earliest_deadline()))?.map_err(|_| ETIME)?;
            check!(within > Delta::from_secs(1) && within <= Delta::from_secs(60));
        }
        other.wait_started(1)?;
        other.mock.complete(1, Ok(()));
        bench.wait_started(1)?;
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&fence), Ok(()));
        bench.end()?;
        other.end()
    }

    /// No callback runs while a queue is parked. A deadline that is set then reaches the ring once
    /// the queue is unparked.
    #[test]
    fn deadlines_wait_while_parked() -> Result {
        let bench = Bench::new(8)?;
        bench.queue.park();
        let fence = bench.commit(Job::new(1), &[])?;
        bench.wait_parked()?;
        fence.set_deadline(Delta::from_secs(1));
        let waits = stays(&fence)?;
        let told = bench.mock.deadlines();
        bench.queue.unpark();
        let soon = block_on(timeout(LIMIT, bench.mock.earliest_deadline()))?;
        bench.wait_started(1)?;
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&fence), Ok(()));
        bench.end()?;
        check_eq!((waits, told, bench.mock.deadlines()), (true, 0, 1));
        check!(soon.is_ok_and(|within| within <= Delta::from_secs(1)));
        Ok(())
    }

    /// Jobs that will not run, as one before them has failed, are not cancelled either: they are
    /// cancelled once the queue is unparked, or closed.
    #[test]
    fn nothing_is_cancelled_while_parked() -> Result {
        for closes in [false, true] {
            let bench = Bench::with(8, OnError::Poison)?;
            let failed = bench.commit(Job::new(1), &[])?;
            bench.wait_started(1)?;
            bench.mock.complete(1, Err(EIO));
            check_eq!(result(&failed), Err(EIO));
            bench.wait_retired(1)?;
            bench.queue.park();
            bench.wait_parked()?;
            let fence = bench.commit(Job::new(2), &[])?;
            let waits = stays(&fence)?;
            let retired = bench.mock.retired();
            match closes {
                true => bench.queue.close(),
                false => bench.queue.unpark(),
            }
            let late = result(&fence);
            bench.end()?;
            check_eq!((waits, retired, late), (true, 1, Err(EIO)));
            check_eq!((bench.mock.started(), bench.mock.retired()), (1, 2));
        }
        Ok(())
    }

    /// A16: requests are merged. Only one that is earlier is passed on again, and that reaches what
    /// the last of many jobs waits for, though not in one poll.
    #[test]
    fn deadlines_are_merged() -> Result {
        const JOBS: u32 = 600;
        let options = Options {
            jobs: JOBS as usize + 1,
            timeout: LIMIT,
            ..Options::new(8)
        };
        let (bench, first, last) = (Bench::build(options)?, Bench::new(8)?, Bench::new(8)?);
        let (gate, other) = (
            first.commit(Job::new(1), &[])?,
            last.commit(Job::new(1), &[])?,
        );
        bench.commit(Job::new(1), core::slice::from_ref(&gate))?;
        for id in 2..JOBS {
            bench.commit(Job::new(id), &[])?;
        }
        let fence = bench.commit(Job::new(JOBS), core::slice::from_ref(&other))?;
        for _ in 0..100 {
            fence.set_deadline(Delta::from_secs(60));
            kernel::time::delay::fsleep(Delta::from_micros(300));
        }
        let soon = core::pin::pin!(bench.mock.deadline_within(Delta::from_secs(60)));
        block_on(timeout(LIMIT, soon))?.map_err(|_| ETIME)?;
        let told = bench.mock.deadlines();
        fence.set_deadline(Delta::from_secs(30));
        for mock in [&bench.mock, &last.mock] {
            let soon = core::pin::pin!(mock.deadline_within(Delta::from_secs(30)));
            block_on(timeout(LIMIT, soon))?.map_err(|_| ETIME)?;
        }
        let again = bench.mock.deadlines();
        first.mock.complete(1, Ok(()));
        last.mock.complete(1, Ok(()));
        bench.mock.complete(JOBS, Ok(()));
        check_eq!(result(&fence), Ok(()));
        bench.end()?;
        first.end()?;
        last.end()?;
        check_eq!((told, again), (1, 2));
        Ok(())
    }
}
