// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Running closures in contexts that a test cannot otherwise get into (see `helpers.c`), and what
//! else the tests share.

use core::{
    ffi::c_void,
    future::Future,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};
use kasync::{
    block_on,
    cancelled,
    select,
    time::{
        sleep,
        timeout,
        Delta, //
    },
    Either, //
};
use kernel::{
    alloc::KBox,
    error::to_result,
    ffi::c_int,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc, //
    }, //
};

type Callback = unsafe extern "C" fn(*mut c_void);

unsafe extern "C" {
    fn kasync_test_in_hardirq() -> bool;
    fn kasync_test_nice() -> c_int;
    fn kasync_test_is_fifo() -> bool;
    fn kasync_test_cpu() -> c_int;
    fn kasync_test_bind(cpu: c_int) -> c_int;
    fn kasync_test_irq(f: Callback, data: *mut c_void);
    fn kasync_test_atomic(f: Callback, data: *mut c_void);
    fn kasync_test_all_cpus(f: Callback, data: *mut c_void);
    fn kasync_test_timer_start(ns: u64, f: Callback, data: *mut c_void) -> *mut c_void;
    fn kasync_test_timer_stop(timer: *mut c_void);
    fn kasync_test_under_fence_lock(f: Callback, data: *mut c_void) -> c_int;
    fn kasync_test_line_create() -> c_int;
    fn kasync_test_line_destroy(irq: c_int);
    fn kasync_test_line_has_thread(irq: c_int) -> bool;
    fn kasync_test_line_raise(irq: c_int);
    fn kasync_test_can_make_threads() -> bool;
    fn kasync_test_block_workers() -> *mut c_void;
    fn kasync_test_unblock_workers(blockers: *mut c_void);
    fn kasync_test_in_rescuer() -> bool;
    fn kasync_module_refcount() -> c_int;
    fn kasync_expect_api_violations(n: c_int);
    fn kasync_api_violations_outstanding() -> c_int;
}

/// # Safety
///
/// `data` must point to an `F` that may be called now.
unsafe extern "C" fn call<F: FnMut()>(data: *mut c_void) {
    // SAFETY: `data` points to an `F` that may be called now, by the safety requirements.
    unsafe { (*data.cast::<F>())() }
}

/// # Safety
///
/// `data` must point to an `F` that may be called now, on several CPUs at once.
unsafe extern "C" fn call_shared<F: Fn() + Sync>(data: *mut c_void) {
    // SAFETY: `data` points to an `F` that may be called now on any CPU, by the safety
    // requirements.
    unsafe { (*data.cast::<F>())() }
}

/// Returns whether the caller runs in hard interrupt context.
pub(crate) fn in_hardirq() -> bool {
    // SAFETY: Only reads the state of the current context.
    unsafe { kasync_test_in_hardirq() }
}

/// Returns how nice the thread is that runs this.
pub(crate) fn nice() -> i32 {
    // SAFETY: Only reads a field of the current thread.
    unsafe { kasync_test_nice() }
}

/// Returns whether the thread that runs this is a real-time one.
pub(crate) fn is_fifo() -> bool {
    // SAFETY: Only reads a field of the current thread.
    unsafe { kasync_test_is_fifo() }
}

/// The processor that runs this, though not for long.
pub(crate) fn processor() -> i32 {
    // SAFETY: Only reads a field of the current thread.
    unsafe { kasync_test_cpu() }
}

/// Calls `f` with the calling thread bound to a processor.
pub(crate) fn on_processor<R>(number: i32, f: impl FnOnce() -> R) -> Result<R> {
    // SAFETY: The thread may sleep.
    to_result(unsafe { kasync_test_bind(number) })?;
    let result = f();
    // SAFETY: The thread may sleep.
    to_result(unsafe { kasync_test_bind(-1) })?;
    Ok(result)
}

/// Calls `f` in hard interrupt context, one that stays so on PREEMPT_RT, and waits.
pub(crate) fn irq<F: FnMut() + Send>(mut f: F) {
    // SAFETY: `f` outlives the call, which waits.
    unsafe { kasync_test_irq(call::<F>, (&raw mut f).cast()) }
}

/// Calls `f` on this thread, with preemption disabled.
pub(crate) fn atomic<F: FnMut()>(mut f: F) {
    // SAFETY: `f` outlives the call.
    unsafe { kasync_test_atomic(call::<F>, (&raw mut f).cast()) }
}

/// Calls `f` on all CPUs with interrupts disabled, on all but this one in an interrupt, and waits.
pub(crate) fn all_cpus<F: Fn() + Sync>(f: F) {
    // SAFETY: `f` outlives the call, which waits; it may be shared.
    unsafe { kasync_test_all_cpus(call_shared::<F>, (&raw const f).cast_mut().cast()) }
}

/// True if fences are signalled in hard interrupts: not on PREEMPT_RT, where their locks sleep.
pub(crate) const FENCES_IN_HARDIRQ: bool = !cfg!(CONFIG_PREEMPT_RT);

/// Calls `f` in a fence's callback, with the fence's lock held, and waits. It runs in hard
/// interrupt context if [`FENCES_IN_HARDIRQ`].
pub(crate) fn under_fence_lock<F: FnMut() + Send>(mut f: F) -> Result {
    // SAFETY: `f` outlives the call, which waits.
    to_result(unsafe { kasync_test_under_fence_lock(call::<F>, (&raw mut f).cast()) })
}

/// A timer that calls a closure once, in hard interrupt context, one that stays so on PREEMPT_RT.
pub(crate) struct IrqTimer<F> {
    timer: *mut c_void,
    _f: KBox<F>,
}

impl<F: FnMut() + Send + 'static> IrqTimer<F> {
    pub(crate) fn start(ns: u64, f: F) -> Result<Self> {
        let mut f = KBox::new(f, GFP_KERNEL)?;
        // SAFETY: The box is kept until the timer was stopped.
        let timer = unsafe { kasync_test_timer_start(ns, call::<F>, (&raw mut *f).cast()) };
        if timer.is_null() {
            return Err(ENOMEM);
        }
        Ok(Self { timer, _f: f })
    }
}

impl<F> Drop for IrqTimer<F> {
    fn drop(&mut self) {
        // SAFETY: Started above, stopped once; waits for a running callback.
        unsafe { kasync_test_timer_stop(self.timer) }
    }
}

/// A counter that tasks and tests share.
pub(crate) type Counter = Arc<Atomic<usize>>;

/// A counter at 0.
pub(crate) fn counter() -> Result<Counter> {
    Ok(Arc::new(Atomic::new(0_usize), GFP_KERNEL)?)
}

/// The time that an expected event may take, on a machine that others load. Nothing waits for its
/// end but tests that fail.
pub(crate) const LIMIT: Delta = Delta::from_secs(60);

/// Waits until `counter` is at least `n`, or fails.
pub(crate) fn reached(counter: &Counter, n: usize) -> Result {
    let reached = async {
        while counter.load(Relaxed) < n {
            sleep(Delta::from_micros(20)).await;
        }
    };
    block_on(timeout(LIMIT, reached))?.map_err(|_| ETIME)
}

/// Waits for `future`, or until the task is cancelled. So a task of a test that has failed ends,
/// whatever it waits for.
pub(crate) async fn unless_cancelled<F: Future>(future: F) -> Option<F::Output> {
    match select(cancelled(), future).await {
        Either::Left(()) => None,
        Either::Right(output) => Some(output),
    }
}

/// A future that counts its polls.
pub(crate) struct Polled<F>(pub(crate) Pin<KBox<F>>, pub(crate) Counter);

impl<F: Future> Future for Polled<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.1.fetch_add(1, Full);
        self.0.as_mut().poll(cx)
    }
}

/// Announces `n` broken rules.
pub(crate) fn expect_api_violations(n: i32) {
    // SAFETY: Only sets a counter, which is atomic.
    unsafe { kasync_expect_api_violations(n) }
}

/// Broken rules that were announced. The rest of them is forgotten when it is dropped.
pub(crate) struct Expected(());

impl Expected {
    pub(crate) fn new(n: i32) -> Self {
        expect_api_violations(n);
        Self(())
    }

    /// Returns how many of them were not reported.
    pub(crate) fn outstanding(self) -> i32 {
        api_violations_outstanding()
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        api_violations_outstanding();
    }
}

/// Returns how many announced reports did not come.
pub(crate) fn api_violations_outstanding() -> i32 {
    // SAFETY: Only reads and clears a counter, which is atomic.
    unsafe { kasync_api_violations_outstanding() }
}

/// Returns how often the module of the executor is in use. `None` if it is part of the kernel.
pub(crate) fn module_refcount() -> Option<i32> {
    // SAFETY: Only reads a counter, which is atomic.
    let count = unsafe { kasync_module_refcount() };
    (count >= 0).then_some(count)
}

/// An interrupt line that is raised by calling.
pub(crate) struct TestLine(c_int);

impl TestLine {
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: Takes no argument; a test's thread may sleep.
        let irq = unsafe { kasync_test_line_create() };
        to_result(irq)?;
        Ok(Self(irq))
    }

    pub(crate) fn number(&self) -> u32 {
        self.0 as u32
    }

    /// Returns whether the line's handler runs in a thread. One for hard interrupts does on
    /// PREEMPT_RT and with the option "threadirqs".
    pub(crate) fn has_thread(&self) -> Result<bool> {
        // SAFETY: The line is there.
        let has_thread = unsafe { kasync_test_line_has_thread(self.0) };
        check!(has_thread || !cfg!(CONFIG_PREEMPT_RT));
        Ok(has_thread)
    }

    /// Raises it, and waits until handlers, those in threads included, have looked at it.
    pub(crate) fn raise(&self) {
        // SAFETY: The line is there; may sleep.
        unsafe {
            kasync_test_line_raise(self.0);
            kernel::bindings::synchronize_irq(self.number());
        }
    }
}

impl Drop for TestLine {
    fn drop(&mut self) {
        // SAFETY: The line is ours, and each test drops its registration before the line.
        unsafe { kasync_test_line_destroy(self.0) }
    }
}

/// Returns whether the kernel can make threads now.
pub(crate) fn can_make_threads() -> bool {
    // SAFETY: Takes no argument; a test's thread may sleep.
    unsafe { kasync_test_can_make_threads() }
}

/// Returns whether the calling thread is the rescuer of a workqueue.
pub(crate) fn in_rescuer() -> bool {
    // SAFETY: Only reads the state of the current thread.
    unsafe { kasync_test_in_rescuer() }
}

/// The workers of the pool that executors use, kept busy.
pub(crate) struct BlockedWorkers(*mut c_void);

impl BlockedWorkers {
    /// Works only while no threads can be made, or else there are always more.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: Takes no argument; a test's thread may sleep.
        let blockers = unsafe { kasync_test_block_workers() };
        if blockers.is_null() {
            return Err(ENOMEM);
        }
        Ok(Self(blockers))
    }
}

impl Drop for BlockedWorkers {
    fn drop(&mut self) {
        // SAFETY: Made in `new()`, released once.
        unsafe { kasync_test_unblock_workers(self.0) }
    }
}
