// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Threads, interrupts, and other drivers' fences, from `helpers.c`.

use core::{
    ffi::c_void,
    ptr::{
        self,
        NonNull, //
    }, //
};
use dma_fence::Fence;
use kasync::time::Delta;
use kernel::sync::aref::ARef;
use kernel::{
    bindings,
    error::to_result,
    ffi::{
        c_int,
        c_uint, //
    },
    prelude::*,
    time::delay::fsleep, //
};

/// The C type `struct jobqueue_test_lock`.
#[repr(C)]
struct RawLock {
    _opaque: [u8; 0],
}

/// The C type `struct jobqueue_test_watch`.
#[repr(C)]
struct RawWatch {
    _opaque: [u8; 0],
}

type Callback = unsafe extern "C" fn(*mut c_void);

unsafe extern "C" {
    fn jobqueue_test_threads(
        n: c_uint,
        f: unsafe extern "C" fn(*mut c_void, c_uint) -> c_int,
        data: *mut c_void,
    ) -> c_int;
    fn jobqueue_test_in_irq(f: Callback, data: *mut c_void);
    fn jobqueue_test_in_hardirq() -> bool;
    fn jobqueue_test_preemptible() -> bool;
    fn dma_fence_annotated_waits() -> c_int;
    fn dma_fence_shim_put_module();
    fn jobqueue_test_watch_create(fence: *mut bindings::dma_fence) -> *mut RawWatch;
    fn jobqueue_test_watch_thread(watch: *mut RawWatch) -> c_int;
    fn jobqueue_test_watch_free(watch: *mut RawWatch, fence: *mut bindings::dma_fence);
    fn jobqueue_test_c_refuses() -> c_uint;
    fn jobqueue_test_c_reset() -> c_int;
    fn jobqueue_test_c_window(completes: bool) -> c_int;
    fn jobqueue_test_trace_key(on: bool);
    fn jobqueue_test_lock_create() -> *mut RawLock;
    fn jobqueue_test_lock_free(lock: *mut RawLock);
    fn jobqueue_test_fence_create(
        lock: *mut RawLock,
        context: u64,
        seqno: u64,
        enable: c_int,
    ) -> *mut bindings::dma_fence;
    fn jobqueue_test_fence_enabled(fence: *mut bindings::dma_fence) -> bool;
    fn jobqueue_test_fences_signal(
        lock: *mut RawLock,
        fences: *mut *mut bindings::dma_fence,
        n: usize,
        error: c_int,
        together: bool,
    );
    fn jobqueue_test_fence_signal_after(fence: *mut bindings::dma_fence, ns: u64, error: c_int);
    fn jobqueue_test_contexts(n: c_uint) -> u64;
    fn jobqueue_test_live() -> c_int;
    fn jobqueue_test_barrier();
    fn jobqueue_test_outer_with(f: Callback, data: *mut c_void);
}

/// # Safety
///
/// `data` points to an `F` that may be called now, by several threads.
unsafe extern "C" fn call_numbered<F: Fn(u32) -> Result + Sync>(
    data: *mut c_void,
    n: c_uint,
) -> c_int {
    // SAFETY: `data` points to an `F` that may be called now, by the safety requirements.
    match unsafe { (*data.cast::<F>())(n) } {
        Ok(()) => 0,
        Err(e) => e.to_errno(),
    }
}

/// # Safety
///
/// `data` points to an `F` that may be called now.
unsafe extern "C" fn call<F: FnMut()>(data: *mut c_void) {
    // SAFETY: `data` points to an `F` that may be called now, by the safety requirements.
    unsafe { (*data.cast::<F>())() }
}

/// Calls `f` in `n` threads at once, with their numbers, and waits.
pub(crate) fn threads<F: Fn(u32) -> Result + Sync>(n: u32, f: F) -> Result {
    // SAFETY: `f` is there until all threads have ended, which this waits for, and may be shared.
    to_result(unsafe {
        jobqueue_test_threads(n, call_numbered::<F>, ptr::from_ref(&f).cast_mut().cast())
    })
}

/// True if a commit may poll the queue's task. On PREEMPT_RT it leaves that to a worker.
pub(crate) const COMMITS_POLL: bool = !cfg!(CONFIG_PREEMPT_RT);

/// True if [`in_irq`] is in hard interrupt context: not on PREEMPT_RT, where the locks of fences
/// and queues sleep.
pub(crate) const IRQ_IS_HARD: bool = !cfg!(CONFIG_PREEMPT_RT);

/// Calls `f` as an interrupt would, and waits.
pub(crate) fn in_irq<F: FnMut() + Send>(mut f: F) {
    // SAFETY: `f` outlives the call, which waits.
    unsafe { jobqueue_test_in_irq(call::<F>, (&raw mut f).cast()) }
}

/// Returns whether the caller runs in hard interrupt context.
pub(crate) fn in_hardirq() -> bool {
    // SAFETY: Only reads the state of the current context.
    unsafe { jobqueue_test_in_hardirq() }
}

/// Returns whether the caller can be preempted.
pub(crate) fn preemptible() -> bool {
    // SAFETY: May be called anywhere.
    unsafe { jobqueue_test_preemptible() }
}

/// Returns how often lockdep was told that a thread may wait for fences.
pub(crate) fn annotated_waits() -> i32 {
    // SAFETY: Only reads a counter, which is atomic.
    unsafe { dma_fence_annotated_waits() }
}

/// Signals the orphaned fences of a test that has failed, as these keep the module for ever.
///
/// # Safety
///
/// `fences` must be all armed fences of one context, both of whose ends have gone.
pub(crate) unsafe fn end_orphaned(fences: &[ARef<Fence>]) {
    let mut orphaned = false;
    for fence in fences.iter().filter(|fence| !fence.test_signaled_flag()) {
        orphaned = true;
        // SAFETY: The fence is valid. Nothing else signals it, by the safety requirements, and the
        // reference is that of the context, which has leaked it.
        unsafe {
            bindings::dma_fence_signal(fence.as_raw());
            drop(Fence::from_raw(NonNull::new_unchecked(fence.as_raw())));
        }
    }
    if orphaned {
        // SAFETY: The context has leaked its reference, as fences were orphaned. None is any more.
        unsafe { dma_fence_shim_put_module() };
    }
}

/// Which of the checks of `jobqueue_test_c_refuses()` fail: a bit each.
pub(crate) fn c_accepts() -> u32 {
    // SAFETY: Called where it may sleep.
    unsafe { jobqueue_test_c_refuses() }
}

/// The line of the check of `jobqueue_test_c_reset()` that fails, or 0.
pub(crate) fn c_resets() -> i32 {
    // SAFETY: Called where it may sleep.
    unsafe { jobqueue_test_c_reset() }
}

/// The line of the check of `jobqueue_test_c_window()` that fails, or 0.
pub(crate) fn c_window(completes: bool) -> i32 {
    // SAFETY: Called where it may sleep.
    unsafe { jobqueue_test_c_window(completes) }
}

/// Calls `f` while the code of trace events runs. No event is enabled, so none is recorded.
pub(crate) fn while_traced<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: Called where it may sleep.
    unsafe { jobqueue_test_trace_key(true) };
    let ret = f();
    // SAFETY: Called where it may sleep.
    unsafe { jobqueue_test_trace_key(false) };
    ret
}

/// Finds out which thread signals a fence.
pub(crate) struct Watch {
    raw: NonNull<RawWatch>,
    fence: ARef<Fence>,
}

impl Watch {
    /// `EALREADY` if the fence has signalled.
    pub(crate) fn new(fence: &Fence) -> Result<Self> {
        // SAFETY: The fence is valid.
        let raw = unsafe { jobqueue_test_watch_create(fence.as_raw()) };
        Ok(Self {
            raw: NonNull::new(raw).ok_or(EALREADY)?,
            fence: fence.into(),
        })
    }

    /// Returns whether the calling thread has signalled it.
    pub(crate) fn is_ours(&self) -> bool {
        // SAFETY: Valid until dropped.
        unsafe { jobqueue_test_watch_thread(self.raw.as_ptr()) == kernel::current!().pid() }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: Valid, and not used any more; of this fence.
        unsafe { jobqueue_test_watch_free(self.raw.as_ptr(), self.fence.as_raw()) }
    }
}

/// Calls `f` with a lock held that all callers share.
pub(crate) fn with_outer_lock<F: FnMut() + Send>(mut f: F) {
    // SAFETY: `f` outlives the call.
    unsafe { jobqueue_test_outer_with(call::<F>, (&raw mut f).cast()) }
}

/// The answer of a fence that is asked to enable signalling.
#[derive(Clone, Copy)]
pub(crate) enum Enable {
    /// The fence signals anyway.
    No = 0,
    /// The fence signals only if it was asked.
    Needed = 1,
    /// The fence says that it is over.
    Over = 2,
}

/// Fences of another driver, with one lock for all of them, which is not theirs.
///
/// Dropping it frees the lock one grace period later, which other drivers do as well: all fences
/// have to have signalled by then.
pub(crate) struct Issuer {
    lock: NonNull<RawLock>,
    fences: KVec<ARef<Fence>>,
    /// Pointers to the same fences, for C.
    raw: KVec<*mut bindings::dma_fence>,
    /// The number of fences that have been signalled.
    signalled: usize,
}

// SAFETY: The lock and the fences belong to no thread.
unsafe impl Send for Issuer {}
// SAFETY: The fields change through `&mut self` only, and the C functions take the issuer's lock.
unsafe impl Sync for Issuer {}

impl Issuer {
    /// `n` fences, each on a timeline of its own.
    pub(crate) fn new(n: u32) -> Result<Self> {
        Self::with(n, Enable::No)
    }

    pub(crate) fn with(n: u32, enable: Enable) -> Result<Self> {
        // SAFETY: Takes no argument; a test's thread may sleep in the allocation.
        let lock = NonNull::new(unsafe { jobqueue_test_lock_create() }).ok_or(ENOMEM)?;
        let mut this = Self {
            lock,
            fences: KVec::new(),
            raw: KVec::new(),
            signalled: 0,
        };
        // SAFETY: Takes a number and returns one; any context may call it.
        let context = unsafe { jobqueue_test_contexts(n) };
        for i in 0..n {
            // SAFETY: The lock is there until a grace period after the fence has signalled; the
            // reference is ours.
            let fence = unsafe {
                let fence = jobqueue_test_fence_create(
                    lock.as_ptr(),
                    context + u64::from(i),
                    1,
                    enable as c_int,
                );
                Fence::from_raw(NonNull::new(fence).ok_or(ENOMEM)?)
            };
            this.raw.push(fence.as_raw(), GFP_KERNEL)?;
            this.fences.push(fence, GFP_KERNEL)?;
        }
        Ok(this)
    }

    pub(crate) fn fences(&self) -> &[ARef<Fence>] {
        &self.fences
    }

    /// Returns whether a fence was asked to signal, made `with` another than `Enable::No`.
    pub(crate) fn enabled(&self, i: usize) -> bool {
        // SAFETY: A `Fence` in the list is valid, and one of the test's driver.
        unsafe { jobqueue_test_fence_enabled(self.fences[i].as_raw()) }
    }

    /// Signals the next `n`. May be called in any context. `together`: with the lock held over all
    /// of them, as interrupt handlers of some drivers do.
    pub(crate) fn signal(&mut self, n: usize, result: Result, together: bool) {
        let error = result.err().map_or(0, Error::to_errno);
        let next = &mut self.raw[self.signalled..][..n];
        self.signalled += n;
        // SAFETY: The fences are there, as `fences` has references to them, and so is the lock.
        unsafe {
            jobqueue_test_fences_signal(
                self.lock.as_ptr(),
                next.as_mut_ptr(),
                next.len(),
                error,
                together,
            )
        }
    }

    /// Arranges for an interrupt to signal the next fence. It must come before `self` is dropped.
    pub(crate) fn signal_after(&mut self, after: Delta, result: Result) {
        let error = result.err().map_or(0, Error::to_errno);
        let next = self.raw[self.signalled];
        self.signalled += 1;
        // SAFETY: The fence is there, and the lock is until it has signalled.
        unsafe {
            jobqueue_test_fence_signal_after(next, after.as_nanos().unsigned_abs(), error);
        }
    }

    /// Signals all that have not been, by itself.
    pub(crate) fn signal_rest(&mut self, result: Result) {
        self.signal(self.raw.len() - self.signalled, result, false);
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.signal_rest(Ok(()));
        // Of a test that has failed, whose interrupt is still to come.
        while !self.fences.iter().all(|fence| fence.test_signaled_flag()) {
            fsleep(Delta::from_millis(1));
        }
        // SAFETY: All fences have signalled, so only readers that have begun already still use the
        // lock; the C function frees it after a grace period, which waits for them.
        unsafe { jobqueue_test_lock_free(self.lock.as_ptr()) }
    }
}

/// Waits until all issuers' locks have been freed. To be called by each test that has had one:
/// their callback is this module's.
pub(crate) fn settle() -> Result {
    for _ in 0..6000 {
        // SAFETY: Called where it may sleep.
        unsafe { jobqueue_test_barrier() };
        // SAFETY: Only reads a counter that is atomic.
        if unsafe { jobqueue_test_live() } == 0 {
            return Ok(());
        }
        fsleep(Delta::from_millis(10));
    }
    Err(EBUSY)
}
