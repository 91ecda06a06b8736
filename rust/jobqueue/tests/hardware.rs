// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The hardware is not ready, rings share something scarce, and configurations are out of range.

use kernel::prelude::*;

#[kunit_tests(jobqueue_hardware)]
mod tests {
    use crate::{
        contexts::{
            c_accepts,
            c_resets,
            c_window,
            threads, //
        },
        ring::{
            result,
            stays,
            Bench,
            Job,
            Options,
            LIMIT, //
        }, //
    };
    use dma_fence::Fence;
    use kasync::{
        sync::Semaphore,
        time::Delta, //
    };
    use kernel::{
        prelude::*,
        sync::{
            aref::ARef,
            atomic::{
                Atomic,
                Relaxed, //
            },
            Arc, //
        }, //
    };

    /// A queue whose time limits do not pass during a test.
    fn unlimited(permits: Option<Arc<Semaphore>>) -> Result<Bench> {
        let options = Options {
            timeout: LIMIT,
            ..Options::new(8)
        };
        Bench::sharing(options, permits)
    }

    fn permit() -> Result<Arc<Semaphore>> {
        Ok(Arc::new(Semaphore::new(1), GFP_KERNEL)?)
    }

    /// Two rings share one permit. A queue that has nothing in flight does not keep it, whatever
    /// waits there: here a job that depends on one of the other queue.
    #[test]
    fn two_rings_share_one_permit() -> Result {
        let permits = permit()?;
        let (one, other) = (
            unlimited(Some(permits.clone()))?,
            unlimited(Some(permits.clone()))?,
        );
        let short = one.commit(Job::new(1), &[])?;
        one.wait_started(1)?;
        let wanted = other.commit(Job::new(1), &[])?;
        let depends = one.commit(Job::new(2), core::slice::from_ref(&wanted))?;
        one.mock.complete(1, Ok(()));
        check_eq!(result(&short), Ok(()));
        let started = other.wait_started(1);
        if started.is_err() {
            // So that it ends anyway.
            permits.add_permits(1);
        }
        other.mock.complete(1, Ok(()));
        let second = one.wait_started(2);
        one.mock.complete(2, Ok(()));
        check_eq!((result(&wanted), result(&depends)), (Ok(()), Ok(())));
        one.end()?;
        other.end()?;
        check_eq!((started, second), (Ok(()), Ok(())));
        Ok(())
    }

    /// Many rings share one permit, in a chain of dependencies through all of their queues, each of
    /// which has a short job first.
    #[test]
    fn many_rings_share_one_permit() -> Result {
        const COUNT: usize = 16;
        let permits = permit()?;
        let mut benches = KVec::new();
        for _ in 0..COUNT {
            benches.push(unlimited(Some(permits.clone()))?, GFP_KERNEL)?;
        }
        let mut last: Option<ARef<Fence>> = None;
        let mut all = KVec::new();
        for i in (0..COUNT).rev() {
            all.push(benches[i].commit(Job::new(1), &[])?, GFP_KERNEL)?;
            let after = last.as_ref().map_or(&[][..], core::slice::from_ref);
            let fence = benches[i].commit(Job::new(2), after)?;
            all.push(fence.clone(), GFP_KERNEL)?;
            last = Some(fence);
        }
        for bench in &benches {
            bench.mock.complete(2, Ok(()));
        }
        let failed = all.iter().filter(|f| result(f).is_err()).count();
        permits.add_permits(if failed > 0 { COUNT } else { 0 });
        for bench in &benches {
            bench.end()?;
        }
        check_eq!(failed, 0);
        Ok(())
    }

    /// A job is over while the ring is not ready for the next one.
    #[test]
    fn completes_while_not_ready() -> Result {
        let bench = unlimited(None)?;
        let first = bench.commit(Job::new(1), &[])?;
        bench.wait_started(1)?;
        bench.mock.set_busy(true);
        let second = bench.commit(Job::new(2), &[])?;
        check!(stays(&second)?);
        bench.mock.complete(1, Ok(()));
        let early = result(&first);
        let pending = !second.test_signaled_flag() && bench.mock.started() == 1;
        bench.mock.set_busy(false);
        bench.wait_started(2)?;
        bench.mock.complete(2, Ok(()));
        check_eq!(result(&second), Ok(()));
        bench.end()?;
        check_eq!(early, Ok(()));
        check!(pending);
        Ok(())
    }

    /// The time limit of a job in flight passes while the ring is not ready for the next one.
    #[test]
    fn times_out_while_not_ready() -> Result {
        let bench = Bench::new(8)?;
        let first = bench.commit(Job::stalling(1), &[])?;
        bench.wait_started(1)?;
        bench.mock.set_busy(true);
        let second = bench.commit(Job::new(2), &[])?;
        let late = result(&first);
        bench.mock.set_busy(false);
        bench.wait_started(2)?;
        bench.mock.complete(2, Ok(()));
        let next = result(&second);
        bench.end()?;
        check_eq!((late, next), (Err(ETIMEDOUT), Ok(())));
        Ok(())
    }

    /// The time limit covers readiness while nothing is in flight, and can end the wait.
    #[test]
    fn readiness_times_out() -> Result {
        let bench = Bench::new(8)?;
        bench.mock.set_busy(true);
        let first = bench.commit(Job::new(1), &[])?;
        let late = bench.wait_not_ready(2);
        let pending = !first.test_signaled_flag();
        bench.mock.fail_when_not_ready(ENXIO);
        let failed = result(&first);
        bench.mock.set_busy(false);
        // Numbers count what was started.
        let second = bench.commit(Job::next(), &[])?;
        bench.mock.complete(2, Ok(()));
        let next = result(&second);
        bench.end()?;
        check_eq!((late, failed, next), (Ok(()), Err(ENXIO), Ok(())));
        check!(pending);
        Ok(())
    }

    /// A queue is closed while its ring is not ready: the job is cancelled, and what the ring has
    /// got so far is given back.
    #[test]
    fn closed_while_not_ready() -> Result {
        let bench = unlimited(None)?;
        bench.mock.set_busy(true);
        let fence = bench.commit(Job::new(1), &[])?;
        bench.wait_asked()?;
        let before = bench.mock.quiesced();
        bench.queue.close();
        let cancelled = result(&fence);
        bench.mock.set_busy(false);
        bench.mock.complete(1, Ok(()));
        bench.end()?;
        check_eq!(cancelled, Err(ECANCELED));
        check_eq!(bench.mock.started(), 0);
        check!(bench.mock.quiesced() > before);
        Ok(())
    }

    /// A queue is parked while its ring waits for a permit: it does not get it later on.
    #[test]
    fn parked_while_not_ready() -> Result {
        let permits = permit()?;
        let taken = permits.try_acquire(1).ok_or(EBUSY)?;
        let bench = unlimited(Some(permits.clone()))?;
        let fence = bench.commit(Job::new(1), &[])?;
        bench.wait_asked()?;
        let before = bench.mock.quiesced();
        bench.queue.park();
        let told = bench.wait_quiesced(before + 1);
        drop(taken);
        let free = permits.try_acquire(1).is_some();
        bench.queue.unpark();
        bench.wait_started(1)?;
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&fence), Ok(()));
        bench.end()?;
        check_eq!(told, Ok(()));
        check!(free);
        Ok(())
    }

    /// A queue has a job in flight, and its ring waits for a permit for the next one. When that one
    /// will not run for now, the wait ends: what becomes free is for those that wait behind.
    #[test]
    fn a_place_is_left_while_a_job_is_in_flight() -> Result {
        for closes in [true, false] {
            let permits = Arc::new(Semaphore::new(2), GFP_KERNEL)?;
            let (one, other) = (
                unlimited(Some(permits.clone()))?,
                unlimited(Some(permits.clone()))?,
            );
            let first = one.commit(Job::new(1), &[])?;
            one.wait_started(1)?;
            let taken = permits.try_acquire(1).ok_or(EBUSY)?;
            let greedy = one.commit(Job::greedy(2), &[])?;
            one.wait_asked()?;
            let behind = other.commit(Job::new(1), &[])?;
            other.wait_asked()?;
            if closes {
                one.queue.close();
            } else {
                one.queue.park();
            }
            drop(taken);
            let started = other.wait_started(1);
            let pending = !first.test_signaled_flag();
            // So that all end, whatever was found.
            one.mock.complete(1, Ok(()));
            other.mock.complete(1, Ok(()));
            check_eq!((result(&first), result(&behind)), (Ok(()), Ok(())));
            one.queue.unpark();
            one.mock.complete(2, Ok(()));
            let expected = if closes { Err(ECANCELED) } else { Ok(()) };
            check_eq!(result(&greedy), expected);
            one.end()?;
            other.end()?;
            check_eq!(started, Ok(()));
            check!(pending);
        }
        Ok(())
    }

    /// A job whose readiness fails is cancelled with that error, after the jobs before it.
    #[test]
    fn refused_when_not_ready() -> Result {
        let bench = unlimited(None)?;
        let first = bench.commit(Job::new(1), &[])?;
        bench.wait_started(1)?;
        bench.mock.refuse(Some(ENODEV));
        let second = bench.commit(Job::new(2), &[])?;
        check!(stays(&second)?);
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&first), Ok(()));
        check_eq!(result(&second), Err(ENODEV));
        bench.mock.refuse(None);
        let third = bench.commit(Job::new(3), &[])?;
        bench.wait_started(2)?;
        bench.mock.complete(3, Ok(()));
        check_eq!(result(&third), Ok(()));
        bench.end()
    }

    /// Nothing is in flight, and a job waits for a fence: the ring is told.
    #[test]
    fn quiesced_with_a_job_waiting() -> Result {
        let (bench, other) = (unlimited(None)?, unlimited(None)?);
        let before = bench.mock.quiesced();
        let first = bench.commit(Job::new(1), &[])?;
        bench.wait_started(1)?;
        let wanted = other.commit(Job::new(1), &[])?;
        let second = bench.commit(Job::new(2), core::slice::from_ref(&wanted))?;
        bench.mock.complete(1, Ok(()));
        check_eq!(result(&first), Ok(()));
        let told = bench.wait_quiesced(before + 1);
        other.mock.complete(1, Ok(()));
        bench.wait_started(2)?;
        bench.mock.complete(2, Ok(()));
        check_eq!(result(&second), Ok(()));
        bench.end()?;
        other.end()?;
        check_eq!(told, Ok(()));
        Ok(())
    }

    /// A job that wants all of the memory gets it in its turn, though others keep asking for some.
    #[test]
    fn a_large_job_does_not_starve() -> Result {
        const PAGE: usize = 4096;
        /// The number of small jobs at most: a large one that starves comes after them all.
        const MOST: u32 = 20_000;
        let options = Options {
            memory: 2 * PAGE,
            ..Options::timed(8, Delta::from_millis(1))
        };
        let bench = Bench::build(options)?;
        let first = bench.commit(Job::next(), &[])?;
        let smalls = Atomic::<u32>::new(0);
        let behind = Atomic::<u32>::new(u32::MAX);
        threads(3, |n| {
            let mut last = None;
            if n == 0 {
                // Both of the others are under way.
                while smalls.load(Relaxed) < 10 {
                    kernel::time::delay::fsleep(Delta::from_micros(200));
                }
                let asked = smalls.load(Relaxed);
                let large = bench.prepare(Job::large_next(2 * PAGE), 1, &[]);
                behind.store(smalls.load(Relaxed) - asked, Relaxed);
                last = Some(large?.commit()?);
            } else {
                // They ask until the large one is through.
                while behind.load(Relaxed) == u32::MAX && smalls.load(Relaxed) < MOST {
                    let small = bench.prepare(Job::large_next(PAGE), 1, &[]);
                    smalls.fetch_add(1, Relaxed);
                    last = Some(small?.commit()?);
                }
            }
            last.map_or(Ok(()), |fence| result(&fence))
        })?;
        check_eq!(result(&first), Ok(()));
        bench.end()?;
        let behind = behind.load(Relaxed);
        pr_info!("a large job came after {behind} small ones that were asked for later\n");
        // Two, but for those that come while the thread is not running: each takes a millisecond.
        check!(behind < MOST / 4);
        Ok(())
    }

    #[test]
    fn configurations_out_of_range() -> Result {
        let good = Options::new(8);
        let bad = [
            Options { jobs: 0, ..good },
            Options { credits: 0, ..good },
            Options {
                jobs: 1 << 22,
                ..good
            },
            Options {
                timeout: Delta::from_nanos(0),
                ..good
            },
            Options {
                timeout: Delta::from_millis(-5),
                ..good
            },
        ];
        for options in bad {
            match Bench::build(options) {
                Err(e) => check_eq!(e, EINVAL),
                Ok(bench) => {
                    bench.end()?;
                    return Err(EBADE);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn arguments_from_c_that_are_refused() -> Result {
        check_eq!(c_accepts(), 0);
        Ok(())
    }

    /// A driver in C starts a reset when a job takes too long, and is asked again whether it is
    /// over. No job is submitted meanwhile.
    #[test]
    fn resets_of_drivers_in_c() -> Result {
        check_eq!(c_resets(), 0);
        Ok(())
    }

    /// A queue of a driver in C ends, and is put, while an interrupt is about to wake it.
    #[test]
    fn queues_of_drivers_in_c_end_under_interrupts() -> Result {
        check_eq!((c_window(true), c_window(false)), (0, 0));
        Ok(())
    }
}
