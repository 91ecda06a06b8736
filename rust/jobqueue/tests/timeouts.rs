// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A queue while its ring handles a timeout.

use kernel::prelude::*;

#[kunit_tests(jobqueue_timeouts)]
mod tests {
    use crate::ring::{
        result,
        stays,
        Bench,
        Job, //
    };
    use kernel::prelude::*;

    /// The job that has timed out, and one behind it, are over before the ring has decided.
    #[test]
    fn jobs_complete_during_a_decision() -> Result {
        let bench = Bench::new(8)?;
        bench.mock.set_undecided(true);
        // Both are submitted in one poll, so before the time limit of the first has passed.
        bench.queue.park();
        let first = bench.commit(Job::new(1), &[])?;
        let second = bench.commit(Job::new(2), &[])?;
        bench.queue.unpark();
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
}
