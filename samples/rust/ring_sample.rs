// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A driver on `kasync` and `jobqueue`, to learn from. Its GPU is a timer.
//!
//! ```text
//!   prepare(), commit()              the queue's task                 the GPU
//!   ───────────────────  ─────────►  ────────────────                 ───────
//!   the fence                        submit() ── started += 1 ──────► each tick: one more is done,
//!     ▲                              poll_complete() ◄ AtomicWaker ── unless it hangs
//!     └───────── signals ──────────────┘
//! ```
//!
//! Loading the module runs some jobs and says what became of them; it does not load if that is not
//! what should have.
//!
//! What a driver for real hardware does besides: its interrupt comes through `kasync::irq`, or from
//! C, and wakes the same waker; the executor is made when the device is probed, and shut down when
//! it goes; each open file has a scope below the device's, and each queue one below its file's.
//! `drivers/gpu/drm/asahi` does all of that.

use core::{
    future::{
        ready,
        Future, //
    },
    pin::pin,
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
    Ring,
    RingStopped,
    Timeline, //
    TimeoutAction,
};
use kasync::{
    block_on,
    cancelled,
    join,
    select,
    sync::{
        AtomicWaker,
        Notify, //
    },
    time::timeout,
    Either,
    Executor,
    Scope, //
};
use kernel::sync::aref::ARef;
use kernel::{
    impl_has_hr_timer,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        Arc,
        ArcBorrow, //
    },
    time::{
        hrtimer::{
            ArcHrTimerHandle,
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerPointer,
            HrTimerRestart,
            RelativeMode, //
        },
        Delta,
        Monotonic, //
    }, //
};

struct Sample;

module! {
    type: Sample,
    name: "ring_sample",
    authors: ["The asahi-async authors"],
    description: "A driver on the job queue",
    license: "Dual MIT/GPL",
}

static NAMES: Names = Names::new(c"ring_sample", c"ring");

/// How long the GPU takes for a job.
const TICK: Delta = Delta::from_micros(200);
/// Time limit for a job. Much longer than a job takes: it is for what has gone wrong.
const TIMEOUT: Delta = Delta::from_millis(50);
/// How long we wait for what has to come.
const LIMIT: Delta = Delta::from_secs(10);
/// How many jobs the GPU has room for.
const ROOM: usize = 4;

/// The GPU: what the ring and the interrupt share. Real ones have the counters in memory that both
/// sides see.
#[pin_data]
struct Gpu {
    #[pin]
    timer: HrTimer<Self>,
    /// How many jobs it was given, and how many it has done. Jobs are numbered from 1, in this
    /// order.
    started: Atomic<u64>,
    done: Atomic<u64>,
    /// The job that it does not get past, or 0.
    hangs_at: Atomic<u64>,
    /// Notified when it is given a job.
    given: Notify,
    /// Where the queue's task leaves its waker for the interrupt. Waking may be done anywhere: it
    /// queues a work item, and polls nothing.
    changed: AtomicWaker,
}

impl_has_hr_timer! {
    impl HasHrTimer<Self> for Gpu {
        mode: RelativeMode<Monotonic>, field: self.timer
    }
}

impl HrTimerCallback for Gpu {
    type Pointer<'a> = Arc<Self>;

    /// A tick, and the interrupt.
    fn run(this: ArcBorrow<'_, Self>, mut cx: HrTimerCallbackContext<'_, Self>) -> HrTimerRestart {
        let done = this.done.load(Relaxed);
        if done < this.started.load(Acquire) && done + 1 != this.hangs_at.load(Relaxed) {
            // First say so, then wake. The task does the opposite: it registers, then looks. So it
            // does not miss it.
            this.done.store(done + 1, Release);
            this.changed.wake();
        }
        cx.forward_now(TICK);
        HrTimerRestart::Restart
    }
}

impl Gpu {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                timer <- HrTimer::new(),
                started: Atomic::new(0),
                done: Atomic::new(0),
                hangs_at: Atomic::new(0),
                given: Notify::new(),
                changed: AtomicWaker::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Waits until it has been given its first job.
    fn wait_started(&self) -> Result {
        let started = async {
            loop {
                let given = self.given.notified();
                if self.started.load(Relaxed) > 0 {
                    break;
                }
                given.await;
            }
        };
        block_on(timeout(LIMIT, started))?.map_err(|_| ETIMEDOUT)
    }

    /// It gets past the job that it hangs at.
    fn recover(&self) {
        self.hangs_at.store(0, Relaxed);
    }
}

/// A job. What it needs of memory belongs into it, so that it stays until [`Ring::retire`].
struct Job {
    /// The GPU is going to hang with it.
    hangs: bool,
    /// Counts those that came back.
    retired: Arc<Atomic<u64>>,
}

/// The hardware's side of a queue. Only the queue's task uses it, one call at a time: so no locks.
///
/// All calls are in a poll of that task, that is, in a fence signalling section: nothing here may
/// allocate with `GFP_KERNEL`, or wait for a fence, and lockdep says so if it does. What is needed
/// of memory is in the job, or was made in `new`.
struct GpuRing {
    gpu: Arc<Gpu>,
    /// The GPU runs as long as this is there.
    ticks: Option<ArcHrTimerHandle<Gpu>>,
}

impl GpuRing {
    fn new(gpu: Arc<Gpu>) -> Self {
        let ticks = Some(gpu.clone().start(TICK));
        Self { gpu, ticks }
    }
}

impl Ring for GpuRing {
    type Job = Job;
    /// What is known of a job that the GPU has: its number.
    type InFlight = u64;

    /// Always ready: credits are room in the ring, and the queue counts them. A ring that shares
    /// something with others, such as slots for address spaces, takes it here, and gives it back in
    /// [`Ring::quiesced`].
    fn poll_ready(&mut self, _job: &mut Job, _cx: &mut Context<'_>) -> Poll<Result> {
        Poll::Ready(Ok(()))
    }

    /// Hands the job to the GPU. May run in the thread that commits, with preemption disabled.
    fn submit(&mut self, job: &mut Job) -> u64 {
        let number = self.gpu.started.load(Relaxed) + 1;
        if job.hangs {
            self.gpu.hangs_at.store(number, Relaxed);
        }
        // All that the GPU needs to know of the job is there before this.
        self.gpu.started.store(number, Release);
        self.gpu.given.notify_waiters();
        number
    }

    /// Polls for the end of the oldest job that the GPU has. It registers first, and looks then:
    /// the other way round it would miss what comes in between.
    fn poll_complete(
        &mut self,
        number: &mut u64,
        timeline: Timeline,
        cx: &mut Context<'_>,
    ) -> Poll<HwDone> {
        self.gpu.changed.register(cx);
        // Pairs with the release of the interrupt: what the GPU has written for the job is visible
        // to all that wait for its fence.
        if self.gpu.done.load(Acquire) < *number {
            return Poll::Pending;
        }
        // SAFETY: The GPU has counted the job, and does not touch its memory any more.
        Poll::Ready(unsafe { HwDone::new(timeline, Ok(())) })
    }

    /// Waits the first time, as the job may just be late; resets the GPU the second time.
    fn timed_out(
        &mut self,
        _number: Option<&u64>,
        n: u32,
        timeline: Timeline,
    ) -> impl Future<Output = TimeoutAction> + Send + 'static {
        if n < 2 {
            return ready(TimeoutAction::Wait(TIMEOUT));
        }
        // Cancels the timer and waits for its function: the GPU does nothing any more.
        self.ticks = None;
        // What it had and has not done it has forgotten. New jobs get those numbers.
        self.gpu.started.store(self.gpu.done.load(Relaxed), Relaxed);
        self.gpu.hangs_at.store(0, Relaxed);
        self.ticks = Some(self.gpu.clone().start(TICK));
        // SAFETY: The timer is cancelled and the GPU has forgotten its jobs, so nothing that was in
        // flight is touched any more. The fences signal because of this promise, and their waiters
        // then free the memory.
        ready(TimeoutAction::Stopped(unsafe {
            RingStopped::new(timeline)
        }))
    }

    /// The fence has signalled. Where taking the job apart would take long, or sleep, it goes to
    /// somebody else from here.
    fn retire(&mut self, job: Job) {
        job.retired.fetch_add(1, Relaxed);
    }

    /// Nothing to do: the time for power management.
    fn quiesced(&mut self) {}

    /// Closed, and nothing is in flight. `async`, as firmware may have to be told, and has to
    /// answer.
    async fn destroy(self) {
        // Also here, though it goes anyway: a look at the GPU after the queue has ended finds
        // that it rests.
        drop(self.ticks);
    }
}

/// Of an open file of the device: a scope for whatever is done for it, and its queue.
struct Client {
    scope: Scope,
    queue: JobQueue<GpuRing>,
    gpu: Arc<Gpu>,
    retired: Arc<Atomic<u64>>,
}

impl Client {
    /// Returns a client whose GPU is reset if a job takes longer than twice `timeout`.
    fn new(device: &Scope, timeout: Delta) -> Result<Self> {
        let scope = device.child(c"client")?;
        let config = Config {
            names: &NAMES,
            credits: ROOM,
            // More than are in flight, so that the GPU is never without; a thread that wants to
            // prepare more waits.
            jobs: 4 * ROOM,
            memory: usize::MAX,
            timeout,
            on_error: OnError::Ignore,
        };
        let gpu = Gpu::new()?;
        let queue = JobQueue::new(&scope, c"queue", GpuRing::new(gpu.clone()), &config)?;
        let retired = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        Ok(Self {
            scope,
            queue,
            gpu,
            retired,
        })
    }

    /// What the submit ioctl does. All that may fail comes before `commit()`: installing the fence
    /// would go between the two, in its first half, see `Documentation/jobqueue.rst`.
    fn submit(&self, hangs: bool, credits: usize, after: &[&Fence]) -> Result<ARef<Fence>> {
        let mut dependencies = KVVec::with_capacity(after.len(), GFP_KERNEL)?;
        for &fence in after {
            dependencies.push(fence.into(), GFP_KERNEL)?;
        }
        let job = Job {
            hangs,
            retired: self.retired.clone(),
        };
        let prepared = self.queue.prepare(job, credits, dependencies)?;
        prepared.commit()
    }
}

/// Waits for a fence as any future: here from a thread, with a limit, so that what is wrong is seen
/// to be.
fn result(fence: &Fence) -> Result {
    block_on(timeout(LIMIT, fence.wait()))?.map_err(|_| ETIMEDOUT)?
}

/// Says what has held, as a test does.
fn check(what: &str, held: bool) -> Result {
    pr_info!("{} {what}\n", if held { "ok" } else { "not ok" });
    if held {
        Ok(())
    } else {
        Err(EIO)
    }
}

/// Jobs of two clients, of whom one waits for the other.
fn two_clients(device: &Scope) -> Result {
    let (one, other) = (
        Client::new(device, TIMEOUT)?,
        Client::new(device, TIMEOUT)?, //
    );
    let first = one.submit(false, 1, &[])?;
    check("a job runs", result(&first).is_ok())?;

    // Any driver's fence will do as a dependency; this one is of another queue. Nobody here waits
    // for it but the queue's task.
    let before = one.submit(false, 1, &[])?;
    let after = other.submit(false, ROOM, &[&before])?;
    check("a job waits for another queue's", result(&after).is_ok())?;
    check("which is over then", before.test_signaled_flag())?;

    // In tasks, fences are awaited, several at once if need be. A task owns what it uses, and
    // belongs to a scope.
    let (a, b) = (one.submit(false, 1, &[])?, other.submit(false, 1, &[])?);
    let task = device.spawn(c"waits", async move {
        let (a, b) = join!(a.wait(), b.wait());
        a.and(b)
    })?;
    check("a task awaits two", block_on(task)? == Ok(()))?;

    // Dropping a queue closes it, and does not wait. Its task owns what it needs, and goes on until
    // the last fence has signalled.
    let last = one.submit(false, 1, &[])?;
    let scope = one.scope.clone();
    drop(one);
    // Code that has to know that all is over joins the scope: in a driver, the removal of the
    // device, and hardly anything else.
    scope.join_blocking()?;
    check(
        "a queue that is dropped brings its jobs to an end",
        last.test_signaled_flag(),
    )
}

/// A job that hangs.
fn hang(device: &Scope) -> Result {
    let (slow, client) = (Client::new(device, LIMIT)?, Client::new(device, TIMEOUT)?);
    // Waits for a job that is slow. So the GPU gets the job that hangs and the one behind it at the
    // same time, however long this thread takes to commit them.
    let before = slow.submit(true, 1, &[])?;
    let hung = client.submit(true, 1, &[&before])?;
    let lost = client.submit(false, 1, &[])?;
    // Needs all of the ring, so it has not been in flight when that is reset.
    let next = client.submit(false, ROOM, &[])?;
    // A job that is committed is not in flight yet: its queue's task may have to run first.
    slow.gpu.wait_started()?;
    slow.gpu.recover();
    check(
        "a job that is slow is over in the end",
        result(&before).is_ok(),
    )?;
    check("a job that hangs times out", result(&hung) == Err(ETIME))?;
    check(
        "one that was in flight with it is lost",
        result(&lost) == Err(ECANCELED),
    )?;
    check("the next one runs", result(&next).is_ok())
}

/// The system is suspended while a client has jobs under way.
fn suspend(device: &Scope) -> Result {
    let client = Client::new(device, LIMIT)?;
    let before = client.submit(true, ROOM, &[])?;
    client.gpu.wait_started()?;
    // From here on the GPU gets no job. Those that it has go on, and clients notice nothing.
    client.queue.park();
    let during = client.submit(false, 1, &[])?;
    client.gpu.recover();
    block_on(timeout(LIMIT, pin!(client.queue.parked())))?.map_err(|_| ETIMEDOUT)??;
    // Now a driver switches the GPU off, and on again later.
    check("the GPU ends what it has", result(&before).is_ok())?;
    check(
        "and gets nothing while the queue is parked",
        client.gpu.started.load(Relaxed) == 1 && !during.test_signaled_flag(),
    )?;
    client.queue.unpark();
    check("a job that has waited runs then", result(&during).is_ok())
}

/// The client is killed while its job hangs. Its scope is cancelled, and with that all that was
/// done for it.
fn cancel(device: &Scope) -> Result {
    let client = Client::new(device, LIMIT)?;
    let in_flight = client.submit(true, ROOM, &[])?;
    let waiting = client.submit(false, 1, &[])?;
    // A task of the client's, which waits for the same fence. Cancelling is a request: a task that
    // may have to wait for long listens to it, and ends in its own time, after whatever it has to
    // clean up. Dropping the future of a fence is always fine.
    let fence = in_flight.clone();
    let task = client.scope.spawn(c"waits", async move {
        match select(cancelled(), fence.wait()).await {
            Either::Left(()) => Err(ECANCELED),
            Either::Right(result) => result,
        }
    })?;

    // Otherwise the cancel may come first, and the job never run.
    client.gpu.wait_started()?;
    client.scope.cancel();
    check(
        "nothing is committed any more",
        client.submit(false, 1, &[]).is_err(),
    )?;
    check("a task has heard of it", block_on(task)? == Err(ECANCELED))?;
    // The GPU has this one: it is not over before the GPU says so, or has been reset (H17). Joining
    // takes as long.
    check(
        "what the GPU has is not cancelled",
        !in_flight.test_signaled_flag(),
    )?;
    client.gpu.recover();
    client.scope.join_blocking()?;
    check("it is awaited", result(&in_flight).is_ok())?;
    check(
        "what the GPU does not have is cancelled",
        result(&waiting) == Err(ECANCELED),
    )?;
    check("all jobs came back", client.retired.load(Relaxed) == 2)
}

fn run(executor: &Executor) -> Result {
    // What is done for the device is below one scope.
    let device = executor.root().child(c"device")?;
    two_clients(&device)?;
    hang(&device)?;
    suspend(&device)?;
    cancel(&device)
}

impl kernel::Module for Sample {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let executor = Executor::new(c"ring_sample")?;
        let ran = run(&executor);
        // Cancels what is left, and waits for it: code and data of the module are not used any more
        // after this.
        executor.shutdown()?;
        ran?;
        Ok(Self)
    }
}
