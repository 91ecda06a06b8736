// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Queues, files and devices (`device.rs`) go at random moments, with jobs prepared,
//! waiting for fences, waiting for room, running and completing; meanwhile queues are parked and
//! unparked.
//!
//! In the end every fence has signalled, with a result that there is a reason for, and the hardware
//! knows of no early one.

use crate::{
    device::{
        Device,
        End,
        File,
        Later,
        TestedQueue, //
    },
    engine::{
        foreign_fence,
        keep,
        Job, //
    },
    failed,
    threads,
    verdict,
    Random, //
};
use core::pin::pin;
use dma_fence::Fence;
use jobqueue::OnError;
use kasync::{
    block_on,
    time::{
        timeout,
        Delta, //
    },
    Executor,
    Scope, //
};
use kernel::sync::aref::ARef;
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

const LIMIT: Delta = Delta::from_secs(60);
const DEPENDENCIES: u32 = 3;
/// The time at most until something ends.
const TIME: Delta = Delta::from_micros(2000);

/// Counters over all rounds.
struct Seen {
    good: Atomic<u32>,
    cancelled: Atomic<u32>,
    stopped: Atomic<u32>,
    gone: Atomic<u32>,
    refused: Atomic<u32>,
    files: Atomic<u32>,
    killed: Atomic<u32>,
    unplugged: Atomic<u32>,
}

impl Seen {
    fn new() -> Self {
        Self {
            good: Atomic::new(0),
            cancelled: Atomic::new(0),
            stopped: Atomic::new(0),
            gone: Atomic::new(0),
            refused: Atomic::new(0),
            files: Atomic::new(0),
            killed: Atomic::new(0),
            unplugged: Atomic::new(0),
        }
    }
}

/// A fence that there is.
struct Known {
    fence: ARef<Fence>,
    /// The file and the queue of this round that it is of.
    of: Option<(usize, usize)>,
    /// The fences of other queues that it depends on.
    dependencies: KVec<ARef<Fence>>,
}

impl Known {
    fn foreign(fence: ARef<Fence>) -> Self {
        Self {
            fence,
            of: None,
            dependencies: KVec::new(),
        }
    }
}

/// Submits a job, unless that is refused, or it is thought better of.
fn submit(
    (file_at, at): (usize, usize),
    file: &File,
    fences: &KVec<Known>,
    random: &mut Random,
    seen: &Seen,
) -> Result<Option<Known>> {
    let tested = &file.queues[at];
    let Some(queue) = &tested.queue else {
        return Ok(None);
    };
    let mut known = KVec::new();
    let mut dependencies = KVVec::new();
    let mut job = Job::new(&tested.engine)?;
    for _ in 0..random.below(DEPENDENCIES + 1) {
        let Known { fence, of, .. } = &fences[random.below(fences.len() as u32) as usize];
        // H27: what it has of its own queue is in order anyway.
        if *of != Some((file_at, at)) {
            job.depends_on(fence)?;
            known.push(fence.clone(), GFP_KERNEL)?;
        }
        dependencies.push(fence.clone(), GFP_KERNEL)?;
    }
    if random.once_in(4) {
        job.delay = Delta::from_micros(random.below(50).into());
    }
    let committing = job.committing();
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
    if random.once_in(16) || file.is_killed() {
        // R4: leaves no trace.
        drop(prepared);
        return Ok(None);
    }
    match prepared.commit() {
        Ok(fence) => {
            committing.committed(&fence);
            if random.once_in(64) {
                keep(&fence);
            }
            Ok(Some(Known {
                fence,
                of: Some((file_at, at)),
                dependencies: known,
            }))
        }
        Err(e) => refuse(e),
    }
}

/// Returns whether there is a reason for an error of a job's.
fn has_reason(
    e: Error,
    known: &Known,
    before: &[Known],
    file: &File,
    tested: &TestedQueue,
    gone: bool,
) -> bool {
    let gone = gone || tested.how == End::Unplug;
    // Of its own: of the queue's end, of the hardware's.
    let own = match e {
        ECANCELED => tested.hangs || gone || file.may_cancel(tested),
        ETIME => tested.hangs,
        EIO => tested.hangs || tested.stopped || gone,
        ENODEV => gone,
        _ => false,
    };
    let has = |fence: &ARef<Fence>| fence.result() == Some(Err(e));
    own || match tested.on_error {
        OnError::Ignore => false,
        OnError::Propagate => known.dependencies.iter().any(has),
        OnError::Poison => {
            known.dependencies.iter().any(has)
                || before.iter().any(|k| k.of == known.of && has(&k.fence))
        }
    }
}

/// Returns whether one of its dependencies has failed, so that it may not go well. Of several of
/// one timeline it is the last that counts.
fn must_fail(known: &Known, tested: &TestedQueue) -> bool {
    let dependencies = &known.dependencies;
    let counts = |fence: &Fence| {
        let other = |f: &ARef<Fence>| f.context() == fence.context() && f.is_later_than(fence);
        !dependencies.iter().any(other)
    };
    tested.on_error != OnError::Ignore
        && dependencies
            .iter()
            .any(|fence| matches!(fence.result(), Some(Err(_))) && counts(fence))
}

fn count(at: usize, fences: &[Known], files: &[File], gone: bool, seen: &Seen) {
    let known = &fences[at];
    let Some((file, tested)) = known.of else {
        return;
    };
    let (file, tested) = (&files[file], &files[file].queues[tested]);
    let context = known.fence.context();
    let result = known.fence.result();
    let counter = match result {
        Some(Ok(())) => {
            if must_fail(known, tested) {
                failed(c"an error was not passed on", context, 0);
            }
            &seen.good
        }
        Some(Err(ECANCELED)) => &seen.cancelled,
        Some(Err(ENODEV)) => &seen.gone,
        Some(Err(_)) => &seen.stopped,
        None => {
            failed(c"a fence has not signalled", context, 0);
            return;
        }
    };
    if let Some(Err(e)) = result {
        if !has_reason(e, known, &fences[..at], file, tested, gone) {
            failed(
                c"a fence has an error for no reason",
                context,
                e.to_errno().unsigned_abs().into(),
            );
        }
    }
    counter.fetch_add(1, Relaxed);
}

/// Runs a process: it submits jobs to its queues until all are submitted or it is killed.
fn process(
    files: &mut [File],
    fences: &mut KVec<Known>,
    random: &mut Random,
    seen: &Seen,
) -> Result {
    for _ in 0..random.below(24) {
        let file_at = random.below(files.len() as u32) as usize;
        let file = &mut files[file_at];
        if file.is_killed() {
            for tested in &mut file.queues {
                tested.queue = None;
            }
            file.scope.cancel();
            continue;
        }
        let at = random.below(file.queues.len() as u32) as usize;
        if let Some(known) = submit((file_at, at), file, fences, random, seen)? {
            fences.push(known, GFP_KERNEL)?;
        }
        let tested = &mut file.queues[at];
        if let Some(queue) = &tested.queue {
            match random.below(16) {
                0 => queue.park(),
                1..=3 => queue.unpark(),
                _ => {}
            }
        }
        if random.once_in(24) && tested.how != End::Finish {
            // Jobs go on without it.
            tested.queue = None;
        }
    }
    Ok(())
}

/// Queues that are left alone are there until their fences have signalled.
fn finish(files: &mut [File], fences: &[Known]) -> Result {
    for tested in files.iter_mut().flat_map(|file| &mut file.queues) {
        match &tested.queue {
            // Others may wait for it.
            Some(queue) if tested.how == End::Finish => queue.unpark(),
            _ => tested.queue = None,
        }
    }
    for known in fences {
        let Some((file, at)) = known.of else {
            continue;
        };
        if files[file].queues[at].queue.is_none() {
            continue;
        }
        if block_on(timeout(LIMIT, known.fence.wait()))?.is_err() {
            failed(c"a fence does not signal", known.fence.context(), 0);
        }
    }
    for file in files {
        for tested in &mut file.queues {
            tested.queue = None;
        }
        if file.is_killed() {
            file.scope.cancel();
        }
    }
    Ok(())
}

fn round(
    world: &Scope,
    device: &Arc<Device>,
    random: &mut Random,
    seen: &Seen,
    kept: &mut KVec<Known>,
) -> Result {
    let mut files = KVec::new();
    for _ in 0..1 + random.below(2) {
        files.push(File::open(device, world, TIME, random)?, GFP_KERNEL)?;
    }
    let unplug = if random.once_in(8) {
        let device = device.clone();
        let after = Delta::from_micros(random.below(2000).into());
        Some(Later::new(after, move || device.unplug())?)
    } else {
        None
    };

    // Fences of the last rounds are as good as any.
    let mut fences = core::mem::take(kept);
    let result = if random.once_in(4) { Err(EIO) } else { Ok(()) };
    let foreign = foreign_fence(Delta::from_micros(random.below(3000).into()), result)?;
    fences.push(Known::foreign(foreign), GFP_KERNEL)?;
    process(&mut files, &mut fences, random, seen)?;
    finish(&mut files, &fences)?;
    drop(unplug);
    for file in &files {
        let joined = block_on(timeout(LIMIT, pin!(file.scope.join())))?;
        if joined.is_err() {
            failed(c"a file does not end", 0, 0);
            // What it has must not go away under it.
            file.scope.join_blocking()?;
        }
    }
    device.forget_engines();
    let gone = device.is_unplugged();
    for at in 0..fences.len() {
        count(at, &fences, &files, gone, seen);
    }
    seen.files.fetch_add(files.len() as u32, Relaxed);
    let killed = files.iter().filter(|file| file.is_killed()).count();
    seen.killed.fetch_add(killed as u32, Relaxed);
    seen.unplugged.fetch_add(gone.into(), Relaxed);
    for known in fences {
        // The foreign one may be late.
        if kept.len() < 4 && known.fence.test_signaled_flag() {
            kept.push(Known::foreign(known.fence), GFP_KERNEL)?;
        }
    }
    Ok(())
}

/// `count` rounds, in several threads, each with a device.
pub(crate) fn run(rounds: u32, seed: u32) -> Result {
    let world = Executor::new(c"torture-rounds")?;
    let seen = Seen::new();
    let left = Atomic::<i32>::new(i32::try_from(rounds)?);
    let result = threads(|n| {
        let mut random = Random::new(seed, n);
        let mut kept = KVec::new();
        let mut device = Device::new(random.priority())?;
        while left.fetch_sub(1, Relaxed) > 0 {
            round(world.root(), &device, &mut random, &seen, &mut kept)?;
            verdict()?;
            if device.is_unplugged() {
                device = Device::new(random.priority())?;
            }
        }
        device.unplug();
        Ok(())
    });
    world.shutdown()?;
    pr_info!(
        "{rounds} rounds, {} files, {} processes killed, {} devices unplugged\n",
        seen.files.load(Relaxed),
        seen.killed.load(Relaxed),
        seen.unplugged.load(Relaxed)
    );
    pr_info!(
        "{} jobs well, {} cancelled, {} stopped, {} without hardware, {} refused\n",
        seen.good.load(Relaxed),
        seen.cancelled.load(Relaxed),
        seen.stopped.load(Relaxed),
        seen.gone.load(Relaxed),
        seen.refused.load(Relaxed)
    );
    result
}
