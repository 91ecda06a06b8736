// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Replacements for the C files beside the crates, with the same symbols: `shim.c` and `trace.c` of
//! kasync.

use crate::{
    bindings::{
        destroy_workqueue,
        kfree,
        raw_spinlock_t,
        static_key_false,
        tracepoint,
        work_func_t,
        work_struct,
        workqueue_struct, //
    },
    ffi::{
        c_char,
        c_int,
        c_uint,
        c_void, //
    },
    host, //
};
use std::cell::Cell;

#[no_mangle]
unsafe extern "C" fn kasync_queue_new(
    _name: *const c_char,
    _priority: c_uint,
    result: *mut *mut workqueue_struct,
) -> c_int {
    // SAFETY: The caller says that it is valid for writes.
    unsafe { result.write(host::work::alloc_workqueue()) };
    0
}

#[no_mangle]
unsafe extern "C" fn kasync_queue_destroy(wq: *mut workqueue_struct) {
    // SAFETY: The caller says that the queue is valid and not used any more but by its items.
    unsafe { destroy_workqueue(wq) }
}

#[no_mangle]
unsafe extern "C" fn kasync_queue_work(wq: *mut workqueue_struct, work: *mut work_struct) -> bool {
    if !is_preemption_disabled() {
        PREEMPTIBLE.with(|count| count.set(count.get() + 1));
    }
    // SAFETY: The caller says that both are valid until the item has run.
    unsafe { host::work::queue_work(wq, work) }
}

#[no_mangle]
unsafe extern "C" fn kasync_work_init(work: *mut work_struct, run: work_func_t) {
    // SAFETY: The caller says that the item is valid for writes.
    unsafe { work.write(work_struct::new(run)) }
}

#[no_mangle]
unsafe extern "C" fn kasync_work_pending(
    _wq: *mut workqueue_struct,
    work: *const work_struct,
) -> bool {
    // SAFETY: The caller says that the item is valid.
    unsafe { &*work }.is_pending()
}

#[no_mangle]
extern "C" fn kasync_thread_id() -> usize {
    host::thread_id()
}

#[no_mangle]
extern "C" fn kasync_blocking_thread_id() -> usize {
    if host::is_atomic() {
        return 0;
    }
    host::thread_id()
}

std::thread_local! {
    /// The number of times that the thread has disabled preemption.
    static PREEMPT: Cell<i32> = const { Cell::new(0) };
    /// The number of times that the thread could be preempted when it was about to queue an item.
    static PREEMPTIBLE: Cell<usize> = const { Cell::new(0) };
}

#[no_mangle]
extern "C" fn kasync_preempt_disable() {
    PREEMPT.with(|count| count.set(count.get() + 1));
}

#[no_mangle]
extern "C" fn kasync_preempt_enable() {
    PREEMPT.with(|count| count.set(count.get() - 1));
}

#[no_mangle]
extern "C" fn kasync_blocking_preempt_disable() -> usize {
    let thread = kasync_blocking_thread_id();
    if thread != 0 {
        kasync_preempt_disable();
    }
    thread
}

/// Returns whether the calling thread has disabled preemption.
pub fn is_preemption_disabled() -> bool {
    PREEMPT.with(Cell::get) > 0
}

/// Returns how many times the calling thread could be preempted when it was about to queue an item.
pub fn queued_preemptible() -> usize {
    PREEMPTIBLE.with(Cell::get)
}

/// Taken by a thread that has no slot in the table of those inside of polls.
static CURRENT_LOCK: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

#[no_mangle]
extern "C" fn kasync_current_lock() -> usize {
    while CURRENT_LOCK.swap(true, std::sync::atomic::Ordering::Acquire) {
        std::thread::yield_now();
    }
    0
}

#[no_mangle]
extern "C" fn kasync_current_unlock(_flags: usize) {
    CURRENT_LOCK.store(false, std::sync::atomic::Ordering::Release);
}

#[no_mangle]
unsafe extern "C" fn kasync_lock_init(lock: *mut raw_spinlock_t) {
    // SAFETY: The caller says that the lock is valid for writes.
    unsafe { lock.write(raw_spinlock_t::new()) }
}

#[no_mangle]
unsafe extern "C" fn kasync_lock(lock: *mut raw_spinlock_t) -> usize {
    // SAFETY: The caller says that the lock is valid.
    unsafe { &*lock }.lock();
    // As are interrupts.
    kasync_preempt_disable();
    0
}

#[no_mangle]
unsafe extern "C" fn kasync_unlock(lock: *mut raw_spinlock_t, _flags: usize) {
    // SAFETY: The caller says that the lock is valid, and held by it.
    unsafe { (*lock).unlock() }
    kasync_preempt_enable();
}

#[no_mangle]
extern "C" fn kasync_section_begin() -> bool {
    host::section_begin();
    true
}

#[no_mangle]
extern "C" fn kasync_section_end(_cookie: bool) {
    host::section_end();
}

#[no_mangle]
unsafe extern "C" fn kasync_api_violation(what: *const c_char) {
    // SAFETY: The caller says that it is a C string.
    let what = unsafe { core::ffi::CStr::from_ptr(what.cast()) };
    host::api_violation(what.to_str().unwrap());
}

#[no_mangle]
unsafe extern "C" fn kasync_reap(work: *mut work_struct, close: work_func_t) {
    host::reap(work, close);
}

#[no_mangle]
unsafe extern "C" fn kasync_defer(node: *mut c_void, run: unsafe extern "C" fn(*mut c_void)) {
    host::defer(node, run);
}

#[no_mangle]
extern "C" fn kasync_defer_flush() {
    host::run_reaped();
}

#[no_mangle]
unsafe extern "C" fn kasync_free_later(memory: *mut c_void) {
    // SAFETY: The caller says that the memory is allocated, and that it is not used any more.
    unsafe { kfree(memory) }
}

#[no_mangle]
extern "C" fn kasync_get_module() {}

#[no_mangle]
extern "C" fn kasync_put_module() {}

#[no_mangle]
extern "C" fn kasync_reaper_start() -> c_int {
    0
}

#[no_mangle]
extern "C" fn kasync_reaper_flush() {
    host::run_reaped();
}

#[no_mangle]
extern "C" fn kasync_reaper_stop() {
    host::run_reaped();
}

#[no_mangle]
unsafe extern "C" fn kasync_watch_modules(going: unsafe extern "C" fn(*const c_void)) -> c_int {
    host::watch_modules(Some(going));
    0
}

#[no_mangle]
extern "C" fn kasync_unwatch_modules() {
    host::watch_modules(None);
}

#[no_mangle]
unsafe extern "C" fn kasync_watch_start(_ms: u32, check: unsafe extern "C" fn()) {
    host::watch_stalls(Some(check));
}

#[no_mangle]
extern "C" fn kasync_watch_stop() {
    host::watch_stalls(None);
}

#[no_mangle]
unsafe extern "C" fn kasync_is_in(address: *const c_void, module: *const c_void) -> bool {
    // SAFETY: The caller says that the module is valid.
    unsafe { &*module.cast::<host::Module>() }.has(address)
}

macro_rules! tracepoints {
    ($($point:ident $call:ident($($arg:ty),*);)*) => {$(
        /// A tracepoint, which the world notes the names of.
        #[no_mangle]
        pub static $point: tracepoint = tracepoint {
            key: static_key_false,
        };

        #[no_mangle]
        unsafe extern "C" fn $call($(_: $arg),*) {
            host::traced(stringify!($call));
        }
    )*};
}
tracepoints! {
    __tracepoint_kasync_start kasync_trace_start(*const c_void, *const c_char);
    __tracepoint_kasync_wake kasync_trace_wake(*const c_void, *const c_char);
    __tracepoint_kasync_cancel kasync_trace_cancel(*const c_void, *const c_char);
    __tracepoint_kasync_poll_begin kasync_trace_poll_begin(*const c_void, *const c_char);
    __tracepoint_kasync_poll_end kasync_trace_poll_end(*const c_void, *const c_char, bool);
    __tracepoint_kasync_cancel_scope kasync_trace_cancel_scope(*const c_void, *const c_char);
}
