// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Queues are parked and unparked, and torn down, each at a random moment: closed, dropped, their scope cancelled, their hardware gone, or left alone; with
//! jobs prepared, waiting for fences, waiting for room, running and completing.
//!
//! In the end every fence has signalled, with a result that fits, and the hardware knows of no early one.

use crate::{
    engine::{
        foreign_fence,
        queue,
        CheckedRing,
        Engine,
        Job, //
    },
    failed,
    threads,
    verdict,
    Random, //
};
use core::pin::pin;
use dma_fence::Fence;
use jobqueue::{
    JobQueue,
    OnError, //
};
use kasync::{
    block_on,
    time::{
        sleep,
        timeout,
        Delta, //
    },
    Executor,
    Scope, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

const LIMIT: Delta = Delta::from_secs(20);
const DEPENDENCIES: u32 = 3;

/// What has been seen, over all rounds.
struct Seen {
    good: Atomic<u32>,
    cancelled: Atomic<u32>,
    stopped: Atomic<u32>,
    gone: Atomic<u32>,
    refused: Atomic<u32>,
}

/// How a queue ends.
#[derive(Clone, Copy)]
enum End {
    Close,
    Drop,
    Cancel,
    Unplug,
    Finish,
}

type Queue = Arc<JobQueue<CheckedRing>>;

struct Bench {
    scope: Scope,
    engine: Arc<Engine>,
    queue: Option<Queue>,
}

/// Does it after a time, on another processor perhaps.
fn end_later(root: &Scope, bench: &mut Bench, how: End, after: Delta) -> Result {
    let engine = bench.engine.clone();
    let scope = bench.scope.clone();
    // Whoever commits has the other one.
    let queue = bench.queue.clone();
    let task = async move {
        sleep(after).await;
        match how {
            End::Close => {
                if let Some(queue) = &queue {
                    queue.close();
                }
            }
            End::Cancel => scope.cancel(),
            End::Unplug => {
                engine.stop(true);
                scope.cancel();
            }
            End::Drop | End::Finish => {}
        }
    };
    root.spawn(c"end", task)?.detach();
    Ok(())
}

/// A fence, and the queue of this round that it is of.
type Known = (Fence, Option<usize>);

fn submit(
    at: usize,
    bench: &Bench,
    fences: &KVec<Known>,
    random: &mut Random,
    seen: &Seen,
) -> Result<Option<Fence>> {
    let Some(queue) = &bench.queue else {
        return Ok(None);
    };
    let mut dependencies = KVVec::new();
    let mut job = Job::new(&bench.engine)?;
    for _ in 0..random.below(DEPENDENCIES + 1) {
        let (fence, queue) = &fences[random.below(fences.len() as u32) as usize];
        // H27: what it has of its own queue is in order anyway.
        if *queue != Some(at) {
            job.depends_on(fence)?;
        }
        dependencies.push(fence.clone(), GFP_KERNEL)?;
    }
    if random.once_in(4) {
        job.delay = Delta::from_micros(random.below(50).into());
    }
    let witness = job.witness();
    let credits = 1 + random.below(2) as usize;
    let refuse = |e| {
        if e != ECANCELED {
            return Err(e);
        }
        seen.refused.fetch_add(1, Relaxed);
        Ok(None)
    };
    let prepared = match queue.prepare(job, credits, dependencies) {
        Ok(prepared) => prepared,
        Err(e) => return refuse(e),
    };
    if random.once_in(16) {
        // R4: leaves no trace.
        drop(prepared);
        return Ok(None);
    }
    let committed = if random.once_in(4) {
        match prepared.admit() {
            Ok(admitted) if random.once_in(8) => {
                drop(admitted);
                return Ok(None);
            }
            Ok(admitted) => Ok(admitted.commit()),
            Err(e) => Err(e),
        }
    } else {
        prepared.commit()
    };
    match committed {
        Ok(fence) => {
            witness.committed(&fence);
            Ok(Some(fence))
        }
        Err(e) => refuse(e),
    }
}

fn count(fence: &Fence, seen: &Seen) {
    let counter = match fence.result() {
        Some(Ok(())) => &seen.good,
        Some(Err(ECANCELED)) => &seen.cancelled,
        // Stopped, or a dependency's in a queue that cares.
        Some(Err(EIO | ETIME)) => &seen.stopped,
        Some(Err(ENODEV)) => &seen.gone,
        Some(Err(e)) => {
            failed(
                c"a fence has an unknown error",
                0,
                e.to_errno().unsigned_abs().into(),
            );
            return;
        }
        None => {
            failed(c"a fence has not signalled", fence.context(), 0);
            return;
        }
    };
    counter.fetch_add(1, Relaxed);
}

fn round(root: &Scope, random: &mut Random, seen: &Seen, kept: &mut KVec<Known>) -> Result {
    let mut benches = KVec::new();
    for _ in 0..1 + random.below(3) {
        let scope = root.child(c"round")?;
        let engine = Engine::new(random.next(), random.once_in(8))?;
        let on_error = [OnError::Ignore, OnError::Propagate, OnError::Poison];
        let on_error = on_error[random.below(3) as usize];
        let credits = 2 + random.below(7) as usize;
        let queue = queue(&scope, &engine, credits, Delta::from_millis(5), on_error)?;
        let queue = Some(Arc::new(queue, GFP_KERNEL)?);
        let mut bench = Bench {
            scope,
            engine,
            queue,
        };
        let how = [End::Close, End::Drop, End::Cancel, End::Unplug, End::Finish];
        let how = how[random.below(5) as usize];
        let after = Delta::from_micros(random.below(2000).into());
        end_later(root, &mut bench, how, after)?;
        if matches!(how, End::Finish) && random.once_in(2) {
            bench.engine.stop(false);
        }
        benches.push(bench, GFP_KERNEL)?;
    }

    // Fences of the last rounds are as good as any.
    let mut fences = core::mem::take(kept);
    let result = if random.once_in(4) { Err(EIO) } else { Ok(()) };
    let foreign = foreign_fence(Delta::from_micros(random.below(3000).into()), result)?;
    fences.push((foreign, None), GFP_KERNEL)?;
    for _ in 0..random.below(24) {
        let at = random.below(benches.len() as u32) as usize;
        if let Some(fence) = submit(at, &benches[at], &fences, random, seen)? {
            fences.push((fence, Some(at)), GFP_KERNEL)?;
        }
        if let Some(queue) = &benches[at].queue {
            match random.below(16) {
                0 => queue.park(),
                1..=3 => queue.unpark(),
                _ => {}
            }
        }
        if random.once_in(24) {
            // Jobs go on without it.
            benches[at].queue = None;
        }
    }
    for bench in &mut benches {
        bench.queue = None;
    }
    for bench in &benches {
        let joined = block_on(timeout(LIMIT, pin!(bench.scope.join())))?;
        if joined.is_err() {
            failed(c"a queue does not end", 0, 0);
            // What it has must not go away under it.
            bench.scope.join_blocking()?;
        }
    }
    drop(benches);
    for (fence, queue) in fences {
        if queue.is_some() {
            count(&fence, seen);
        }
        // The foreign one may be late.
        if kept.len() < 4 && fence.is_signaled() {
            kept.push((fence, None), GFP_KERNEL)?;
        }
    }
    Ok(())
}

/// `count` rounds, in several threads.
pub(crate) fn run(rounds: u32, seed: u32) -> Result {
    let executor = Executor::new(c"torture-rounds")?;
    let seen = Seen {
        good: Atomic::new(0),
        cancelled: Atomic::new(0),
        stopped: Atomic::new(0),
        gone: Atomic::new(0),
        refused: Atomic::new(0),
    };
    let left = Atomic::<i32>::new(i32::try_from(rounds)?);
    let result = threads(|n| {
        let mut random = Random::new(seed, n);
        let mut kept = KVec::new();
        while left.fetch_sub(1, Relaxed) > 0 {
            round(executor.root(), &mut random, &seen, &mut kept)?;
            verdict()?;
        }
        Ok(())
    });
    executor.shutdown()?;
    pr_info!(
        "{rounds} rounds: {} jobs well, {} cancelled, {} stopped, {} without hardware, {} refused\n",
        seen.good.load(Relaxed),
        seen.cancelled.load(Relaxed),
        seen.stopped.load(Relaxed),
        seen.gone.load(Relaxed),
        seen.refused.load(Relaxed)
    );
    result
}
