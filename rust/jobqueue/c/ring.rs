// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The [`Ring`] of drivers in C.
//!
//! ```text
//!  jobqueue_job.state:   WAITING ──────────────────────► OVER
//!                        prepare()    jobqueue_complete(), whose last access to the job this is
//! ```

use crate::{
    HwDone,
    Ring,
    RingStopped,
    Timeline, //
    TimeoutAction,
};
use core::{
    ffi::c_void,
    future::Future,
    ptr::{
        self,
        NonNull, //
    },
    task::{
        Context,
        Poll, //
    }, //
};
use kasync::{
    sync::AtomicWaker,
    time::{
        sleep,
        Delta, //
    }, //
};
use kernel::{
    error::to_result,
    ffi::{
        c_int,
        c_uint, //
    },
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// The state of a job that is not over.
pub(super) const WAITING: i32 = 0;
/// The state of a job that is over.
pub(super) const OVER: i32 = 1;

/// The C type `struct jobqueue_job`.
///
/// It has the name that it has in C: drivers' operations are called with a pointer to it, and kCFI
/// compares the types of such functions by the names of `#[repr(C)]` structures.
#[repr(C)]
pub(super) struct jobqueue_job {
    memory: usize,
    pub(super) state: Atomic<i32>,
    pub(super) error: c_int,
}

pub(super) use jobqueue_job as RawJob;

/// The C type `struct jobqueue_ops`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct RawOps {
    poll_ready: Option<unsafe extern "C" fn(*mut c_void, *mut RawJob) -> c_int>,
    withdraw: Option<unsafe extern "C" fn(*mut c_void)>,
    submit: Option<unsafe extern "C" fn(*mut c_void, *mut RawJob)>,
    timed_out: Option<unsafe extern "C" fn(*mut c_void, *mut RawJob, c_uint) -> c_int>,
    retire: Option<unsafe extern "C" fn(*mut c_void, *mut RawJob)>,
    quiesced: Option<unsafe extern "C" fn(*mut c_void)>,
    destroy: Option<unsafe extern "C" fn(*mut c_void)>,
}

/// `struct jobqueue_ops`, with all mandatory operations.
pub(super) struct Ops {
    poll_ready: Option<unsafe extern "C" fn(*mut c_void, *mut RawJob) -> c_int>,
    withdraw: Option<unsafe extern "C" fn(*mut c_void)>,
    submit: unsafe extern "C" fn(*mut c_void, *mut RawJob),
    timed_out: unsafe extern "C" fn(*mut c_void, *mut RawJob, c_uint) -> c_int,
    retire: unsafe extern "C" fn(*mut c_void, *mut RawJob),
    quiesced: Option<unsafe extern "C" fn(*mut c_void)>,
    destroy: unsafe extern "C" fn(*mut c_void),
}

impl RawOps {
    /// Returns the operations, or an error if a mandatory one is missing.
    pub(super) fn check(self) -> Result<Ops> {
        Ok(Ops {
            poll_ready: self.poll_ready,
            withdraw: self.withdraw,
            submit: self.submit.ok_or(EINVAL)?,
            timed_out: self.timed_out.ok_or(EINVAL)?,
            retire: self.retire.ok_or(EINVAL)?,
            quiesced: self.quiesced,
            destroy: self.destroy.ok_or(EINVAL)?,
        })
    }
}

/// The ring of a driver in C, which the driver frees in `destroy`.
///
/// # Invariants
///
/// The operations may be called with `ring`, one at a time, until `destroy` was.
pub(super) struct CRing {
    pub(super) ops: Ops,
    pub(super) ring: *mut c_void,
    pub(super) shared: Arc<Shared>,
}

/// The state that a ring shares with its queue, and with decisions on expired time limits.
pub(super) struct Shared {
    pub(super) waker: AtomicWaker,
    /// The job that the last such decision is for. Null if there is none, or it has completed. Only
    /// the queue's task accesses it.
    late: Atomic<*mut RawJob>,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            waker: AtomicWaker::new(),
            late: Atomic::new(ptr::null_mut()),
        }
    }
}

// SAFETY: By the type invariant the operations are called one at a time. Any thread may call them.
unsafe impl Send for CRing {}

/// A job of a driver in C.
///
/// # Invariants
///
/// The job is valid until it is passed to `retire`.
pub(super) struct CJob(pub(super) NonNull<RawJob>);

// SAFETY: A job is not tied to a thread.
unsafe impl Send for CJob {}

impl CJob {
    /// Returns the job's state.
    pub(super) fn state(&self) -> &Atomic<i32> {
        // SAFETY: The job is valid, by the type invariant, and the field is only accessed as an
        // atomic. No reference to the rest of the job is made.
        unsafe { &(*self.0.as_ptr()).state }
    }
}

/// `JOBQUEUE_DECIDING` of jobqueue.h: what is above it is the time until the next call.
const DECIDING: c_int = 1 << 30;

/// The driver's pending decision about a time limit that has expired.
///
/// # Invariants
///
/// As that of [`CRing`]: only the queue's task asks, and the ring is not destroyed before the
/// driver has decided.
struct Question {
    timed_out: unsafe extern "C" fn(*mut c_void, *mut RawJob, c_uint) -> c_int,
    ring: *mut c_void,
    shared: Arc<Shared>,
    n: u32,
}

// SAFETY: By the type invariant one task asks at a time. Any thread may call the operation.
unsafe impl Send for Question {}

impl Question {
    fn ask(&self) -> c_int {
        let job = self.shared.late.load(Relaxed);
        // SAFETY: By the type invariant. The job is null or in flight, so it is valid.
        unsafe { (self.timed_out)(self.ring, job, self.n) }
    }
}

/// A job in flight.
pub(super) struct CInFlight(CJob);

// SAFETY: A shared reference gives access to the state only, which is atomic.
unsafe impl Sync for CInFlight {}

impl Ring for CRing {
    type Job = CJob;
    type InFlight = CInFlight;

    fn memory(job: &CJob) -> usize {
        // SAFETY: The job is valid, by the type invariant, and the field does not change while the
        // queue has it.
        unsafe { (*job.0.as_ptr()).memory }
    }

    fn poll_ready(&mut self, job: &mut CJob, cx: &mut Context<'_>) -> Poll<Result> {
        let Some(poll_ready) = self.ops.poll_ready else {
            return Poll::Ready(Ok(()));
        };
        self.shared.waker.register(cx);
        // SAFETY: By the type invariants of ring and job.
        match to_result(unsafe { poll_ready(self.ring, job.0.as_ptr()) }) {
            Err(e) if e == EAGAIN => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    fn withdraw(&mut self) {
        if let Some(withdraw) = self.ops.withdraw {
            // SAFETY: By the type invariant the operation may be called with `ring`: `&mut self`
            // makes it one at a time.
            unsafe { withdraw(self.ring) };
        }
    }

    fn submit(&mut self, job: &mut CJob) -> CInFlight {
        // SAFETY: By the type invariants of ring and job.
        unsafe { (self.ops.submit)(self.ring, job.0.as_ptr()) };
        CInFlight(CJob(job.0))
    }

    fn poll_complete(
        &mut self,
        job: &mut CInFlight,
        timeline: Timeline,
        cx: &mut Context<'_>,
    ) -> Poll<HwDone> {
        self.shared.waker.register(cx);
        // Pairs with the release in `jobqueue_complete()`.
        if job.0.state().load(Acquire) != OVER {
            return Poll::Pending;
        }
        // SAFETY: The error was written before the state, and is not written any more.
        let result = to_result(unsafe { (*job.0 .0.as_ptr()).error });
        // SAFETY: The driver promises with `jobqueue_complete()` that the hardware has completed
        // the job.
        Poll::Ready(unsafe { HwDone::new(timeline, result) })
    }

    fn timed_out(
        &mut self,
        job: Option<&CInFlight>,
        n: u32,
        timeline: Timeline,
    ) -> impl Future<Output = TimeoutAction> + Send + 'static {
        let job = job.map_or(ptr::null_mut(), |job| job.0 .0.as_ptr());
        self.shared.late.store(job, Relaxed);
        // INVARIANT: The queue has called this, and polls what this returns.
        let question = Question {
            timed_out: self.ops.timed_out,
            ring: self.ring,
            shared: self.shared.clone(),
            n,
        };
        let mut answer = question.ask();
        async move {
            while answer >= DECIDING {
                let ms = (answer - DECIDING).max(1);
                sleep(Delta::from_millis(ms.into())).await;
                answer = question.ask();
            }
            match answer {
                // SAFETY: The driver promises with 0 that the ring has stopped.
                0 => TimeoutAction::Stopped(unsafe { RingStopped::new(timeline) }),
                ms @ 1.. => TimeoutAction::Wait(Delta::from_millis(ms.into())),
                errno => TimeoutAction::Fail(Error::from_errno(errno)),
            }
        }
    }

    fn retire(&mut self, job: CJob) {
        if self.shared.late.load(Relaxed) == job.0.as_ptr() {
            self.shared.late.store(ptr::null_mut(), Relaxed);
        }
        // SAFETY: By the type invariants of ring and job. The job is not accessed afterwards.
        unsafe { (self.ops.retire)(self.ring, job.0.as_ptr()) };
    }

    fn quiesced(&mut self) {
        if let Some(quiesced) = self.ops.quiesced {
            // SAFETY: By the type invariant the operation may be called with `ring`: `&mut self`
            // makes it one at a time.
            unsafe { quiesced(self.ring) };
        }
    }

    async fn destroy(self) {
        // SAFETY: By the type invariant. No operation is called afterwards.
        unsafe { (self.ops.destroy)(self.ring) };
    }
}
