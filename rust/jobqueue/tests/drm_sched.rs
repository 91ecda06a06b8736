// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The behaviour that DRM's scheduler checks in its own KUnit suites
//! (`drivers/gpu/drm/scheduler/tests`), checked for the job queue.
//!
//! There a scheduler is a ring and entities are queues for it; with firmware that schedules, each
//! queue has a ring of its own. So wherever they have a number of entities we have a number of
//! queues.
//!
//! | theirs | ours |
//! |---|---|
//! | `drm_sched_basic_submit` | `basic_submit` |
//! | `drm_sched_basic_test`: one entity | `a_queue_of_jobs` |
//! | … one entity, each job depends on the last one | `a_chain_in_one_queue` |
//! | … four entities | `independent_queues` |
//! | … four entities, each job depends on the last one, of another | `a_chain_across_queues` |
//! | `drm_sched_basic_entity_cleanup` | `cleanup_with_pending` |
//! | `drm_sched_basic_cancel` | `cancel_job` (1) |
//! | `drm_sched_parallel_submit_test` | `parallel_submit`, `parallel_submit_to_one` (2) |
//! | `drm_sched_interleaved_submit_test` | `interleaved_submit` |
//! | `drm_sched_basic_timeout` | `timeout_resets` |
//! | `drm_sched_skip_reset` | `timeout_skips_reset` |
//! | `drm_sched_test_credits` | `credits`, and `credits_are_weighed`, as theirs are all 1 |
//! | `drm_sched_priorities` | `queues_do_not_hold_each_other_up` (3) |
//! | `drm_sched_change_priority` | `parked_and_unparked` (4) |
//! | `drm_sched_test_modify_sched` | `jobs_move_between_queues` (5) |
//! | `drm_sched_scheduler_queue_overhead` | `one_at_a_time` |
//! | `drm_sched_scheduler_ping_pong` | `ping_pong` |
//! | `drm_sched_scheduler_two_clients_test` | `two_clients` (6) |
//! | `drm_sched_scheduler_many_clients_test` | `many_clients` |
//!
//! 1. There the scheduler's end cancels what the hardware has; here the hardware has to say so.
//! 2. Our queues are shared by threads.
//! 3. Which queue's job runs first is the firmware's decision. What is left is that no queue waits
//!    for another.
//! 4. There is no priority to change. What can be changed while jobs are under way is whether they
//!    may start.
//! 5. A queue has one ring for life. A client that wants the next job on another ring commits it to
//!    another queue, after the last one.
//! 6. Fairness is the firmware's as well.
//!
//! The tests with several clients are in [`clients`].
//!
//! Theirs measure time now and then, and print it. `make bench` does that for ours, beside theirs.

mod clients;

use crate::ring::{
    result,
    stays,
    Bench,
    Job,
    Options, //
};
use dma_fence::Fence;
use jobqueue::OnError;
use kasync::time::{
    Delta,
    Instant, //
};
use kernel::prelude::*;
use kernel::sync::aref::ARef;

const MS: Delta = Delta::from_millis(1);

/// Commits `depth` jobs to the queues in turn, each after the last one if it is a chain.
fn fill(benches: &[Bench], depth: u32, chain: bool) -> Result<KVec<ARef<Fence>>> {
    let mut fences = KVec::<ARef<Fence>>::with_capacity(depth as usize, GFP_KERNEL)?;
    for i in 0..depth {
        let n = benches.len() as u32;
        let bench = &benches[(i % n) as usize];
        let last = if chain { fences.last() } else { None };
        let fence = bench.commit(Job::new(i / n + 1), last.map_or(&[], core::slice::from_ref))?;
        fences.push(fence, GFP_KERNEL)?;
    }
    Ok(fences)
}

fn several(n: usize, options: Options) -> Result<KVec<Bench>> {
    let mut benches = KVec::new();
    for _ in 0..n {
        benches.push(Bench::build(options)?, GFP_KERNEL)?;
    }
    Ok(benches)
}

fn end(benches: &[Bench]) -> Result {
    benches.iter().try_for_each(Bench::end)
}

/// Every job goes well, and whatever was committed before another one of its queue, or before one
/// that depends on it, was over first.
fn basic(queues: usize, chain: bool) -> Result {
    let benches = several(queues, Options::timed(usize::MAX, MS))?;
    let fences = fill(&benches, 100, chain)?;
    for i in (0..fences.len()).rev() {
        if result(&fences[i]) != Ok(()) {
            return Err(EIO);
        }
        let before = if chain { 1 } else { queues };
        if i >= before && !fences[i - before].test_signaled_flag() {
            return Err(EINVAL);
        }
    }
    end(&benches)
}

#[kunit_tests(jobqueue_as_drm_sched)]
mod tests {
    use super::*;

    #[test]
    fn basic_submit() -> Result {
        let bench = Bench::new(8)?;
        let fence = bench.commit(Job::new(1), &[])?;
        bench.wait_started(1)?;
        check!(stays(&fence)?);
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&fence), Ok(()));
        bench.end()
    }

    #[test]
    fn a_queue_of_jobs() -> Result {
        basic(1, false)
    }

    #[test]
    fn a_chain_in_one_queue() -> Result {
        basic(1, true)
    }

    #[test]
    fn independent_queues() -> Result {
        basic(4, false)
    }

    #[test]
    fn a_chain_across_queues() -> Result {
        basic(4, true)
    }

    /// The queues go with half of a chain through all of them still to come: what has not been
    /// started by then never is. Errors go along the chain, as one queue may still take a job when
    /// another has gone.
    #[test]
    fn cleanup_with_pending() -> Result {
        let options = Options {
            on_error: OnError::Propagate,
            ..Options::timed(8, Delta::from_millis(4))
        };
        let benches = several(4, options)?;
        // The last queue stands still at the 80th job of the chain, however late this thread is.
        benches[3].mock.work_until(19);
        let fences = fill(&benches, 100, true)?;
        check_eq!(result(&fences[50]), Ok(()));
        for bench in &benches {
            bench.queue.close();
        }
        benches[3].mock.work_until(u32::MAX);
        let mut cancelled = 0;
        for fence in &fences {
            match result(fence) {
                // What runs when the queue goes is waited for. After it nothing runs, or it would
                // have started before what it depends on was over.
                Ok(()) => check_eq!(cancelled, 0),
                Err(ECANCELED) => cancelled += 1,
                Err(e) => return Err(e),
            }
        }
        check!(cancelled > 0);
        let started: usize = benches.iter().map(|b| b.mock.started()).sum();
        check_eq!(started, 100 - cancelled);
        end(&benches)
    }

    /// A queue goes while the hardware has its job. The fence does not signal before the hardware
    /// has acknowledged that it was stopped.
    #[test]
    fn cancel_job() -> Result {
        let bench = Bench::build(Options {
            timeout: crate::ring::LIMIT,
            ..Options::new(8)
        })?;
        let fence = bench.commit(Job::new(1), &[])?;
        bench.wait_started(1)?;
        bench.queue.close();
        bench.scope.cancel();
        check!(stays(&fence)?);
        bench.mock.complete(1, Err(ECANCELED));
        check_eq!(result(&fence), Err(ECANCELED));
        bench.end()?;
        check_eq!(bench.mock.retired(), 1);
        Ok(())
    }

    #[test]
    fn timeout_resets() -> Result {
        let limit = Delta::from_millis(200);
        let bench = Bench::build(Options {
            timeout: limit,
            ..Options::new(8)
        })?;
        bench.mock.reset_when_stalled();
        let begin = Instant::now();
        let fence = bench.commit(Job::new(1), &[])?;
        bench.wait_started(1)?;
        check_eq!(result(&fence), Err(ETIME));
        // Not before its time.
        check!((Instant::now() - begin).as_nanos() >= limit.as_nanos());
        check_eq!(bench.mock.resets(), Some(1));
        bench.end()
    }

    #[test]
    fn timeout_skips_reset() -> Result {
        let bench = Bench::new(8)?;
        let fence = bench.commit(Job::new(1), &[])?;
        bench.wait_timeouts(1)?;
        check!(!fence.test_signaled_flag());
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&fence), Ok(()));
        check_eq!(bench.mock.resets(), None);
        bench.end()
    }

    #[test]
    fn credits() -> Result {
        let bench = Bench::new(1)?;
        let fences = fill(core::slice::from_ref(&bench), 2, false)?;
        bench.wait_started(1)?;
        check!(stays(&fences[1])?);
        check_eq!(bench.mock.started(), 1);
        bench.mock.complete(1, Ok(()));
        bench.wait_started(2)?;
        bench.mock.complete(2, Ok(()));
        check_eq!(result(&fences[1]), Ok(()));
        bench.end()
    }

    #[test]
    fn credits_are_weighed() -> Result {
        let bench = Bench::build(Options {
            timeout: crate::ring::LIMIT,
            ..Options::new(4)
        })?;
        let mut fences = KVec::new();
        // The third has room only when the first two are over, and the small one after it does not
        // overtake it.
        for (id, credits) in [(1, 1), (2, 2), (3, 4), (4, 1)] {
            let prepared = bench.prepare(Job::new(id), credits, &[])?;
            fences.push(prepared.commit()?, GFP_KERNEL)?;
        }
        bench.wait_started(2)?;
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&fences[0]), Ok(()));
        check!(stays(&fences[3])?);
        check_eq!(bench.mock.started(), 2);
        bench.mock.complete(2, Ok(()));
        bench.wait_started(3)?;
        check!(stays(&fences[3])?);
        check_eq!(bench.mock.started(), 3);
        bench.mock.complete(3, Ok(()));
        bench.wait_started(4)?;
        bench.mock.complete(4, Ok(()));
        check_eq!(result(&fences[3]), Ok(()));
        bench.end()
    }

    /// One queue's hardware does nothing, and another one waits for a fence: a hundred jobs of a
    /// third come and go.
    #[test]
    fn queues_do_not_hold_each_other_up() -> Result {
        let mut options = Options::new(1);
        options.timeout = crate::ring::LIMIT;
        let (hog, waiting) = (Bench::build(options)?, Bench::build(options)?);
        let free = Bench::build(Options::timed(1, MS))?;
        let hogs = fill(core::slice::from_ref(&hog), 50, false)?;
        let behind = waiting.commit(Job::new(1), &hogs[..1])?;
        for id in 1..=100 {
            check_eq!(result(&free.commit(Job::new(id), &[])?), Ok(()));
        }
        hog.wait_started(1)?;
        check_eq!((hog.mock.started(), waiting.mock.started()), (1, 0));
        hog.mock.complete(50, Ok(()));
        waiting.wait_started(1)?;
        waiting.mock.complete(1, Ok(()));
        check_eq!(result(&behind), Ok(()));
        end(&[hog, waiting, free])
    }

    /// R20: while jobs are under way queues are parked and unparked.
    #[test]
    fn parked_and_unparked() -> Result {
        const CHANGES: usize = 40;
        let benches = several(4, Options::timed(4, MS))?;
        // The last jobs do not end before there were so many changes.
        for bench in &benches {
            bench.mock.work_until(25);
        }
        let fences = fill(&benches, 200, false)?;
        let last = &fences[199];
        let mut changes = 0;
        while !last.test_signaled_flag() && changes < 20_000 {
            let bench = &benches[changes % 4];
            bench.queue.park();
            kernel::time::delay::fsleep(Delta::from_micros(200));
            bench.queue.unpark();
            changes += 1;
            if changes == CHANGES {
                for bench in &benches {
                    bench.mock.work_until(u32::MAX);
                }
            }
        }
        check!(changes >= CHANGES);
        for fence in &fences {
            check_eq!(result(fence), Ok(()));
        }
        end(&benches)
    }

    /// 13 clients whose next job goes to another one of three queues each time.
    #[test]
    fn jobs_move_between_queues() -> Result {
        let benches = several(3, Options::timed(8, Delta::from_micros(200)))?;
        let mut clients = KVec::<Option<ARef<Fence>>>::new();
        for _ in 0..13 {
            clients.push(None, GFP_KERNEL)?;
        }
        let mut all = KVec::<(ARef<Fence>, Option<ARef<Fence>>)>::new();
        let mut next = [0; 3];
        for i in 0..500 {
            let (client, at) = (i % 13, i % 3);
            next[at] += 1;
            let last = clients[client].take();
            let dependencies = last.as_ref().map_or(&[][..], core::slice::from_ref);
            let fence = benches[at].commit(Job::new(next[at]), dependencies)?;
            clients[client] = Some(fence.clone());
            all.push((fence, last), GFP_KERNEL)?;
        }
        for (fence, before) in all.iter().rev() {
            check_eq!(result(fence), Ok(()));
            check!(before.as_ref().is_none_or(|f| f.test_signaled_flag()));
        }
        end(&benches)
    }
}
