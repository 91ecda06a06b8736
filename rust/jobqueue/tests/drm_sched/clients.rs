// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Several clients, and threads that share queues: see [`drm_sched`](super).

use kernel::prelude::*;

#[kunit_tests(jobqueue_as_drm_sched_clients)]
mod tests {
    use crate::{
        contexts::threads,
        drm_sched::{
            end,
            fill,
            several,
            MS, //
        },
        ring::{
            result,
            Bench,
            Job,
            Options, //
        }, //
    };
    use dma_fence::Fence;
    use kasync::time::{
        Delta,
        Instant, //
    };
    use kernel::prelude::*;
    use kernel::sync::aref::ARef;

    /// 16 threads, each with a queue and 8 jobs; the hardware waits until all are there.
    #[test]
    fn parallel_submit() -> Result {
        let mut options = Options::new(8);
        options.timeout = crate::ring::LIMIT;
        let benches = several(16, options)?;
        threads(16, |n| {
            let bench = &benches[n as usize];
            for id in 1..=8 {
                bench.commit(Job::new(id), &[])?;
            }
            bench.wait_started(8)
        })?;
        threads(16, |n| {
            let bench = &benches[n as usize];
            let last = bench.commit(Job::new(9), &[])?;
            bench.mock.complete(9, Ok(()));
            result(&last)
        })?;
        for bench in &benches {
            bench.end()?;
            check_eq!((bench.mock.started(), bench.mock.retired()), (9, 9));
        }
        Ok(())
    }

    /// Many threads submit to one queue more jobs than may be in flight.
    #[test]
    fn parallel_submit_to_one() -> Result {
        let bench = Bench::build(Options::timed(8, Delta::from_micros(100)))?;
        threads(16, |_| {
            let mut last = None;
            for _ in 0..8 {
                last = Some(bench.commit(Job::next(), &[])?);
            }
            last.map_or(Ok(()), |fence| result(&fence))
        })?;
        bench.end()?;
        check_eq!((bench.mock.started(), bench.mock.retired()), (128, 128));
        Ok(())
    }

    /// 16 threads with a queue each keep 8 jobs under way. The jobs of each take another time.
    #[test]
    fn interleaved_submit() -> Result {
        const WINDOW: usize = 8;
        let mut benches = KVec::new();
        for n in 0..16 {
            let options = Options::timed(usize::MAX, Delta::from_micros(100 * (n + 1)));
            benches.push(Bench::build(options)?, GFP_KERNEL)?;
        }
        threads(16, |n| {
            let bench = &benches[n as usize];
            let jobs = 625 / (n + 1);
            let mut window = KVec::<ARef<Fence>>::with_capacity(WINDOW, GFP_KERNEL)?;
            for id in 1..=jobs {
                if window.len() == WINDOW {
                    let first = window.remove(0).map_err(|_| EINVAL)?;
                    result(&first)?;
                }
                window.push(bench.commit(Job::new(id), &[])?, GFP_KERNEL)?;
            }
            window.iter().try_for_each(result)
        })?;
        for (n, bench) in benches.iter().enumerate() {
            bench.end()?;
            check_eq!(bench.mock.retired(), 625 / (n + 1));
        }
        Ok(())
    }

    /// A deep queue with room for one job at a time. The first one is what holds the others up.
    #[test]
    fn one_at_a_time() -> Result {
        let (first, bench) = (Bench::new(1)?, Bench::build(Options::timed(1, MS))?);
        let gate = first.commit(Job::new(1), &[])?;
        let mut fences = KVec::new();
        for id in 1..=200 {
            let dependencies = if id == 1 {
                core::slice::from_ref(&gate)
            } else {
                &[]
            };
            fences.push(bench.commit(Job::new(id), dependencies)?, GFP_KERNEL)?;
        }
        check_eq!(bench.mock.started(), 0);
        let begin = Instant::now();
        first.mock.complete(1, Ok(()));
        for (i, fence) in fences.iter().enumerate() {
            check_eq!(result(fence), Ok(()));
            // No more than what is over, and the one after it.
            check!(bench.mock.started() <= bench.mock.done() as usize + 1);
            check!(bench.mock.started() > i);
        }
        let taken = (Instant::now() - begin).as_nanos() / 1000;
        pr_info!("200 jobs of 1000 us, one at a time: {taken} us\n");
        end(&[first, bench])
    }

    #[test]
    fn ping_pong() -> Result {
        let benches = several(2, Options::timed(1, MS))?;
        let begin = Instant::now();
        let fences = fill(&benches, 200, true)?;
        for (i, fence) in fences.iter().enumerate() {
            check_eq!(result(fence), Ok(()));
            let started: usize = benches.iter().map(|b| b.mock.started()).sum();
            check!(started > i);
        }
        let taken = (Instant::now() - begin).as_nanos() / 1000;
        pr_info!("200 jobs of 1000 us, in turns: {taken} us\n");
        end(&benches)
    }

    /// One client submits as much as it may. The second submits one job at a time and waits for it.
    #[test]
    fn two_clients() -> Result {
        let mut deep = Options::timed(2, MS);
        deep.jobs = 16;
        let (hog, polite) = (Bench::build(deep)?, Bench::build(Options::timed(2, MS))?);
        threads(2, |n| {
            let mut last = Ok(());
            for id in 1..=200 {
                match n {
                    // R22: waits when 16 jobs are in the queue.
                    0 if id < 200 => drop(hog.commit(Job::new(id), &[])?),
                    0 => last = result(&hog.commit(Job::new(id), &[])?),
                    _ if id <= 50 => result(&polite.commit(Job::new(id), &[])?)?,
                    _ => {}
                }
            }
            last
        })?;
        check_eq!((hog.mock.started(), polite.mock.started()), (200, 50));
        end(&[hog, polite])
    }

    #[test]
    fn many_clients() -> Result {
        for n in [2, 3, 7, 13, 31] {
            let benches = several(n, Options::timed(2, MS))?;
            threads(n as u32, |i| {
                let bench = &benches[i as usize];
                // Four jobs, the last one of which is waited for, and again.
                for id in 1..=20 {
                    let fence = bench.commit(Job::new(id), &[])?;
                    if id % 4 == 0 {
                        result(&fence)?;
                    }
                }
                Ok(())
            })?;
            for bench in &benches {
                bench.end()?;
                check_eq!(bench.mock.retired(), 20);
            }
        }
        Ok(())
    }
}
