// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Declarations of the C side, `shim.c` and `queue.c`, where each function has its comment.
//!
//! These are written by hand, as bindgen sees only the headers that the kernel crate includes: see
//! "Objections and answers" in `Documentation/jobqueue.rst`.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use kernel::bindings::{
    raw_spinlock_t,
    work_struct, //
};
use kernel::ffi::{
    c_char,
    c_int,
    c_uint,
    c_void, //
};

/// `struct kasync_queue`, of which only C knows the fields.
#[repr(C)]
pub(crate) struct RawQueue {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    pub(crate) fn kasync_queue_new(
        name: *const c_char,
        priority: c_uint,
        result: *mut *mut RawQueue,
    ) -> c_int;
    pub(crate) fn kasync_queue_destroy(queue: *mut RawQueue);
    pub(crate) fn kasync_queue_work(queue: *mut RawQueue, work: *mut work_struct) -> bool;
    pub(crate) fn kasync_work_pending(queue: *mut RawQueue, work: *const work_struct) -> bool;
    pub(crate) fn kasync_work_init(
        work: *mut work_struct,
        run: unsafe extern "C" fn(*mut work_struct),
    );
    pub(crate) fn kasync_thread_id() -> usize;
    pub(crate) fn kasync_blocking_thread_id() -> usize;
    pub(crate) fn kasync_blocking_preempt_disable() -> usize;
    pub(crate) fn kasync_preempt_disable();
    pub(crate) fn kasync_preempt_enable();
    pub(crate) fn kasync_lock_init(lock: *mut raw_spinlock_t);
    pub(crate) fn kasync_lock(lock: *mut raw_spinlock_t) -> usize;
    pub(crate) fn kasync_unlock(lock: *mut raw_spinlock_t, flags: usize);
    pub(crate) fn kasync_current_lock() -> usize;
    pub(crate) fn kasync_current_unlock(flags: usize);
    pub(crate) fn kasync_section_begin() -> bool;
    pub(crate) fn kasync_section_end(cookie: bool);
    pub(crate) fn kasync_api_violation(what: *const c_char);
    pub(crate) fn kasync_reap(
        work: *mut work_struct,
        close: unsafe extern "C" fn(*mut work_struct),
    );
    pub(crate) fn kasync_defer(node: *mut c_void, run: unsafe extern "C" fn(*mut c_void));
    pub(crate) fn kasync_defer_flush();
    pub(crate) fn kasync_free_later(memory: *mut c_void);
    pub(crate) fn kasync_get_module();
    pub(crate) fn kasync_put_module();
    pub(crate) fn kasync_reaper_start() -> c_int;
    pub(crate) fn kasync_reaper_flush();
    pub(crate) fn kasync_reaper_stop();
    pub(crate) fn kasync_watch_modules(going: unsafe extern "C" fn(*const c_void)) -> c_int;
    pub(crate) fn kasync_unwatch_modules();
    pub(crate) fn kasync_watch_start(ms: u32, check: unsafe extern "C" fn());
    pub(crate) fn kasync_watch_stop();
    pub(crate) fn kasync_is_in(address: *const c_void, module: *const c_void) -> bool;
}
