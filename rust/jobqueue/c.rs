// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The queue for drivers in C: `jobqueue.h`, which says what callers promise. All functions here are as safe as that.
//!
//! ```text
//!  jobqueue_job.state:   WAITING ──────────────────────► OVER
//!                        prepare()    jobqueue_complete(), the last access of which to the job this is
//! ```

use crate::{
    Config,
    JobQueue,
    OnError,
    Prepared,
    Ring,
    Verdict, //
};
use core::{
    ffi::c_void,
    ptr::{
        self,
        NonNull, //
    },
    sync::atomic::{
        AtomicI32,
        Ordering, //
    },
    task::{
        Context,
        Poll, //
    }, //
};
use dma_fence::{
    Fence,
    Names,
    RingStopped,
    Timeline, //
};
use kasync::{
    sync::AtomicWaker,
    time::Delta,
    Executor, //
};
use kernel::{
    bindings,
    error::to_result,
    ffi::{
        c_char,
        c_int,
        c_uint, //
    },
    prelude::*,
    sync::Arc, //
};

const WAITING: i32 = 0;
const OVER: i32 = 1;

/// `struct jobqueue_job`.
#[repr(C)]
struct RawJob {
    memory: usize,
    state: c_int,
    error: c_int,
}

/// `struct jobqueue_ops`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Ops {
    start: unsafe extern "C" fn(*mut c_void, *mut RawJob) -> c_int,
    stalled: unsafe extern "C" fn(*mut c_void, *mut RawJob, c_uint) -> c_uint,
    retire: unsafe extern "C" fn(*mut c_void, *mut RawJob),
    idle: Option<unsafe extern "C" fn(*mut c_void)>,
    end: unsafe extern "C" fn(*mut c_void),
}

/// `struct jobqueue_config`.
#[repr(C)]
struct RawConfig {
    names: *const Names,
    credits: c_uint,
    jobs: c_uint,
    memory: usize,
    patience_ms: c_uint,
    on_error: c_uint,
}

/// The driver's side of a queue. The driver frees it itself, after `end`.
struct CRing {
    ops: Ops,
    ring: *mut c_void,
    waker: Arc<AtomicWaker>,
}

// SAFETY: The driver's ring is for one thread at a time, not for a certain one.
unsafe impl Send for CRing {}

/// A job of the driver's. While the queue has it, it stays where it is.
struct CJob(NonNull<RawJob>);

// SAFETY: As for the ring.
unsafe impl Send for CJob {}

impl CJob {
    fn state(&self) -> &AtomicI32 {
        // SAFETY: The driver's promise is that the job is valid while the queue has it; that field is the queue's.
        unsafe { AtomicI32::from_ptr(&raw mut (*self.0.as_ptr()).state) }
    }
}

/// A job that the hardware has.
struct CRunning {
    job: CJob,
}

// SAFETY: What is shared of it is the state, which is atomic.
unsafe impl Sync for CRunning {}

impl Ring for CRing {
    type Job = CJob;
    type Running = CRunning;

    fn memory(job: &CJob) -> usize {
        // SAFETY: The driver's promise is that it is valid, and that this does not change while the queue has it.
        unsafe { (*job.0.as_ptr()).memory }
    }

    async fn start(&mut self, job: &mut CJob) -> Result<CRunning> {
        // SAFETY: The driver's function, with the driver's ring and job, in the queue's task.
        to_result(unsafe { (self.ops.start)(self.ring, job.0.as_ptr()) })?;
        Ok(CRunning { job: CJob(job.0) })
    }

    fn poll_finish(&mut self, running: &mut CRunning, cx: &mut Context<'_>) -> Poll<Result> {
        self.waker.register(cx);
        if running.job.state().load(Ordering::Acquire) != OVER {
            return Poll::Pending;
        }
        // SAFETY: Written before the state, and not any more after that.
        Poll::Ready(to_result(unsafe { (*running.job.0.as_ptr()).error }))
    }

    async fn stalled(&mut self, running: &CRunning, n: u32, timeline: Timeline) -> Verdict {
        // SAFETY: As in start().
        match unsafe { (self.ops.stalled)(self.ring, running.job.0.as_ptr(), n) } {
            // SAFETY: That is what the driver says by 0.
            0 => Verdict::Stopped(unsafe { RingStopped::new(timeline) }),
            ms => Verdict::Wait(Delta::from_millis(ms.into())),
        }
    }

    fn retire(&mut self, job: CJob) {
        // SAFETY: As in start(); the driver's again from here on.
        unsafe { (self.ops.retire)(self.ring, job.0.as_ptr()) };
    }

    fn idle(&mut self) {
        if let Some(idle) = self.ops.idle {
            // SAFETY: As in start().
            unsafe { idle(self.ring) };
        }
    }

    async fn end(self) {
        // SAFETY: As in start(), and the last call.
        unsafe { (self.ops.end)(self.ring) };
    }
}

/// `struct jobqueue_device`.
struct CDevice(Arc<Executor>);

/// `struct jobqueue`.
struct CQueue {
    queue: JobQueue<CRing>,
    waker: Arc<AtomicWaker>,
}

/// `struct jobqueue_prepared`.
struct CPrepared(Prepared<'static, CRing>);

/// A pointer for C: to what there is, or to no memory, which is an error.
fn pass<T>(result: Result<KBox<T>>) -> *mut T {
    match result {
        Ok(value) => KBox::into_raw(value),
        Err(e) => e.to_ptr(),
    }
}

/// # Safety
///
/// A C string that stays as long as the module whose it is.
unsafe fn name(name: *const c_char) -> &'static CStr {
    // SAFETY: By the safety requirements.
    unsafe { CStr::from_char_ptr(name) }
}

fn device_create(name: &'static CStr) -> Result<KBox<CDevice>> {
    Ok(KBox::new(CDevice(Executor::new(name)?), GFP_KERNEL)?)
}

/// # Safety
///
/// As the header says.
#[no_mangle]
unsafe extern "C" fn jobqueue_device_create(at: *const c_char) -> *mut CDevice {
    // SAFETY: As the header says.
    pass(device_create(unsafe { name(at) }))
}

/// # Safety
///
/// As the header says.
#[no_mangle]
unsafe extern "C" fn jobqueue_device_destroy(device: *mut CDevice) {
    // SAFETY: From jobqueue_device_create(), and not used any more.
    let device = unsafe { KBox::from_raw(device) };
    // Cannot fail in process context. Waits until the last task has ended.
    let _ = device.0.shutdown();
}

fn create(device: &CDevice, config: &Config, ops: Ops, ring: *mut c_void) -> Result<KBox<CQueue>> {
    let waker = Arc::new(AtomicWaker::new(), GFP_KERNEL)?;
    let scope = device.0.root().child(c"queue")?;
    let memory = KBox::<CQueue>::new_uninit(GFP_KERNEL)?;
    let ring = CRing {
        ops,
        ring,
        waker: waker.clone(),
    };
    // The last that may fail: after this the driver's ring is in use.
    let queue = JobQueue::new(&scope, c"queue", ring, config)?;
    Ok(KBox::write(memory, CQueue { queue, waker }))
}

/// # Safety
///
/// As the header says.
#[no_mangle]
unsafe extern "C" fn jobqueue_create(
    device: *mut CDevice,
    config: *const RawConfig,
    ops: *const Ops,
    ring: *mut c_void,
) -> *mut CQueue {
    // SAFETY: Valid, as the header says, names included.
    let (device, raw, ops) = unsafe { (&*device, &*config, *ops) };
    let on_error = match raw.on_error {
        0 => OnError::Ignore,
        1 => OnError::Propagate,
        2 => OnError::Poison,
        _ => return EINVAL.to_ptr(),
    };
    let config = Config {
        // SAFETY: As above.
        names: unsafe { &*raw.names },
        credits: raw.credits as usize,
        jobs: raw.jobs as usize,
        memory: match raw.memory {
            0 => usize::MAX,
            memory => memory,
        },
        patience: Delta::from_millis(raw.patience_ms.into()),
        on_error,
    };
    pass(create(device, &config, ops, ring))
}

/// # Safety
///
/// As the header says.
#[no_mangle]
unsafe extern "C" fn jobqueue_close(queue: *const CQueue) {
    // SAFETY: From jobqueue_create(), and valid.
    unsafe { (*queue).queue.close() };
}

/// # Safety
///
/// As the header says.
#[no_mangle]
unsafe extern "C" fn jobqueue_put(queue: *mut CQueue) {
    // SAFETY: From jobqueue_create(), and not used any more.
    drop(unsafe { KBox::from_raw(queue) });
}

/// # Safety
///
/// As the header says.
unsafe fn prepare(
    queue: *const CQueue,
    job: *mut RawJob,
    credits: c_uint,
    dependencies: *const *mut bindings::dma_fence,
    count: usize,
) -> Result<Prepared<'static, CRing>> {
    let mut fences = KVVec::with_capacity(count, GFP_KERNEL)?;
    for i in 0..count {
        // SAFETY: There are so many, all valid.
        let fence = unsafe {
            NonNull::new(*dependencies.add(i)).map(|f| Fence::from_ptr(f.as_ptr()).into())
        };
        fences.push(fence.ok_or(EINVAL)?, GFP_KERNEL)?;
    }
    let job = NonNull::new(job).ok_or(EINVAL)?;
    // SAFETY: Both are valid, the queue until the result is gone; nobody else uses the job yet.
    unsafe {
        (&raw mut (*job.as_ptr()).state).write(WAITING);
        (&raw mut (*job.as_ptr()).error).write(0);
        (*queue).queue.prepare(CJob(job), credits as usize, fences)
    }
}

/// # Safety
///
/// As the header says.
#[no_mangle]
unsafe extern "C" fn jobqueue_prepare(
    queue: *const CQueue,
    job: *mut RawJob,
    credits: c_uint,
    dependencies: *const *mut bindings::dma_fence,
    count: usize,
) -> *mut CPrepared {
    let memory = KBox::<CPrepared>::new_uninit(GFP_KERNEL).map_err(Error::from);
    // SAFETY: As the header says.
    let prepare = || unsafe { prepare(queue, job, credits, dependencies, count) };
    let prepared = memory.and_then(|memory| {
        let prepared = prepare()?;
        Ok(KBox::write(memory, CPrepared(prepared)))
    });
    pass(prepared)
}

/// # Safety
///
/// As the header says.
#[no_mangle]
unsafe extern "C" fn jobqueue_abandon(prepared: *mut CPrepared) {
    // SAFETY: From jobqueue_prepare(), and not used any more.
    drop(unsafe { KBox::from_raw(prepared) });
}

fn commit(prepared: Prepared<'_, CRing>) -> *mut bindings::dma_fence {
    match prepared.commit() {
        Ok(fence) => Fence::into_raw(fence),
        Err(e) => e.to_ptr(),
    }
}

/// # Safety
///
/// As the header says.
#[no_mangle]
unsafe extern "C" fn jobqueue_commit(prepared: *mut CPrepared) -> *mut bindings::dma_fence {
    // SAFETY: From jobqueue_prepare(), and not used any more.
    let CPrepared(prepared) = KBox::into_inner(unsafe { KBox::from_raw(prepared) });
    commit(prepared)
}

/// # Safety
///
/// As the header says.
#[no_mangle]
unsafe extern "C" fn jobqueue_submit(
    queue: *const CQueue,
    job: *mut RawJob,
    credits: c_uint,
    dependencies: *const *mut bindings::dma_fence,
    count: usize,
) -> *mut bindings::dma_fence {
    // SAFETY: As the header says.
    match unsafe { prepare(queue, job, credits, dependencies, count) } {
        Ok(prepared) => commit(prepared),
        Err(e) => e.to_ptr(),
    }
}

/// # Safety
///
/// As the header says.
#[no_mangle]
unsafe extern "C" fn jobqueue_complete(queue: *const CQueue, job: *mut RawJob, error: c_int) {
    // SAFETY: Both are valid: the job is in flight, and the queue not put yet. The state is the last that is touched of the job.
    unsafe {
        ptr::write(&raw mut (*job).error, error);
        AtomicI32::from_ptr(&raw mut (*job).state).store(OVER, Ordering::Release);
        (*queue).waker.wake();
    }
}
