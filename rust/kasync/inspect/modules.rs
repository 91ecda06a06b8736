// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A notifier that keeps modules from being unloaded while tasks run their code.
//!
//! The owner of an executor shuts it down before the owner's module is unloaded. An owner that is
//! never dropped, for instance because a task has a reference to it, would break this rule without
//! any unsafe code. So the unloading of modules is watched: a task whose code is in such a module
//! is reported, cancelled with its whole executor, and waited for. Its code is the function that
//! polls it, which is in the module that has instantiated its type. Of code of other modules that
//! this one calls, nothing is known here.
//!
//! What is shown of tasks, their names and the places where they wait, may be data of other modules
//! than those of their code. It is forgotten when such a module goes.

use super::ROOTS;
use crate::{
    ffi,
    report::api_violation,
    scope::Scope, //
};
use kernel::{
    error::to_result,
    ffi::c_void,
    prelude::*, //
};

/// A registered notifier. It is unregistered when this is dropped.
pub struct ModuleWatch(());

impl ModuleWatch {
    /// Registers the notifier.
    ///
    /// # Errors
    ///
    /// Those of `register_module_notifier()`.
    ///
    /// # Safety
    ///
    /// To be called once, by the module's init function, before any executor is made.
    pub unsafe fn new() -> Result<Self> {
        // SAFETY: Called once, and by the module's init function.
        unsafe { ROOTS.init() };
        // If registering fails, dropping this undoes the rest.
        let this = Self(());
        // SAFETY: `going` stays valid until `drop()` unregisters it. Unregistering is legal even if
        // this fails.
        to_result(unsafe { ffi::kasync_watch_modules(going) })?;
        Ok(this)
    }
}

impl Drop for ModuleWatch {
    fn drop(&mut self) {
        // SAFETY: Unregistering is legal whether or not the notifier was registered.
        unsafe { ffi::kasync_unwatch_modules() };
        // Statics are never dropped.
        *ROOTS.lock() = KVec::new();
    }
}

/// Returns whether `address` is one of code or data of `module`.
///
/// # Safety
///
/// `module` must be valid.
unsafe fn is_in(module: *const c_void, address: *const ()) -> bool {
    // SAFETY: `module` is valid by the safety requirements, and the other address is only compared.
    unsafe { ffi::kasync_is_in(address.cast(), module) }
}

/// Returns the root of an executor with a task whose code is in `module`.
///
/// # Safety
///
/// `module` must be valid.
unsafe fn user_of(module: *const c_void) -> Option<Scope> {
    let roots = ROOTS.lock();
    let found = roots.iter().find(|root| {
        let mut found = false;
        root.each_task(|task, _| {
            // SAFETY: `module` is valid by the safety requirements.
            found = unsafe { is_in(module, task.code()) };
            !found
        });
        found
    });
    found.cloned()
}

/// Has all tasks forget what they have of `module`.
///
/// # Safety
///
/// `module` must be valid.
unsafe fn forget(module: *const c_void) {
    for root in &*ROOTS.lock() {
        root.each_task(|task, _| {
            // SAFETY: `module` is valid by the safety requirements.
            task.forget(|address| unsafe { is_in(module, address) });
            true
        });
    }
}

/// Waits for all tasks whose code is in `module`, which is being unloaded.
///
/// # Safety
///
/// `module` must be valid, and its code must not be freed yet, nor its data before a grace period
/// has passed. May sleep.
unsafe extern "C" fn going(module: *const c_void) {
    let mut is_flushed = false;
    // SAFETY: `module` is valid by the safety requirements.
    while let Some(root) = unsafe { user_of(module) } {
        if !is_flushed {
            // Executors are closed there whose last handle was dropped where blocking is
            // impossible: their owners have done what they have to.
            // SAFETY: Notifiers of modules may sleep.
            unsafe { ffi::kasync_reaper_flush() };
            is_flushed = true;
            continue;
        }
        api_violation(c"a module goes while tasks run its code; waiting for them");
        root.cancel();
        // No module is unloaded inside a poll.
        root.wait_until_empty();
    }
    // The destructors of outputs that wait for a thread may be code of the module as well.
    // SAFETY: Notifiers of modules may sleep.
    unsafe { ffi::kasync_defer_flush() };
    // SAFETY: `module` is valid by the safety requirements.
    unsafe { forget(module) };
}
