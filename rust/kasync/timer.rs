// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A one-shot timer that may be moved until it is armed.
//!
//! A [`kernel::time::hrtimer::HrTimer`] is initialised in place, as part of a structure, and is
//! started by a pointer to that structure, which becomes a handle. A future is moved until its
//! first poll, arms its timer in a poll, and would have to keep a handle that refers to itself.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use crate::ffi;
use kernel::{
    bindings,
    types::Opaque, //
};

/// A reference to the module of this crate, which has the code that an armed timer calls. So the
/// timer may be forgotten: then the module stays for ever.
pub(crate) struct ModuleRef(());

impl ModuleRef {
    pub(crate) fn new() -> Self {
        // SAFETY: The caller's module depends on this one, so its reference count is not zero.
        unsafe { ffi::kasync_get_module() };
        Self(())
    }
}

impl Drop for ModuleRef {
    fn drop(&mut self) {
        // SAFETY: `new()` has taken a reference.
        unsafe { ffi::kasync_put_module() };
    }
}

/// A callback and its data.
type Call = (unsafe fn(*const ()), *const ());

/// A one-shot timer on the monotonic clock.
#[repr(C)]
pub(crate) struct Timer {
    /// The timer of the kernel. At offset 0, see [`expired`].
    timer: Opaque<bindings::hrtimer>,
    /// Set from arming to disarming.
    call: Option<Call>,
}

/// Calls the callback of a timer that has expired.
///
/// # Safety
///
/// `timer` must have been started by [`Timer::arm`].
unsafe extern "C" fn expired(timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
    let this = timer.cast::<Timer>();
    // SAFETY: `arm()` has set `call` before it has started the timer, and `disarm()` waits for this
    // function.
    if let Some((fire, data)) = unsafe { (*this).call } {
        // SAFETY: `data` is valid until `disarm()` returns.
        unsafe { fire(data) };
    }
    bindings::hrtimer_restart::HRTIMER_NORESTART
}

impl Timer {
    /// Returns a timer that was never armed.
    pub(crate) const fn new() -> Self {
        Self {
            timer: Opaque::uninit(),
            call: None,
        }
    }

    /// Arms the timer: `fire(data)` is called once, not before `after_ns` have passed, possibly in
    /// hard interrupt context.
    ///
    /// # Safety
    ///
    /// `this` must be valid and not armed, and must neither be moved nor freed before
    /// [`Timer::disarm`]. `data` must stay valid until then.
    pub(crate) unsafe fn arm(
        this: *mut Self,
        after_ns: i64,
        fire: unsafe fn(*const ()),
        data: *const (),
    ) {
        // SAFETY: `this` is valid and not armed, so no callback accesses it.
        let timer = unsafe {
            (*this).call = Some((fire, data));
            (*this).timer.get()
        };
        let mode = bindings::hrtimer_mode_HRTIMER_MODE_REL;
        // SAFETY: The timer is valid, and stays in place until `disarm()`.
        unsafe {
            bindings::hrtimer_setup(timer, Some(expired), bindings::CLOCK_MONOTONIC as i32, mode);
            bindings::hrtimer_start_range_ns(timer, after_ns, 0, mode);
        }
    }

    /// Disarms the timer, and waits for a running callback. Does nothing if it was never armed.
    /// Process context. Must not be called by the callback.
    ///
    /// # Safety
    ///
    /// `this` must be valid.
    pub(crate) unsafe fn disarm(this: *mut Self) {
        // SAFETY: `this` is valid; a running callback only reads `call`.
        if unsafe { (*this).call.is_some() } {
            // SAFETY: `call` is set by `arm()` only, which has set up the timer.
            unsafe { bindings::hrtimer_cancel((*this).timer.get()) };
            // SAFETY: The timer is inactive, so no callback accesses it.
            unsafe { (*this).call = None };
        }
    }
}
