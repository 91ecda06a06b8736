// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tracepoints (`trace.h`). Each is a static branch while it is disabled.
//!
//! ```text
//! # echo 1 > /sys/kernel/tracing/events/kasync/enable
//! # cat /sys/kernel/tracing/trace_pipe
//! ```
//!
//! C header: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h)

use core::ffi::CStr;

mod ffi {
    use kernel::{
        bindings::tracepoint,
        ffi::{
            c_char,
            c_void, //
        }, //
    };

    unsafe extern "C" {
        pub(super) static __tracepoint_kasync_start: tracepoint;
        pub(super) static __tracepoint_kasync_wake: tracepoint;
        pub(super) static __tracepoint_kasync_cancel: tracepoint;
        pub(super) static __tracepoint_kasync_poll_begin: tracepoint;
        pub(super) static __tracepoint_kasync_poll_end: tracepoint;
        pub(super) static __tracepoint_kasync_cancel_scope: tracepoint;
        pub(super) fn kasync_trace_start(task: *const c_void, name: *const c_char);
        pub(super) fn kasync_trace_wake(task: *const c_void, name: *const c_char);
        pub(super) fn kasync_trace_cancel(task: *const c_void, name: *const c_char);
        pub(super) fn kasync_trace_poll_begin(task: *const c_void, name: *const c_char);
        pub(super) fn kasync_trace_poll_end(task: *const c_void, name: *const c_char, ready: bool);
        pub(super) fn kasync_trace_cancel_scope(scope: *const c_void, path: *const c_char);
    }
}

/// Evaluates to true if a tracepoint is enabled.
macro_rules! on {
    ($key:ident) => {{
        // SAFETY: The static key of a tracepoint of this module, defined in C.
        unsafe {
            kernel::jump_label::static_branch_unlikely!(
                ffi::$key,
                kernel::bindings::tracepoint,
                key
            )
        }
    }};
}

/// A task, as tracepoints show it.
pub(crate) trait Traced {
    /// Returns the address that stands for the task.
    fn address(&self) -> *const ();

    /// Calls `f` with the task's name, unless the task has ended: afterwards the module that has
    /// the name may be unloaded.
    fn with_name(&self, f: impl FnOnce(&CStr));
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) = $key:ident, $call:ident;)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name(task: &impl Traced, $($arg: $type),*) {
            if on!($key) {
                use kernel::str::CStrExt as _;
                task.with_name(|name| {
                    let task = task.address().cast();
                    // SAFETY: The address is not dereferenced, and the name is a C string.
                    unsafe { ffi::$call(task, name.as_char_ptr(), $($arg),*) };
                });
            }
        }
    )*};
}

events! {
    /// Traces that a task was started.
    start() = __tracepoint_kasync_start, kasync_trace_start;
    /// Traces that a task was woken.
    wake() = __tracepoint_kasync_wake, kasync_trace_wake;
    /// Traces that a task was requested to end.
    cancel() = __tracepoint_kasync_cancel, kasync_trace_cancel;
    /// Traces that a task is about to be polled.
    poll_begin() = __tracepoint_kasync_poll_begin, kasync_trace_poll_begin;
    /// Traces that a task was polled.
    poll_end(ready: bool) = __tracepoint_kasync_poll_end, kasync_trace_poll_end;
}

/// Traces that a scope was cancelled. `path` returns its path, terminated by a zero.
#[inline(always)]
pub(crate) fn cancel_scope<P: AsRef<CStr>>(scope: *const (), path: impl FnOnce() -> P) {
    if on!(__tracepoint_kasync_cancel_scope) {
        use kernel::str::CStrExt as _;
        let path = path();
        // SAFETY: The address is not dereferenced, and the path is a C string.
        unsafe { ffi::kasync_trace_cancel_scope(scope.cast(), path.as_ref().as_char_ptr()) };
    }
}
