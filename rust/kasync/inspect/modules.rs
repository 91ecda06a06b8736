// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A watch that keeps modules from going while tasks run their code.
//!
//! An executor is shut down by its owner before the owner's module goes. An owner that is never
//! dropped, for instance because a task holds a reference to it, would break that without any
//! unsafe code. So modules that go are watched: a task whose code is in one of them is reported,
//! cancelled and waited for, with its executor.

use super::ROOTS;
use crate::{
    block_on::Parking,
    ffi,
    report::api_violation,
    scope::Scope, //
};
use kernel::{
    error::to_result,
    ffi::c_void,
    prelude::*,
    sync::global_lock, //
};

global_lock! {
    // What it takes to wait even when memory cannot be had.
    // SAFETY: `ModuleWatch::new()`, called by the module's init function, initialises it before any
    // other use.
    unsafe(uninit) static PARKING: Mutex<Option<Parking>> = None;
}

/// Watches modules until dropped.
pub struct ModuleWatch(());

impl ModuleWatch {
    /// Starts to watch.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, those of `register_module_notifier()`.
    ///
    /// # Safety
    ///
    /// To be called once, by the module's init function, before any executor is made.
    pub unsafe fn new() -> Result<Self> {
        // SAFETY: Called once, and by the module's init function.
        unsafe {
            ROOTS.init();
            PARKING.init();
        }
        *PARKING.lock() = Some(Parking::new()?);
        // From here on an error gives back what there is.
        let this = Self(());
        // SAFETY: `going` stays until `drop()` unregisters it, which may be done if this fails.
        to_result(unsafe { ffi::kasync_watch_modules(going) })?;
        Ok(this)
    }
}

impl Drop for ModuleWatch {
    fn drop(&mut self) {
        // SAFETY: Whether it was registered or not.
        unsafe { ffi::kasync_unwatch_modules() };
        // Statics are never dropped.
        *PARKING.lock() = None;
        *ROOTS.lock() = KVec::new();
    }
}

/// Returns a root with a task whose code is in `module`.
fn user_of(module: *const c_void) -> Option<Scope> {
    let roots = ROOTS.lock();
    let found = roots.iter().find(|root| {
        let mut found = false;
        root.each_task(|task, _| {
            // SAFETY: Only compares addresses.
            found = unsafe { ffi::kasync_code_is_in(task.code().cast(), module) };
            !found
        });
        found
    });
    found.cloned()
}

/// # Safety
///
/// Only for the notifier: `module` is valid, and its code is still there.
unsafe extern "C" fn going(module: *const c_void) {
    while let Some(root) = user_of(module) {
        api_violation(c"a module goes while tasks run its code; waiting for them");
        root.cancel();
        let parking = PARKING.lock();
        if let Some(parking) = &*parking {
            // Cannot fail: a module does not go inside a poll.
            let _joined = root.join_on(parking);
        }
    }
    // Outputs that were to be dropped elsewhere: code of the module as well.
    // SAFETY: May sleep here.
    unsafe { ffi::kasync_defer_flush() };
}
