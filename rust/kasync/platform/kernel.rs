// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The platform: Linux.

pub(crate) mod registry;

use super::{
    Parked,
    Parker,
    Platform,
    RawLock,
    Timer, //
};
use crate::{
    executor,
    ffi,
    scope::Scope,
    task, //
};
use core::{
    alloc::Layout,
    cell::UnsafeCell,
    ffi::CStr,
    fmt,
    mem::MaybeUninit,
    ptr::NonNull, //
};
use kernel::{
    alloc::{
        allocator::Kmalloc,
        flags::GFP_KERNEL,
        Allocator,
        NumaNode, //
    },
    bindings,
    str::CStrExt as _,
    sync::rcu,
    time, //
};

pub use kernel::{
    error::{
        code,
        Error, //
    },
    sync::Arc,
    time::Delta, //
};

/// A point on the monotonic clock.
pub type Instant = kernel::time::Instant<kernel::time::Monotonic>;

/// Puts a value into an `Arc`. May sleep.
pub(crate) fn arc<T>(value: T) -> super::Result<Arc<T>> {
    Ok(Arc::new(value, GFP_KERNEL)?)
}

/// The kernel as platform.
pub(crate) struct Kernel;

/// A workqueue.
#[derive(Clone, Copy)]
pub(crate) struct Workqueue(NonNull<bindings::workqueue_struct>);

// SAFETY: Workqueues are used from all threads.
unsafe impl Send for Workqueue {}
// SAFETY: As above.
unsafe impl Sync for Workqueue {}

/// # Safety
///
/// Only for workqueues, with items that `work_init()` initialised.
unsafe extern "C" fn run(work: *mut bindings::work_struct) {
    // SAFETY: The workqueue calls this only with items that `work_init()` initialised, which are at
    // offset 0 of a task, once per queueing, and it does not touch the item afterwards.
    unsafe { task::run(NonNull::new_unchecked(work)) }
}

/// # Safety
///
/// Only for the reaper's workqueue, with items given to `reap()`.
unsafe extern "C" fn close(work: *mut bindings::work_struct) {
    // SAFETY: As given to `reap()`, and run once.
    unsafe { executor::close(NonNull::new_unchecked(work)) }
}

// SAFETY: Each item forwards to the C function of the same meaning; see there.
unsafe impl Platform for Kernel {
    type Queue = Workqueue;
    type Work = bindings::work_struct;
    type RawLock = RawSpinLock;
    type Parker = Completion;
    type Reap = bindings::work_struct;
    type Timer = HrTimer;

    fn queue_new(name: &'static CStr, urgent: bool) -> super::Result<Workqueue> {
        // SAFETY: `name` is a C string.
        let wq = unsafe { ffi::kasync_queue_new(name.as_char_ptr(), urgent) };
        NonNull::new(wq).map(Workqueue).ok_or(code::ENOMEM)
    }

    unsafe fn queue_destroy(queue: Workqueue) {
        // SAFETY: By the safety requirements nothing is queued any more.
        unsafe { bindings::destroy_workqueue(queue.0.as_ptr()) }
    }

    unsafe fn work_init(slot: *mut bindings::work_struct) {
        // SAFETY: `slot` is valid and stays where it is.
        unsafe { ffi::kasync_work_init(slot, run) }
    }

    unsafe fn enqueue(queue: Workqueue, work: NonNull<bindings::work_struct>) -> bool {
        // SAFETY: Both are valid by the safety requirements.
        unsafe { ffi::kasync_queue_work(queue.0.as_ptr(), work.as_ptr()) }
    }

    fn gate<R>(f: impl FnOnce() -> R) -> R {
        let _guard = rcu::read_lock();
        f()
    }

    fn synchronize() {
        rcu::synchronize_rcu();
    }

    fn section<R>(f: impl FnOnce() -> R) -> R {
        if !cfg!(CONFIG_LOCKDEP) {
            // It only exists for lockdep.
            return f();
        }
        // SAFETY: Ended below, on the same thread.
        let cookie = unsafe { ffi::kasync_section_begin() };
        let ret = f();
        // SAFETY: Begun above.
        unsafe { ffi::kasync_section_end(cookie) };
        ret
    }

    fn thread_id() -> u64 {
        // SAFETY: No requirements.
        unsafe { ffi::kasync_thread_id() as u64 }
    }

    fn blocking_thread_id() -> u64 {
        // SAFETY: No requirements.
        unsafe { ffi::kasync_blocking_thread_id() as u64 }
    }

    #[inline]
    fn preempt_disable() -> bool {
        if cfg!(CONFIG_PREEMPT_RT) {
            return false;
        }
        // SAFETY: Enabled again by `preempt_enable()`.
        unsafe { ffi::kasync_preempt_disable() };
        true
    }

    #[inline]
    fn preempt_enable() {
        // SAFETY: Disabled by `preempt_disable()`.
        unsafe { ffi::kasync_preempt_enable() };
    }

    fn alloc(layout: Layout) -> Option<NonNull<u8>> {
        Kmalloc::alloc(layout, GFP_KERNEL, NumaNode::NO_NODE)
            .ok()
            .map(NonNull::cast)
    }

    unsafe fn free(ptr: NonNull<u8>, _layout: Layout) {
        // SAFETY: Memory from `Kmalloc` is kmalloc memory.
        unsafe { bindings::kfree(ptr.as_ptr().cast()) }
    }

    fn now_ns() -> i64 {
        // SAFETY: No requirements.
        unsafe { bindings::ktime_get() }
    }

    fn misuse(what: &'static CStr) {
        // SAFETY: `what` is a C string.
        unsafe { ffi::kasync_misuse(what.as_char_ptr()) }
    }

    unsafe fn reap(reap: NonNull<bindings::work_struct>) {
        // SAFETY: Valid for writes, and valid until the function runs.
        unsafe { ffi::kasync_reap(reap.as_ptr(), close) }
    }

    unsafe fn is_pending(work: *const bindings::work_struct) -> bool {
        // SAFETY: Valid by the safety requirements.
        unsafe { ffi::kasync_work_pending(work) }
    }

    fn warn(line: fmt::Arguments<'_>) {
        kernel::pr_warn!("{line}\n");
    }

    fn register(root: &Scope) -> super::Result {
        registry::add(root)
    }

    fn unregister(root: &Scope) {
        registry::remove(root)
    }
}

/// A `raw_spinlock_t`: a leaf lock that stays a spinning one on PREEMPT_RT too, so that it may be
/// taken under a fence's lock and in hard interrupt context there (R29).
pub(crate) struct RawSpinLock(UnsafeCell<bindings::raw_spinlock_t>);

// SAFETY: That is what a lock is for.
unsafe impl Sync for RawSpinLock {}
// SAFETY: An unlocked spinlock does not care where it is.
unsafe impl Send for RawSpinLock {}

impl RawLock for RawSpinLock {
    type Flags = usize;

    fn new() -> Self {
        let mut lock = MaybeUninit::uninit();
        // SAFETY: The C function initialises the lock. An unlocked raw spinlock refers to nothing
        // by its own address, so moving it afterwards is fine.
        unsafe {
            ffi::kasync_lock_init(lock.as_mut_ptr());
            Self(UnsafeCell::new(lock.assume_init()))
        }
    }

    fn lock(&self) -> usize {
        // SAFETY: Initialised.
        unsafe { ffi::kasync_lock(self.0.get()) }
    }

    unsafe fn unlock(&self, flags: usize) {
        // SAFETY: Held, with these flags, by the safety requirements.
        unsafe { ffi::kasync_unlock(self.0.get(), flags) }
    }
}

/// A `struct completion`, used as a counter of wake-ups.
pub(crate) struct Completion(UnsafeCell<bindings::completion>);

// SAFETY: Completions are used from all threads.
unsafe impl Sync for Completion {}
// SAFETY: As above.
unsafe impl Send for Completion {}

impl Parker for Completion {
    unsafe fn init(slot: *mut Self) {
        // SAFETY: `slot` is valid for writes; `UnsafeCell` is transparent.
        unsafe { bindings::init_completion(slot.cast()) }
    }

    fn park(&self) -> bool {
        // SAFETY: Initialised; callers may sleep.
        unsafe {
            bindings::wait_for_completion_timeout(self.0.get(), time::msecs_to_jiffies(10_000)) != 0
        }
    }

    fn park_interruptible(&self) -> Parked {
        // SAFETY: Initialised; callers may sleep.
        let left = unsafe {
            bindings::wait_for_completion_interruptible_timeout(
                self.0.get(),
                time::msecs_to_jiffies(10_000),
            )
        };
        match left {
            0 => Parked::Late,
            1.. => Parked::Woken,
            _ => Parked::Interrupted,
        }
    }

    fn unpark(&self) {
        // SAFETY: Initialised.
        unsafe { bindings::complete(self.0.get()) }
    }
}

/// A callback and its data.
type Call = (unsafe fn(*const ()), *const ());

/// An hrtimer with its callback.
#[repr(C)]
pub(crate) struct HrTimer {
    timer: MaybeUninit<bindings::hrtimer>,
    call: Option<Call>,
}

/// # Safety
///
/// Only for hrtimers that `arm()` has started.
unsafe extern "C" fn expired(timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
    // The timer is at offset 0.
    let this = timer.cast::<HrTimer>();
    // SAFETY: `arm()` has set `call` before it started the timer, and `disarm()` waits for us.
    if let Some((fire, data)) = unsafe { (*this).call } {
        // SAFETY: `data` is valid until `disarm()` returns.
        unsafe { fire(data) };
    }
    bindings::hrtimer_restart::HRTIMER_NORESTART
}

impl Timer for HrTimer {
    fn new() -> Self {
        Self {
            timer: MaybeUninit::uninit(),
            call: None,
        }
    }

    unsafe fn arm(this: *mut Self, after_ns: i64, fire: unsafe fn(*const ()), data: *const ()) {
        // SAFETY: `this` is valid and not armed, so that nobody else looks at it.
        let timer = unsafe {
            (*this).call = Some((fire, data));
            (*this).timer.as_mut_ptr()
        };
        let mode = bindings::hrtimer_mode_HRTIMER_MODE_REL;
        // SAFETY: As above; the timer stays in place until `disarm()`.
        unsafe {
            bindings::hrtimer_setup(timer, Some(expired), bindings::CLOCK_MONOTONIC as i32, mode);
            bindings::hrtimer_start_range_ns(timer, after_ns, 0, mode);
        }
    }

    unsafe fn disarm(this: *mut Self) {
        // SAFETY: `this` is valid; a running callback only reads `call`.
        if unsafe { (*this).call.is_some() } {
            // SAFETY: `call` is set by `arm()` only, which has set up the timer.
            unsafe { bindings::hrtimer_cancel((*this).timer.as_mut_ptr()) };
            // SAFETY: The timer is inactive, nobody else looks at it.
            unsafe { (*this).call = None };
        }
    }
}
