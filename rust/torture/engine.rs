// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Hardware that checks (`helpers.c`), as the job queue sees it.

use crate::failed;
use core::{
    ffi::{
        c_int,
        c_void, //
    },
    future::{
        poll_fn,
        Future, //
    },
    pin::Pin,
    ptr::NonNull,
    task::{
        ready,
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
    sync::{
        Acquire,
        AtomicWaker,
        OwnedPermit,
        Semaphore, //
    },
    time::{
        sleep,
        Delta,
        Sleep, //
    },
    Scope, //
};
use kernel::sync::aref::ARef;
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::Arc,
    time::delay::fsleep, //
};

/// `struct torture_engine`.
#[repr(C)]
struct RawEngine {
    _opaque: [u8; 0],
}

/// `struct torture_job`.
#[repr(C)]
struct RawJob {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn torture_engine_create(
        changed: unsafe extern "C" fn(*mut c_void),
        context: *mut c_void,
        seed: u32,
        hangs: bool,
    ) -> *mut RawEngine;
    fn torture_engine_destroy(engine: *mut RawEngine);
    fn torture_engine_gone(engine: *mut RawEngine) -> bool;
    fn torture_engine_start(engine: *mut RawEngine, job: *mut RawJob) -> u64;
    fn torture_engine_done(engine: *mut RawEngine) -> u64;
    fn torture_engine_result(engine: *mut RawEngine, number: u64) -> c_int;
    fn torture_engine_idle(engine: *mut RawEngine) -> bool;
    fn torture_engine_stop(engine: *mut RawEngine, forever: bool);
    fn torture_job_create(engine: *mut RawEngine) -> *mut RawJob;
    fn torture_job_depends(job: *mut RawJob, fence: *mut bindings::dma_fence) -> bool;
    fn torture_job_committed(job: *mut RawJob, fence: *mut bindings::dma_fence);
    fn torture_job_get(job: *mut RawJob);
    fn torture_job_put(job: *mut RawJob);
    fn torture_foreign_fence(ns: u64, error: c_int) -> *mut bindings::dma_fence;
    fn torture_keep(fence: *mut bindings::dma_fence);
    fn torture_judged() -> kernel::ffi::c_uint;
    fn torture_live() -> c_int;
    fn torture_barrier();
}

/// # Safety
///
/// `context` is a valid waker.
unsafe extern "C" fn changed(context: *mut c_void) {
    // SAFETY: By the function's requirements.
    unsafe { &*context.cast::<AtomicWaker>() }.wake();
}

/// Hardware for one queue.
pub(crate) struct Engine {
    raw: NonNull<RawEngine>,
    /// In a box of its own, since the interrupt points to it.
    waker: KBox<AtomicWaker>,
}

// SAFETY: All functions on it lock.
unsafe impl Send for Engine {}
// SAFETY: The C functions take the engine's lock, and the waker may be shared.
unsafe impl Sync for Engine {}

impl Engine {
    /// `hangs`: now and then it does nothing until it is stopped.
    pub(crate) fn new(seed: u32, hangs: bool) -> Result<Arc<Self>> {
        let waker = KBox::new(AtomicWaker::new(), GFP_KERNEL)?;
        let context = core::ptr::from_ref::<AtomicWaker>(&waker).cast_mut().cast();
        // SAFETY: The waker is there until the engine was destroyed.
        let raw = unsafe { torture_engine_create(changed, context, seed, hangs) };
        let raw = NonNull::new(raw).ok_or(ENOMEM)?;
        Ok(Arc::new(Self { raw, waker }, GFP_KERNEL)?)
    }

    /// Asks for an early end of what runs, and of the hardware if it is forever.
    pub(crate) fn stop(&self, forever: bool) {
        // SAFETY: Valid until dropped, as below.
        unsafe { torture_engine_stop(self.raw.as_ptr(), forever) }
    }

    /// Whether all that was started is over.
    fn poll_stopped(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.waker.register(cx);
        // SAFETY: Valid.
        match unsafe { torture_engine_idle(self.raw.as_ptr()) } {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Whether it is gone for good.
    fn is_gone(&self) -> bool {
        // SAFETY: Valid until dropped.
        unsafe { torture_engine_gone(self.raw.as_ptr()) }
    }

    /// Starts a job, and returns its number. One that is gone ends the job at once, with an error.
    fn start(&self, job: &Job) -> u64 {
        // SAFETY: Both are valid.
        unsafe { torture_engine_start(self.raw.as_ptr(), job.raw.as_ptr()) }
    }

    fn finished(&self, number: u64) -> Option<Result> {
        // SAFETY: Valid.
        if unsafe { torture_engine_done(self.raw.as_ptr()) } < number {
            return None;
        }
        // SAFETY: Valid; the job is over.
        Some(to_result(unsafe {
            torture_engine_result(self.raw.as_ptr(), number)
        }))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: Nobody else has it. Waits for the interrupt.
        unsafe { torture_engine_destroy(self.raw.as_ptr()) }
    }
}

/// A job. The judge has a reference of its own, until its fence signals, and so has this.
pub(crate) struct Job {
    raw: NonNull<RawJob>,
    /// The judge asks it.
    _engine: Arc<Engine>,
    /// How long it takes to find room for it.
    pub(crate) delay: Delta,
}

// SAFETY: The job is reference counted, and belongs to no thread.
unsafe impl Send for Job {}
// SAFETY: The count is atomic, and one thread at a time uses a job until it is committed.
unsafe impl Sync for Job {}

impl Job {
    pub(crate) fn new(engine: &Arc<Engine>) -> Result<Self> {
        // SAFETY: The job keeps the engine.
        let raw = NonNull::new(unsafe { torture_job_create(engine.raw.as_ptr()) }).ok_or(ENOMEM)?;
        Ok(Self {
            raw,
            _engine: engine.clone(),
            delay: Delta::from_micros(0),
        })
    }

    /// Has the judge know that the job may not start before `fence` has signalled.
    pub(crate) fn depends_on(&mut self, fence: &Fence) -> Result {
        // SAFETY: Both are valid, and the job is not committed yet.
        match unsafe { torture_job_depends(self.raw.as_ptr(), fence.as_raw()) } {
            true => Ok(()),
            false => Err(E2BIG),
        }
    }

    /// Returns what the thread that commits the job keeps meanwhile, as the job may be over before
    /// the commit returns.
    pub(crate) fn witness(&self) -> Witness {
        // SAFETY: Valid.
        unsafe { torture_job_get(self.raw.as_ptr()) };
        Witness(self.raw)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // SAFETY: The reference is ours.
        unsafe { torture_job_put(self.raw.as_ptr()) }
    }
}

/// A reference to a job that is to be committed.
pub(crate) struct Witness(NonNull<RawJob>);

impl Witness {
    /// Has the judge look when the fence signals.
    pub(crate) fn committed(self, fence: &Fence) {
        // SAFETY: Both are valid. The ring has the engine until all of its jobs' fences have
        // signalled.
        unsafe { torture_job_committed(self.0.as_ptr(), fence.as_raw()) }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // SAFETY: The reference is ours.
        unsafe { torture_job_put(self.0.as_ptr()) }
    }
}

/// The ring. It shares slots with the other rings of the device, and takes its time.
pub(crate) struct CheckedRing {
    engine: Arc<Engine>,
    slots: Arc<Semaphore>,
    /// The wait for a slot, and the slot.
    acquire: Pin<KBox<Option<Acquire<Arc<Semaphore>>>>>,
    slot: Option<OwnedPermit>,
    /// The time that it takes to find room for a job, and whether that has begun.
    delay: Pin<KBox<Sleep>>,
    is_delayed: bool,
}

impl CheckedRing {
    fn new(engine: &Arc<Engine>, slots: &Arc<Semaphore>) -> Result<Self> {
        Ok(Self {
            engine: engine.clone(),
            slots: slots.clone(),
            acquire: KBox::pin(None, GFP_KERNEL)?,
            slot: None,
            delay: KBox::pin(sleep(Delta::ZERO), GFP_KERNEL)?,
            is_delayed: false,
        })
    }

    fn poll_slot(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.slot.is_some() {
            return Poll::Ready(());
        }
        if self.acquire.is_none() {
            self.acquire
                .set(Some(Semaphore::acquire_owned(&self.slots, 1)));
        }
        let Some(acquire) = self.acquire.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let slot = ready!(acquire.poll(cx));
        self.acquire.set(None);
        self.slot = Some(slot);
        Poll::Ready(())
    }
}

/// A job that the hardware has: its number.
pub(crate) struct InFlight {
    engine: Arc<Engine>,
    number: u64,
}

impl Ring for CheckedRing {
    type Job = Job;
    type InFlight = InFlight;

    fn poll_ready(&mut self, job: &mut Job, cx: &mut Context<'_>) -> Poll<Result> {
        ready!(self.poll_slot(cx));
        if job.delay.as_nanos() != 0 {
            if !self.is_delayed {
                self.is_delayed = true;
                self.delay.as_mut().reset(job.delay);
            }
            ready!(self.delay.as_mut().poll(cx));
        }
        Poll::Ready(if self.engine.is_gone() {
            Err(ENODEV)
        } else {
            Ok(())
        })
    }

    fn submit(&mut self, job: &mut Job) -> InFlight {
        self.is_delayed = false;
        if self.slot.is_none() {
            failed(c"a job is submitted without a slot", 0, 0);
        }
        InFlight {
            number: self.engine.start(job),
            engine: self.engine.clone(),
        }
    }

    fn poll_complete(
        &mut self,
        job: &mut InFlight,
        timeline: Timeline,
        cx: &mut Context<'_>,
    ) -> Poll<HwDone> {
        let InFlight { engine, number } = job;
        let mut result = engine.finished(*number);
        if result.is_none() {
            engine.waker.register(cx);
            result = engine.finished(*number);
        }
        result.map_or(Poll::Pending, |result| {
            // SAFETY: `finished()` has returned the result of this job, so the engine is through
            // with it, and `timeline` is that of the queue that asks.
            Poll::Ready(unsafe { HwDone::new(timeline, result) })
        })
    }

    /// Most of the time the stop ends the jobs as usual, else the engine is waited for, and the
    /// action does.
    fn timed_out(
        &mut self,
        job: Option<&InFlight>,
        n: u32,
        timeline: Timeline,
    ) -> impl Future<Output = TimeoutAction> + Send + 'static {
        let number = job.map(|job| job.number);
        if number.is_some() {
            self.engine.stop(false);
        }
        let engine = self.engine.clone();
        async move {
            let wait = TimeoutAction::Wait(Delta::from_millis(i64::from(n)));
            match number {
                // The slots are all taken; the job may be given up.
                None if n < 8 => wait,
                None => TimeoutAction::Fail(ETIME),
                Some(number) if number % 2 == 0 => wait,
                Some(_) => {
                    poll_fn(|cx| engine.poll_stopped(cx)).await;
                    // SAFETY: The engine says that nothing runs any more, and nothing is started
                    // meanwhile.
                    TimeoutAction::Stopped(unsafe { RingStopped::new(timeline) })
                }
            }
        }
    }

    fn retire(&mut self, _job: Job) {}

    fn quiesced(&mut self) {
        self.is_delayed = false;
        self.acquire.set(None);
        self.slot = None;
    }

    async fn destroy(self) {
        if self.slot.is_some() || self.acquire.is_some() {
            failed(c"a queue ends with a slot", 0, 0);
        }
    }
}

static NAMES: Names = Names::new(c"torture", c"queue");

/// A queue on hardware that checks, which shares `slots` with others.
pub(crate) fn queue(
    scope: &Scope,
    engine: &Arc<Engine>,
    slots: &Arc<Semaphore>,
    credits: usize,
    timeout: Delta,
    on_error: OnError,
) -> Result<JobQueue<CheckedRing>> {
    let config = Config {
        names: &NAMES,
        credits,
        jobs: 64,
        memory: usize::MAX,
        timeout,
        on_error,
    };
    JobQueue::new(scope, c"queue", CheckedRing::new(engine, slots)?, &config)
}

/// Somebody else's fence, which signals in an interrupt after a time.
pub(crate) fn foreign_fence(after: Delta, result: Result) -> Result<ARef<Fence>> {
    let error = result.err().map_or(0, Error::to_errno);
    // SAFETY: Takes numbers only; the callers may sleep in the allocation.
    let raw = unsafe { torture_foreign_fence(after.as_nanos().unsigned_abs(), error) };
    // SAFETY: The reference is ours now.
    Ok(unsafe { Fence::from_raw(NonNull::new(raw).ok_or(ENOMEM)?) })
}

/// Has another module hold a reference to a fence, if it has room.
pub(crate) fn keep(fence: &Fence) {
    // SAFETY: Valid.
    unsafe { torture_keep(fence.as_raw()) }
}

/// How many fences the judge has looked at while they signalled.
pub(crate) fn judged() -> u32 {
    // SAFETY: Only reads a counter, which is atomic.
    unsafe { torture_judged() }
}

/// Waits until neither jobs nor foreign fences are left.
///
/// # Errors
///
/// `EBUSY` if some are after ten seconds.
pub(crate) fn settle() -> Result {
    for _ in 0..1000 {
        // SAFETY: Called where it may sleep.
        unsafe { torture_barrier() };
        // SAFETY: Only reads a counter, which is atomic.
        if unsafe { torture_live() } == 0 {
            return Ok(());
        }
        fsleep(Delta::from_millis(10));
    }
    pr_err!("jobs or fences are left\n");
    Err(EBUSY)
}
