// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A ring whose jobs end when the test says so.

use core::{
    future::Future,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};
use dma_fence::Fence;
use jobqueue::{
    Config,
    HwDone,
    JobQueue,
    Names,
    OnError,
    Prepared,
    Ring,
    RingStopped,
    Timeline, //
    TimeoutAction,
};
use kasync::{
    block_on,
    sync::{
        Acquire,
        AtomicWaker,
        Notify,
        OwnedPermit,
        Semaphore, //
    },
    time::{
        sleep,
        timeout,
        Delta, //
    },
    Executor,
    Scope, //
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        SpinLock, //
    }, //
};

static NAMES: Names = Names::new(c"test", c"queue");

/// How long anything may take.
pub(crate) const LIMIT: Delta = Delta::from_millis(5000);

/// How long the ring asks to wait when something takes too long.
const WAIT: Delta = Delta::from_millis(30);

/// What a fence signals with; `ETIME` if it does not within the limit.
pub(crate) fn result(fence: &ARef<Fence>) -> Result {
    block_on(timeout(LIMIT, fence.wait()))?.unwrap_or(Err(ETIME))
}

/// Whether it goes on waiting for a time that is long enough for what is wrong to happen.
pub(crate) fn stays(fence: &ARef<Fence>) -> Result<bool> {
    Ok(block_on(timeout(Delta::from_millis(20), fence.wait()))?.is_err())
}

/// A job.
pub(crate) struct Job {
    id: u32,
    fails: bool,
    stalls: bool,
    bytes: usize,
}

impl Job {
    /// One that runs until it is completed. Their numbers rise.
    pub(crate) fn new(id: u32) -> Self {
        Self {
            id,
            fails: false,
            stalls: false,
            bytes: 0,
        }
    }

    /// One that keeps so many bytes.
    pub(crate) fn large(id: u32, bytes: usize) -> Self {
        Self {
            bytes,
            ..Self::new(id)
        }
    }

    /// One that keeps so many bytes, numbered as those of [`Job::next`].
    pub(crate) fn large_next(bytes: usize) -> Self {
        Self::large(0, bytes)
    }

    /// One whose number is how many have been started before it, and itself: for a caller that
    /// does not know that.
    pub(crate) fn next() -> Self {
        Self::new(0)
    }

    /// One that cannot be started.
    pub(crate) fn failing(id: u32) -> Self {
        Self {
            fails: true,
            ..Self::new(id)
        }
    }

    /// One that only ends after complaints.
    pub(crate) fn stalling(id: u32) -> Self {
        Self {
            stalls: true,
            ..Self::new(id)
        }
    }
}

/// What has happened so far.
struct State {
    /// The ring is not ready for any job before this is cleared.
    busy: bool,
    /// What readiness ends with.
    refuses: Option<Error>,
    /// What a time limit that passes while nothing is in flight ends with.
    fails: Option<Error>,
    /// How often in a row a time limit has passed while the ring was not ready.
    not_ready: u32,
    /// How often the ring was told that nothing is in flight.
    quiesced: u32,
    /// The thread whose callbacks are counted, how many there were, and how many of these could be
    /// preempted.
    caller: i32,
    called: Called,
    started: usize,
    retired: usize,
    complaints: u32,
    /// How soon somebody wants something.
    hurried: Option<Delta>,
    /// How often the ring was told.
    deadlines: u32,
    /// How often it was reset, if that is what it does.
    resets: Option<u32>,
    /// A decision on a time limit is not made before this is cleared.
    undecided: bool,
    /// A decision is being made.
    deciding: bool,
    ended: bool,
    /// Number of the last job that is over, and how those since the last call ended.
    done: u32,
    result: Result,
}

/// Callbacks of the ring that ran in a certain thread.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Called {
    /// Those that a commit may run: readiness, submission, a look at completion.
    pub(crate) submits: u32,
    /// All others.
    pub(crate) others: u32,
    /// Of all of these, those that could be preempted.
    pub(crate) preemptible: u32,
}

/// What test and ring share.
#[pin_data]
pub(crate) struct Mock {
    changed: Notify,
    /// Of the queue's task.
    waker: AtomicWaker,
    ready: AtomicWaker,
    #[pin]
    state: SpinLock<State>,
}

impl Mock {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                changed: Notify::new(),
                waker: AtomicWaker::new(),
                ready: AtomicWaker::new(),
                state <- new_spinlock!(State {
                    busy: false,
                    refuses: None,
                    fails: None,
                    not_ready: 0,
                    quiesced: 0,
                    caller: 0,
                    called: Called::default(),
                    started: 0,
                    retired: 0,
                    complaints: 0,
                    hurried: None,
                    deadlines: 0,
                    resets: None,
                    undecided: false,
                    deciding: false,
                    ended: false,
                    done: 0,
                    result: Ok(()),
                }),
            }),
            GFP_KERNEL,
        )
    }

    /// All jobs up to number `id` are over.
    pub(crate) fn complete(&self, id: u32, result: Result) {
        self.change(|state| {
            state.done = id;
            state.result = result;
        });
    }

    /// The same, and nobody is told.
    pub(crate) fn complete_in_silence(&self, id: u32) {
        self.state.lock().done = id;
    }

    /// Whether the ring is ready from now on.
    pub(crate) fn set_busy(&self, busy: bool) {
        self.change(|state| state.busy = busy);
    }

    /// Readiness ends with this from now on.
    pub(crate) fn refuse(&self, e: Option<Error>) {
        self.change(|state| state.refuses = e);
    }

    /// A time limit that passes while nothing is in flight ends the wait for readiness.
    pub(crate) fn fail_when_not_ready(&self, e: Error) {
        self.change(|state| state.fails = Some(e));
    }

    pub(crate) fn quiesced(&self) -> u32 {
        self.state.lock().quiesced
    }

    /// Counts callbacks in the calling thread from now on.
    pub(crate) fn count_calls(&self) {
        let mut state = self.state.lock();
        state.caller = kernel::current!().pid();
        state.called = Called::default();
    }

    pub(crate) fn called(&self) -> Called {
        self.state.lock().called
    }

    /// A callback runs.
    fn note_call(&self, submits: bool) {
        let mut state = self.state.lock();
        if state.caller != kernel::current!().pid() {
            return;
        }
        state.called.submits += u32::from(submits);
        state.called.others += u32::from(!submits);
        drop(state);
        if crate::contexts::preemptible() {
            self.state.lock().called.preemptible += 1;
        }
    }

    pub(crate) fn started(&self) -> usize {
        self.state.lock().started
    }

    /// Number of the last job that is over.
    pub(crate) fn done(&self) -> u32 {
        self.state.lock().done
    }

    pub(crate) fn retired(&self) -> usize {
        self.state.lock().retired
    }

    /// It is reset when a job takes too long the next time; once.
    pub(crate) fn reset_when_stalled(&self) {
        self.state.lock().resets = Some(0);
    }

    /// Whether decisions on time limits stay pending from now on.
    pub(crate) fn set_undecided(&self, undecided: bool) {
        self.change(|state| state.undecided = undecided);
    }

    pub(crate) fn resets(&self) -> Option<u32> {
        self.state.lock().resets
    }

    pub(crate) fn complaints(&self) -> u32 {
        self.state.lock().complaints
    }

    /// How often the ring was told of a deadline.
    pub(crate) fn deadlines(&self) -> u32 {
        self.state.lock().deadlines
    }

    /// Waits until the ring was told of a deadline that is sooner.
    pub(crate) async fn hurried_within(&self, within: Delta) {
        self.wait(|state| state.hurried.filter(|d| *d <= within))
            .await;
    }

    /// How soon somebody wants something, as soon as somebody does.
    pub(crate) async fn hurried(&self) -> Delta {
        self.wait(|state| state.hurried).await
    }

    fn change(&self, f: impl FnOnce(&mut State)) {
        f(&mut self.state.lock());
        self.changed.notify_waiters();
        self.waker.wake();
        self.ready.wake();
    }

    /// Hardware that works by itself, until the queue has ended.
    async fn work(self: Arc<Self>, duration: Delta) {
        let mut done = 0;
        loop {
            let more = self.wait(|s| match s.started > done {
                true => Some(true),
                false => s.ended.then_some(false),
            });
            if !more.await {
                return;
            }
            sleep(duration).await;
            done += 1;
            self.complete(u32::try_from(done).unwrap_or(u32::MAX), Ok(()));
        }
    }

    async fn wait<T>(&self, f: impl Fn(&State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            let found = f(&self.state.lock());
            if let Some(found) = found {
                return found;
            }
            changed.await;
        }
    }
}

/// Something scarce that rings share.
struct Scarce {
    permits: Arc<Semaphore>,
    /// The wait for a permit.
    acquire: Pin<KBox<Option<Acquire<Arc<Semaphore>>>>>,
    held: Option<OwnedPermit>,
}

impl Scarce {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.held.is_some() {
            return Poll::Ready(());
        }
        if self.acquire.is_none() {
            self.acquire
                .set(Some(Semaphore::acquire_owned(&self.permits, 1)));
        }
        let Some(acquire) = self.acquire.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let permit = core::task::ready!(acquire.poll(cx));
        self.acquire.set(None);
        self.held = Some(permit);
        Poll::Ready(())
    }

    /// Gives back what it has, and what it waits for.
    fn release(&mut self) {
        self.acquire.set(None);
        self.held = None;
    }
}

/// The ring.
pub(crate) struct MockRing {
    mock: Arc<Mock>,
    scarce: Option<Scarce>,
}

impl MockRing {
    fn new(mock: Arc<Mock>, permits: Option<Arc<Semaphore>>) -> Result<Self> {
        let scarce = match permits {
            Some(permits) => Some(Scarce {
                permits,
                acquire: KBox::pin(None, GFP_KERNEL)?,
                held: None,
            }),
            None => None,
        };
        Ok(Self { mock, scarce })
    }

    fn poll_free(&mut self, cx: &mut Context<'_>) -> Poll<Result> {
        self.mock.ready.register(cx);
        {
            let state = self.mock.state.lock();
            if state.busy {
                return Poll::Pending;
            }
            if let Some(e) = state.refuses {
                return Poll::Ready(Err(e));
            }
        }
        match &mut self.scarce {
            Some(scarce) => scarce.poll(cx).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl MockRing {
    /// Returns what a time limit leads to.
    fn decide(&mut self, job: Option<&InFlight>, n: u32, timeline: Timeline) -> TimeoutAction {
        let Some(job) = job else {
            let mut fails = None;
            self.mock.change(|state| {
                state.not_ready = n;
                fails = state.fails;
            });
            return fails.map_or(TimeoutAction::Wait(WAIT), TimeoutAction::Fail);
        };
        if let Some(resets @ 0) = self.mock.state.lock().resets.as_mut() {
            *resets += 1;
            // SAFETY: There is no hardware.
            return TimeoutAction::Stopped(unsafe { RingStopped::new(timeline) });
        }
        self.mock.change(|state| {
            if job.stalls {
                state.complaints = n;
                if n == 3 {
                    state.done = job.id;
                    state.result = Err(ETIMEDOUT);
                }
            }
        });
        TimeoutAction::Wait(WAIT)
    }
}

/// A job that it has.
pub(crate) struct InFlight {
    mock: Arc<Mock>,
    id: u32,
    stalls: bool,
}

impl Ring for MockRing {
    type Job = Job;
    type InFlight = InFlight;

    fn memory(job: &Job) -> usize {
        job.bytes
    }

    fn set_deadline(&mut self, within: Delta) {
        self.mock.note_call(false);
        self.mock.change(|state| {
            state.hurried = Some(within);
            state.deadlines += 1;
        });
    }

    fn poll_ready(&mut self, job: &mut Job, cx: &mut Context<'_>) -> Poll<Result> {
        self.mock.note_call(true);
        let free = self.poll_free(cx);
        if job.fails {
            return Poll::Ready(Err(ENODEV));
        }
        free
    }

    fn submit(&mut self, job: &mut Job) -> InFlight {
        self.mock.note_call(true);
        let mut id = job.id;
        self.mock.change(|state| {
            state.started += 1;
            if id == 0 {
                id = state.started as u32;
            }
        });
        InFlight {
            mock: self.mock.clone(),
            id,
            stalls: job.stalls,
        }
    }

    fn poll_complete(
        &mut self,
        job: &mut InFlight,
        timeline: Timeline,
        cx: &mut Context<'_>,
    ) -> Poll<HwDone> {
        job.mock.note_call(true);
        job.mock.waker.register(cx);
        let state = job.mock.state.lock();
        if state.done >= job.id {
            // SAFETY: There is no hardware.
            Poll::Ready(unsafe { HwDone::new(timeline, state.result) })
        } else {
            Poll::Pending
        }
    }

    fn timed_out(
        &mut self,
        job: Option<&InFlight>,
        n: u32,
        timeline: Timeline,
    ) -> impl Future<Output = TimeoutAction> + Send + 'static {
        let action = self.decide(job, n, timeline);
        let mock = self.mock.clone();
        async move {
            mock.change(|state| state.deciding = true);
            mock.wait(|state| (!state.undecided).then_some(())).await;
            mock.change(|state| state.deciding = false);
            action
        }
    }

    fn retire(&mut self, _job: Job) {
        self.mock.note_call(false);
        self.mock.change(|state| state.retired += 1);
    }

    fn quiesced(&mut self) {
        self.mock.note_call(false);
        if let Some(scarce) = &mut self.scarce {
            scarce.release();
        }
        self.mock.change(|state| state.quiesced += 1);
    }

    async fn destroy(self) {
        self.mock.note_call(false);
        self.mock.change(|state| state.ended = true);
    }
}

/// What a test wants of its queue.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    pub(crate) names: &'static Names,
    pub(crate) credits: usize,
    pub(crate) jobs: usize,
    pub(crate) memory: usize,
    pub(crate) timeout: Delta,
    pub(crate) on_error: OnError,
    /// How long jobs take, one after the other; if there is none they end when the test says so.
    /// Their numbers then have to be 1, 2, 3 …
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

    /// Hardware that works by itself, and a queue that is deep and patient.
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
    executor: Arc<Executor>,
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
            executor,
        })
    }

    /// Drops the queue; another one, without jobs, takes its place.
    pub(crate) fn drop_queue(&mut self) -> Result {
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
        drop(core::mem::replace(&mut self.queue, next));
        Ok(())
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

    /// Waits until `count` jobs have been started.
    pub(crate) fn wait_started(&self, count: usize) -> Result {
        let started = self.mock.wait(|s| (s.started >= count).then_some(()));
        block_on(timeout(LIMIT, started))?.map_err(|_| ETIME)
    }

    /// Waits until the job has been complained of so often.
    pub(crate) fn wait_complaints(&self, count: u32) -> Result {
        let complaints = self.mock.wait(|s| (s.complaints >= count).then_some(()));
        block_on(timeout(LIMIT, complaints))?.map_err(|_| ETIME)
    }

    /// Closes the queue; fails unless all comes to its end.
    pub(crate) fn end(&self) -> Result {
        self.queue.close();
        block_on(timeout(LIMIT, self.scope.join()))?.map_err(|_| ETIME)??;
        if !self.mock.state.lock().ended {
            return Err(EINVAL);
        }
        self.executor.shutdown()
    }
}
