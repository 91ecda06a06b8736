// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fences that have to be asked, that signal with an error, or whose callbacks run under locks of
//! others: see [`foreign`](super).

use super::{
    depending,
    join,
    set,
    set_pends, //
    unlimited,
};
use crate::{
    contexts::{
        in_irq,
        settle,
        with_outer_lock,
        Enable,
        Issuer, //
    },
    ring::{
        result,
        stays,
        LIMIT, //
    }, //
};
use jobqueue::OnError;
use kasync::{
    block_on,
    time::{
        timeout,
        Delta, //
    },
    Executor, //
};
use kernel::{
    prelude::*,
    sync::Arc,
    time::delay::fsleep, //
};

#[kunit_tests(jobqueue_foreign_fences_asked)]
mod tests {
    use super::*;

    /// H34: a fence that signals only after signalling has been enabled.
    #[test]
    fn it_has_to_be_asked() -> Result {
        let bench = unlimited(OnError::Ignore)?;
        let mut issuer = Issuer::with(3, Enable::Needed)?;
        check!(!issuer.enabled(0));
        check!(stays(&issuer.fences()[0])?);
        check!(issuer.enabled(0) && !issuer.enabled(1));
        let job = depending(&bench, issuer.fences())?;
        // A worker may be at it.
        for _ in 0..6000 {
            if issuer.enabled(1) && issuer.enabled(2) {
                break;
            }
            fsleep(Delta::from_millis(10));
        }
        check!(issuer.enabled(1) && issuer.enabled(2));
        issuer.signal_rest(Ok(()));
        bench.wait_started(1)?;
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&job), Ok(()));
        bench.end()?;
        drop(issuer);
        settle()
    }

    /// A fence that is found to be complete when signalling is enabled, and signals in that poll.
    #[test]
    fn over_when_it_is_asked() -> Result {
        let bench = unlimited(OnError::Ignore)?;
        let issuer = Issuer::with(4, Enable::Over)?;
        let [first, second, rest @ ..] = issuer.fences() else {
            return Err(EINVAL);
        };
        check!(!first.test_signaled_flag());
        check_eq!(block_on(first.wait())?, Ok(()));
        let mut all = set(rest)?;
        check_eq!(all.len(), 2);
        check!(!set_pends(&mut all)? && all.is_empty());
        let job = depending(&bench, core::slice::from_ref(second))?;
        bench.wait_started(1)?;
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&job), Ok(()));
        check!(issuer.fences().iter().all(|f| f.test_signaled_flag()));
        bench.end()?;
        drop(issuer);
        settle()
    }

    /// R19: what an error is to a job that depends on it, whether it is there before the job or
    /// comes while the job waits.
    #[test]
    fn with_an_error() -> Result {
        for on_error in [OnError::Ignore, OnError::Propagate, OnError::Poison] {
            for before in [true, false] {
                let bench = unlimited(on_error)?;
                let mut issuer = Issuer::new(3)?;
                issuer.signal(1, Ok(()), false);
                if before {
                    issuer.signal(1, Err(ENOENT), false);
                }
                let job = depending(&bench, issuer.fences())?;
                let next = depending(&bench, &[])?;
                check!(stays(&job)?);
                // The error alone does not end it: the others are waited for as well.
                if !before {
                    in_irq(|| issuer.signal(1, Err(ENOENT), false));
                    check!(stays(&job)?);
                }
                issuer.signal_rest(Ok(()));
                let runs = match on_error {
                    OnError::Ignore => 2,
                    OnError::Propagate => 1,
                    OnError::Poison => 0,
                };
                bench.wait_started(runs)?;
                bench.mock.complete(2, Ok(()));
                let gets = |runs| if runs { Ok(()) } else { Err(ENOENT) };
                check_eq!(result(&job), gets(on_error == OnError::Ignore));
                check_eq!(result(&next), gets(on_error != OnError::Poison));
                check_eq!(bench.mock.started(), runs);
                bench.end()?;
            }
        }
        settle()
    }

    /// R19: an error is not missed, whatever the thread that submits is doing when it comes.
    #[test]
    fn with_an_error_at_any_moment() -> Result {
        let bench = unlimited(OnError::Propagate)?;
        for step in 0..1500 {
            let mut issuer = Issuer::new(2)?;
            // An interrupt, somewhere in what follows.
            issuer.signal_after(Delta::from_nanos(100 * step), Err(EIO));
            let job = depending(&bench, issuer.fences());
            issuer.signal_rest(Ok(()));
            check_eq!(result(&job?), Err(EIO));
        }
        check_eq!(bench.mock.started(), 0);
        bench.end()?;
        settle()
    }

    /// H8, R12: it is signalled under a lock that a woken waiter takes as well. Waking is no more
    /// than that.
    #[test]
    fn woken_under_others_locks() -> Result {
        let executor = Executor::new(c"nested")?;
        let bench = unlimited(OnError::Ignore)?;
        let mut jobs = KVec::new();
        for round in 0..50 {
            let scope = executor.root().child(c"round")?;
            let mut issuer = Issuer::new(2)?;
            let taken = Arc::new(kasync::sync::Notify::new(), GFP_KERNEL)?;
            let takes = taken.clone();
            let (first, second) = (issuer.fences()[0].clone(), issuer.fences()[1].clone());
            let task = scope.spawn(c"takes-it", async move {
                let _ = first.wait().await;
                with_outer_lock(|| takes.notify_one());
                let _ = second.wait().await;
            })?;
            jobs.push(depending(&bench, issuer.fences())?, GFP_KERNEL)?;
            let mut signal = |together| with_outer_lock(|| issuer.signal(1, Ok(()), together));
            let together = round % 2 == 0;
            match round % 4 {
                0 | 1 => in_irq(|| signal(together)),
                _ => signal(together),
            }
            block_on(timeout(LIMIT, taken.notified()))?.map_err(|_| ETIME)?;
            in_irq(|| signal(together));
            block_on(timeout(LIMIT, task))?.map_err(|_| ETIME)?;
            join(&scope)?;
            bench.wait_started(round + 1)?;
            bench.mock.complete(round as u32 + 1, Ok(()));
            check_eq!(result(&jobs[round]), Ok(()));
        }
        bench.end()?;
        executor.shutdown()?;
        settle()
    }
}
