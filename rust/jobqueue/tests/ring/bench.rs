// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Queues for tests, and how long tests wait.

use super::{
    mock::Mock,
    Job,
    MockRing, //
};
use crate::contexts::in_irq;
use dma_fence::Fence;
use jobqueue::{
    Config,
    JobQueue,
    Names,
    OnError,
    Prepared, //
};
use kasync::{
    block_on,
    sync::Semaphore,
    time::{
        timeout,
        Delta, //
    },
    Executor,
    Scope, //
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

static NAMES: Names = Names::new(c"test", c"queue");

/// The time that anything may take.
pub(crate) const LIMIT: Delta = Delta::from_secs(60);

/// Returns the result of a fence, or `ETIME` if it does not signal within the limit.
pub(crate) fn result(fence: &ARef<Fence>) -> Result {
    block_on(timeout(LIMIT, fence.wait()))?.unwrap_or(Err(ETIME))
}

/// Returns whether it goes on waiting for a time that is long enough for what is wrong to happen.
pub(crate) fn stays(fence: &ARef<Fence>) -> Result<bool> {
    Ok(block_on(timeout(Delta::from_millis(20), fence.wait()))?.is_err())
}

/// The configuration of a test's queue.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    pub(crate) names: &'static Names,
    pub(crate) credits: usize,
    pub(crate) jobs: usize,
    pub(crate) memory: usize,
    pub(crate) timeout: Delta,
    pub(crate) on_error: OnError,
    /// The time that jobs take, one after the other; if there is none they end when the test says
    /// so. Their numbers then have to be 1, 2, 3 …
    pub(crate) duration: Option<Delta>,
}

impl Options {
    pub(crate) fn new(credits: usize) -> Self {
        Self {
            names: &NAMES,
            credits,
            jobs: 64,
            memory: usize::MAX,
            timeout: Delta::from_millis(50),
            on_error: OnError::Ignore,
            duration: None,
        }
    }

    /// Hardware that works by itself, and a deep queue with a long time limit.
    pub(crate) fn timed(credits: usize, duration: Delta) -> Self {
        Self {
            jobs: 1024,
            timeout: LIMIT,
            duration: Some(duration),
            ..Self::new(credits)
        }
    }
}

/// A queue on a mock.
pub(crate) struct Bench {
    pub(crate) mock: Arc<Mock>,
    pub(crate) queue: JobQueue<MockRing>,
    pub(crate) scope: Scope,
    /// There until this is dropped.
    executor: Option<Executor>,
    /// True if all has come to its end.
    ended: Atomic<bool>,
}

impl Bench {
    pub(crate) fn new(credits: usize) -> Result<Self> {
        Self::with(credits, OnError::Ignore)
    }

    pub(crate) fn with(credits: usize, on_error: OnError) -> Result<Self> {
        Self::build(Options {
            on_error,
            ..Options::new(credits)
        })
    }

    pub(crate) fn build(options: Options) -> Result<Self> {
        Self::sharing(options, None)
    }

    /// A queue whose ring takes one of `permits` while it has something in flight.
    pub(crate) fn sharing(options: Options, permits: Option<Arc<Semaphore>>) -> Result<Self> {
        let executor = Executor::new(c"jobqueue_test")?;
        let scope = executor.root().child(c"queue")?;
        let mock = Mock::new()?;
        let config = Config {
            names: options.names,
            credits: options.credits,
            jobs: options.jobs,
            memory: options.memory,
            timeout: options.timeout,
            on_error: options.on_error,
        };
        let queue = JobQueue::new(
            &scope,
            c"queue",
            MockRing::new(mock.clone(), permits)?,
            &config,
        )?;
        if let Some(duration) = options.duration {
            let hardware = mock.clone().work(duration);
            executor.root().spawn(c"hardware", hardware)?.detach();
        }
        Ok(Self {
            mock,
            queue,
            scope,
            executor: Some(executor),
            ended: Atomic::new(false),
        })
    }

    /// Drops the queue; another one, without jobs, takes its place.
    pub(crate) fn drop_queue(&mut self) -> Result {
        drop(self.take_queue()?);
        Ok(())
    }

    /// Returns the queue; another one, without jobs, takes its place.
    pub(crate) fn take_queue(&mut self) -> Result<JobQueue<MockRing>> {
        let config = Config {
            names: &NAMES,
            credits: 1,
            jobs: 1,
            memory: usize::MAX,
            timeout: LIMIT,
            on_error: OnError::Ignore,
        };
        let ring = MockRing::new(Mock::new()?, None)?;
        let next = JobQueue::new(&self.scope, c"queue", ring, &config)?;
        Ok(core::mem::replace(&mut self.queue, next))
    }

    pub(crate) fn prepare(
        &self,
        job: Job,
        credits: usize,
        dependencies: &[ARef<Fence>],
    ) -> Result<Prepared<'_, MockRing>> {
        let mut fences = KVVec::new();
        for fence in dependencies {
            fences.push(fence.clone(), GFP_KERNEL)?;
        }
        self.queue.prepare(job, credits, fences)
    }

    /// Commits a job that costs one credit.
    pub(crate) fn commit(&self, job: Job, dependencies: &[ARef<Fence>]) -> Result<ARef<Fence>> {
        self.prepare(job, 1, dependencies)?.commit()
    }

    /// Waits until the ring was told `count` times that nothing is in flight.
    pub(crate) fn wait_quiesced(&self, count: u32) -> Result {
        let quiesced = self.mock.wait(|s| (s.quiesced >= count).then_some(()));
        block_on(timeout(LIMIT, quiesced))?.map_err(|_| ETIME)
    }

    /// Waits until a time limit has passed so often while the ring was not ready.
    pub(crate) fn wait_not_ready(&self, count: u32) -> Result {
        let late = self.mock.wait(|s| (s.not_ready >= count).then_some(()));
        block_on(timeout(LIMIT, late))?.map_err(|_| ETIME)
    }

    /// Waits until a decision on a time limit is being made.
    pub(crate) fn wait_deciding(&self) -> Result {
        let deciding = self.mock.wait(|s| s.deciding.then_some(()));
        block_on(timeout(LIMIT, deciding))?.map_err(|_| ETIME)
    }

    /// Waits until `count` jobs have been retired.
    pub(crate) fn wait_retired(&self, count: usize) -> Result {
        let retired = self.mock.wait(|s| (s.retired >= count).then_some(()));
        block_on(timeout(LIMIT, retired))?.map_err(|_| ETIME)
    }

    /// Waits until `count` jobs have been discarded.
    pub(crate) fn wait_discarded(&self, count: usize) -> Result {
        let discarded = self.mock.wait(|s| (s.discarded.1 >= count).then_some(()));
        block_on(timeout(LIMIT, discarded))?.map_err(|_| ETIME)
    }

    /// Waits until the ring was told that the queue is closed with nothing in flight.
    pub(crate) fn wait_closed(&self) -> Result {
        let closed = self.mock.wait(|s| (s.closed > 0).then_some(()));
        block_on(timeout(LIMIT, closed))?.map_err(|_| ETIME)
    }

    /// Waits until `count` jobs have been started.
    pub(crate) fn wait_started(&self, count: usize) -> Result {
        let started = self.mock.wait(|s| (s.started >= count).then_some(()));
        block_on(timeout(LIMIT, started))?.map_err(|_| ETIME)
    }

    /// Waits until the ring was asked for readiness, and was not ready.
    pub(crate) fn wait_asked(&self) -> Result {
        let asked = (self.mock).wait(|s| (s.not_ready_polls > 0).then_some(()));
        block_on(timeout(LIMIT, asked))?.map_err(|_| ETIME)
    }

    /// Waits until the ring was asked `count` times what a timeout leads to.
    pub(crate) fn wait_decisions(&self, count: u32) -> Result {
        let asked = self.mock.wait(|s| (s.decisions >= count).then_some(()));
        block_on(timeout(LIMIT, asked))?.map_err(|_| ETIME)
    }

    /// Waits until the queue, which is parked, has nothing in flight.
    pub(crate) fn wait_parked(&self) -> Result {
        block_on(timeout(LIMIT, core::pin::pin!(self.queue.parked())))?.map_err(|_| ETIME)?
    }

    /// Waits until the time limit of a job in flight has expired `count` times.
    pub(crate) fn wait_timeouts(&self, count: u32) -> Result {
        let timeouts = self.mock.wait(|s| (s.timeouts >= count).then_some(()));
        block_on(timeout(LIMIT, timeouts))?.map_err(|_| ETIME)
    }

    /// Closes the queue; fails unless all comes to its end.
    pub(crate) fn end(&self) -> Result {
        self.queue.close();
        block_on(timeout(LIMIT, self.scope.join()))?.map_err(|_| ETIME)??;
        let (ended, missing) = {
            let state = self.mock.state.lock();
            (state.ended, state.missing)
        };
        if !ended || missing {
            return Err(EINVAL);
        }
        if let Some(executor) = &self.executor {
            executor.shutdown()?;
        }
        self.ended.store(true, Relaxed);
        Ok(())
    }

    /// Ends all that waits for the queue or works for it, without waiting, unless all has come to
    /// its end.
    pub(crate) fn abandon(&self) {
        if !self.ended.load(Relaxed) {
            self.scope.cancel();
            self.mock.abandon();
        }
    }
}

impl Drop for Bench {
    /// Ends the queue of a test that has failed: its jobs may depend on those of other queues,
    /// which are dropped after this one. In an interrupt nothing waits, so the executor ends in the
    /// background.
    fn drop(&mut self) {
        if !self.ended.load(Relaxed) {
            self.abandon();
            let executor = &mut self.executor;
            in_irq(|| drop(executor.take()));
        }
    }
}
