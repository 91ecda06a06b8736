// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Hardware that checks (`hardware.c`), and its jobs.

use core::{
    ffi::{
        c_int,
        c_void, //
    },
    ptr::NonNull,
    task::{
        Context,
        Poll, //
    }, //
};
use dma_fence::Fence;
use kasync::{
    sync::AtomicWaker,
    time::Delta, //
};
use kernel::sync::aref::ARef;
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::Arc,
    time::delay::fsleep, //
};

/// The C type `struct torture_engine`.
#[repr(C)]
struct RawEngine {
    _opaque: [u8; 0],
}

/// The C type `struct torture_job`.
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
    fn torture_checked() -> kernel::ffi::c_uint;
    fn torture_live() -> c_int;
    fn torture_barrier();
}

/// # Safety
///
/// `context` is a valid waker.
unsafe extern "C" fn changed(context: *mut c_void) {
    // SAFETY: `context` is a valid waker by the safety requirements.
    unsafe { &*context.cast::<AtomicWaker>() }.wake();
}

/// Hardware for one queue.
pub(crate) struct Engine {
    raw: NonNull<RawEngine>,
    /// The waker of the task, in a box of its own, since the interrupt points to it.
    waker: KBox<AtomicWaker>,
    hangs: bool,
}

// SAFETY: The C functions take the engine's lock, or read a flag that is written once.
unsafe impl Send for Engine {}
// SAFETY: The C functions take the engine's lock, or read a flag that is written once. The waker
// may be shared.
unsafe impl Sync for Engine {}

impl Engine {
    /// `hangs`: now and then it does nothing until it is stopped.
    pub(crate) fn new(seed: u32, hangs: bool) -> Result<Arc<Self>> {
        let waker = KBox::new(AtomicWaker::new(), GFP_KERNEL)?;
        let context = core::ptr::from_ref::<AtomicWaker>(&waker).cast_mut().cast();
        // SAFETY: The waker is there until the engine was destroyed.
        let raw = unsafe { torture_engine_create(changed, context, seed, hangs) };
        let raw = NonNull::new(raw).ok_or(ENOMEM)?;
        Ok(Arc::new(Self { raw, waker, hangs }, GFP_KERNEL)?)
    }

    /// Asks for an early end of what runs, and of the hardware if it is forever.
    pub(crate) fn stop(&self, forever: bool) {
        // SAFETY: Valid until dropped, as below.
        unsafe { torture_engine_stop(self.raw.as_ptr(), forever) }
    }

    /// Returns whether all that was started is over.
    pub(crate) fn poll_stopped(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.waker.register(cx);
        // SAFETY: `raw` is the engine of this value, which lives until it is dropped.
        match unsafe { torture_engine_idle(self.raw.as_ptr()) } {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Returns whether it does nothing now and then, until it is stopped.
    pub(crate) fn hangs(&self) -> bool {
        self.hangs
    }

    /// Registers the task of `cx` to be woken when a job completes.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.waker.register(cx);
    }

    /// Returns whether it is gone for good.
    pub(crate) fn is_gone(&self) -> bool {
        // SAFETY: Valid until dropped.
        unsafe { torture_engine_gone(self.raw.as_ptr()) }
    }

    /// Starts a job, and returns its number. One that is gone ends the job at once, with an error.
    pub(crate) fn start(&self, job: &Job) -> u64 {
        // SAFETY: Both are valid.
        unsafe { torture_engine_start(self.raw.as_ptr(), job.raw.as_ptr()) }
    }

    /// Returns the result of a job that is over.
    pub(crate) fn finished(&self, number: u64) -> Option<Result> {
        // SAFETY: `raw` is the engine of this value, which lives until it is dropped.
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
        // SAFETY: This is the only reference. The call waits for the interrupt.
        unsafe { torture_engine_destroy(self.raw.as_ptr()) }
    }
}

/// A job. The checker has a reference of its own, until its fence signals, and so has this.
pub(crate) struct Job {
    raw: NonNull<RawJob>,
    /// The checker asks it.
    _engine: Arc<Engine>,
    /// The time that it takes to find room for the job.
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

    /// Tells the checker that the job must not start before `fence` has signalled.
    pub(crate) fn depends_on(&mut self, fence: &Fence) -> Result {
        // SAFETY: Both are valid, and the job is not committed yet.
        match unsafe { torture_job_depends(self.raw.as_ptr(), fence.as_raw()) } {
            true => Ok(()),
            false => Err(E2BIG),
        }
    }

    /// Returns what the thread that commits the job keeps meanwhile, as the job may be over before
    /// the commit returns.
    pub(crate) fn committing(&self) -> Committing {
        // SAFETY: `raw` is the job of this value, which owns a reference.
        unsafe { torture_job_get(self.raw.as_ptr()) };
        Committing(self.raw)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // SAFETY: The reference is ours.
        unsafe { torture_job_put(self.raw.as_ptr()) }
    }
}

/// A reference to a job that is to be committed.
pub(crate) struct Committing(NonNull<RawJob>);

impl Committing {
    /// Arranges for the checker to check the fence when it signals.
    pub(crate) fn committed(self, fence: &Fence) {
        // SAFETY: Both are valid. The ring has the engine until all of its jobs' fences have
        // signalled.
        unsafe { torture_job_committed(self.0.as_ptr(), fence.as_raw()) }
    }
}

impl Drop for Committing {
    fn drop(&mut self) {
        // SAFETY: The reference is ours.
        unsafe { torture_job_put(self.0.as_ptr()) }
    }
}

/// Returns a fence of another driver, which signals in an interrupt after a time.
pub(crate) fn foreign_fence(after: Delta, result: Result) -> Result<ARef<Fence>> {
    let error = result.err().map_or(0, Error::to_errno);
    // SAFETY: Takes numbers only; the callers may sleep in the allocation.
    let raw = unsafe { torture_foreign_fence(after.as_nanos().unsigned_abs(), error) };
    // SAFETY: The reference is ours now.
    Ok(unsafe { Fence::from_raw(NonNull::new(raw).ok_or(ENOMEM)?) })
}

/// Passes a reference to a fence to another module, if that has room.
pub(crate) fn keep(fence: &Fence) {
    // SAFETY: A `Fence` is valid while it is borrowed; the function takes a reference of its own.
    unsafe { torture_keep(fence.as_raw()) }
}

/// Returns the number of fences that were checked while they signalled.
pub(crate) fn checked() -> u32 {
    // SAFETY: Only reads a counter, which is atomic.
    unsafe { torture_checked() }
}

/// Waits until neither jobs nor foreign fences are left.
///
/// # Errors
///
/// `EBUSY` if some are after a minute.
pub(crate) fn settle() -> Result {
    for _ in 0..6000 {
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
