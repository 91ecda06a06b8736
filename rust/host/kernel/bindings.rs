// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! C functions and types that Rust code calls by their own names.

#![expect(non_camel_case_types, non_upper_case_globals, reason = "C's names")]

use crate::{
    ffi::{
        c_char,
        c_int,
        c_ulong,
        c_void, //
    },
    host, //
};

pub(crate) use crate::host::memory::kmalloc;
pub use crate::host::{
    locks::{
        completion,
        raw_spinlock_t, //
    },
    memory::kfree,
    timer::{
        hrtimer,
        hrtimer_cancel,
        hrtimer_setup,
        hrtimer_start_range_ns,
        ktime_get, //
    },
    work::{
        destroy_workqueue,
        work_struct,
        workqueue_struct, //
    }, //
};

/// The function of a work item.
pub type work_func_t = unsafe extern "C" fn(*mut work_struct);

/// Initialises a completion in place.
///
/// # Safety
///
/// `x` must be valid for writes.
pub unsafe fn init_completion(x: *mut completion) {
    // SAFETY: `x` is valid for writes by the safety requirements.
    unsafe { x.write(completion::new()) }
}

/// Lets one waiter pass. Any context.
///
/// # Safety
///
/// `x` must be a valid completion.
pub unsafe fn complete(x: *mut completion) {
    // SAFETY: `x` is a valid completion by the safety requirements.
    unsafe { &*x }.complete()
}

/// Waits until it may pass; returns 0 if that takes too long.
///
/// # Safety
///
/// `x` must be a valid completion.
pub unsafe fn wait_for_completion_timeout(x: *mut completion, _timeout: c_ulong) -> c_ulong {
    // SAFETY: `x` is a valid completion by the safety requirements.
    c_ulong::from(unsafe { &*x }.wait())
}

/// Waits until it may pass; returns 0 if that takes too long. There are no signals here.
///
/// # Safety
///
/// `x` must be a valid completion.
pub unsafe fn wait_for_completion_interruptible_timeout(
    x: *mut completion,
    _timeout: c_ulong,
) -> isize {
    // SAFETY: `x` is a valid completion by the safety requirements.
    isize::from(unsafe { &*x }.wait())
}

/// The result of a timer's callback.
#[repr(u32)]
#[derive(PartialEq, Eq)]
pub enum hrtimer_restart {
    /// The timer is not to be started again.
    HRTIMER_NORESTART,
}

/// The way in which the time of a timer is meant.
pub type hrtimer_mode = u32;
/// A time from now.
pub const hrtimer_mode_HRTIMER_MODE_REL: hrtimer_mode = 1;
/// The monotonic clock.
pub const CLOCK_MONOTONIC: u32 = 1;

/// A static key that is off, unless the thread's world has its tracepoints on.
pub struct static_key_false;

impl static_key_false {
    /// Returns whether the branch is taken.
    pub fn is_enabled(&self) -> bool {
        crate::host::is_tracing()
    }
}

/// A tracepoint.
pub struct tracepoint {
    /// The key that says whether the tracepoint is enabled.
    pub key: static_key_false,
}

/// The result of an interrupt handler.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum irqreturn {
    /// Not from this device.
    IRQ_NONE,
    /// The interrupt was handled.
    IRQ_HANDLED,
}
/// The result of an interrupt handler.
pub type irqreturn_t = irqreturn;
/// An interrupt handler.
pub type irq_handler_t = Option<unsafe extern "C" fn(c_int, *mut c_void) -> irqreturn_t>;
/// The line may have handlers of other devices.
pub const IRQF_SHARED: u32 = 0x80;
/// The line stays masked until the threaded handler has ended.
pub const IRQF_ONESHOT: u32 = 0x2000;

/// Requests an interrupt line.
///
/// # Safety
///
/// The handlers must be callable with `dev` until [`free_irq`].
pub unsafe fn request_threaded_irq(
    irq: u32,
    handler: irq_handler_t,
    thread_fn: irq_handler_t,
    _flags: c_ulong,
    _name: *const c_char,
    dev: *mut c_void,
) -> c_int {
    host::request_irq(irq, handler.or(thread_fn), dev)
}

/// Gives an interrupt line back, after its handlers have ended.
///
/// # Safety
///
/// It must have been requested with `dev`.
pub unsafe fn free_irq(irq: u32, dev: *mut c_void) -> *const c_void {
    host::free_irq(irq, dev);
    core::ptr::null()
}
