// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Limits that keep jobs from the hardware, and deadlines of jobs.

use kernel::prelude::*;

#[kunit_tests(jobqueue_flow)]
mod tests {
    use crate::{
        contexts::threads,
        ring::{
            result,
            Bench,
            Job,
            Options,
            LIMIT, //
        }, //
    };
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
