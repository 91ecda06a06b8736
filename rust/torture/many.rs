// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Many jobs on many queues, each waiting for some of the others'.

use crate::{
    engine::{
        checked,
        Engine,
        Job, //
    },
    failed,
    ring::{
        queue,
        CheckedRing, //
    },
    threads,
    verdict,
    Random, //
};
use dma_fence::Fence;
use jobqueue::{
    JobQueue,
    OnError, //
};
use kasync::{
    block_on,
    sync::Semaphore,
    time::{
        timeout,
        Delta, //
    },
    Executor, //
};
use kernel::sync::aref::ARef;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        SpinLock, //
    }, //
};

const QUEUES: u32 = 512;
const LIMIT: Delta = Delta::from_secs(120);

/// A fence, and the number of its queue.
type Known = (ARef<Fence>, u32);

/// Fences that were committed not long ago.
#[pin_data]
struct Recent {
    #[pin]
    fences: SpinLock<KVec<Known>>,
}

impl Recent {
    const SIZE: usize = 256;

    fn new() -> Result<Arc<Self>> {
        let fences = KVec::with_capacity(Self::SIZE, GFP_KERNEL)?;
        Arc::pin_init(
            pin_init!(Self {
                fences <- new_spinlock!(fences),
            }),
            GFP_KERNEL,
        )
    }

    fn some(&self, random: &mut Random) -> Option<Known> {
        let fences = self.fences.lock();
        let n = u32::try_from(fences.len()).ok().filter(|n| *n > 0)?;
        Some(fences[random.below(n) as usize].clone())
    }

    fn add(&self, fence: Known, random: &mut Random) {
        let mut fences = self.fences.lock();
        let old = if fences.len() < Self::SIZE {
            // There is room: it was allocated.
            fences.push_within_capacity(fence).err().map(|_| None)
        } else {
            let at = random.below(Self::SIZE as u32) as usize;
            Some(Some(core::mem::replace(&mut fences[at], fence)))
        };
        drop(fences);
        drop(old);
    }
}

/// A queue with its hardware.
struct TestedQueue {
    engine: Arc<Engine>,
    queue: JobQueue<CheckedRing>,
}

/// `jobs` jobs.
pub(crate) fn run(jobs: u32, seed: u32) -> Result {
    let before = checked();
    let executor = Executor::new(c"torture-many")?;
    let mut random = Random::new(seed, 100);
    let mut queues = KVVec::new();
    let slots = Arc::new(Semaphore::new(QUEUES as usize / 4), GFP_KERNEL)?;
    for _ in 0..QUEUES {
        let scope = executor.root().child(c"many")?;
        let engine = Engine::new(random.next(), false)?;
        // Patience for a machine that is busy: no job is to be stopped here.
        let queue = queue(
            &scope,
            &engine,
            &slots,
            8,
            Delta::from_secs(60),
            OnError::Propagate,
        )?;
        queues.push(TestedQueue { engine, queue }, GFP_KERNEL)?;
    }
    let recent = Recent::new()?;
    let left = Atomic::<i32>::new(i32::try_from(jobs)?);
    let (good, bad) = (Atomic::<u32>::new(0), Atomic::<u32>::new(0));
    let tally = |fence: &Fence| -> Result {
        match block_on(timeout(LIMIT, fence.wait()))? {
            Ok(Ok(())) => good.fetch_add(1, Relaxed),
            _ => bad.fetch_add(1, Relaxed),
        };
        Ok(())
    };
    let result = threads(|n| {
        let mut random = Random::new(seed, 200 + n);
        let mut pending = KVVec::new();
        while left.fetch_sub(1, Relaxed) > 0 {
            let at = random.below(QUEUES);
            let tested = &queues[at as usize];
            let mut job = Job::new(&tested.engine)?;
            let mut dependencies = KVVec::new();
            for _ in 0..random.below(4) {
                if let Some((fence, queue)) = recent.some(&mut random) {
                    // H27: what it has of its own queue is in order anyway.
                    if queue != at {
                        job.depends_on(&fence)?;
                    }
                    dependencies.push(fence, GFP_KERNEL)?;
                }
            }
            let committing = job.committing();
            let prepared = tested.queue.prepare(job, 1, dependencies)?;
            let fence = prepared.commit()?;
            committing.committed(&fence);
            recent.add((fence.clone(), at), &mut random);
            pending.push(fence, GFP_KERNEL)?;
            if pending.len() == 1024 {
                for fence in &pending {
                    tally(fence)?;
                }
                pending.clear();
            }
        }
        for fence in &pending {
            tally(fence)?;
        }
        verdict()
    });
    drop(queues);
    executor.root().cancel();
    executor.root().join_blocking()?;
    executor.shutdown()?;
    let (good, bad, checked) = (good.load(Relaxed), bad.load(Relaxed), checked() - before);
    pr_info!(
        "{jobs} jobs on {QUEUES} queues: {good} well, {bad} not; {checked} checked as they \
         signalled\n"
    );
    result?;
    // The fences of the others had signalled before the checker was added: a commit to an idle
    // queue often completes the job. If nearly all jobs are such, nothing is tested.
    if checked < jobs / 4 {
        failed(c"few jobs were checked", checked.into(), jobs.into());
    }
    if good != jobs {
        failed(c"not all jobs went well", good.into(), jobs.into());
    }
    Ok(())
}
