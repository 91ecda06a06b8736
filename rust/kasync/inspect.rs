// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The list of all executors, and inspection of their tasks.
//!
//! The kernel module (`module.rs`) shows the table of tasks in debugfs, and starts the watches.

mod modules;
mod stalls;

pub use modules::ModuleWatch;
pub use stalls::StallWatch;

use crate::{
    ffi,
    scope::Scope,
    task::TaskInfo, //
};
use core::fmt;
use kernel::{
    error::to_result,
    prelude::*,
    sync::global_lock, //
};

global_lock! {
    // SAFETY: `ModuleWatch::new()`, called by the module's init function, initialises it before any
    // other use.
    unsafe(uninit) static ROOTS: Mutex<KVec<Scope>> = KVec::new();
}

/// Adds the tree of tasks below `root` to those that are inspected. May sleep.
///
/// # Errors
///
/// `ENOMEM`.
pub(crate) fn register(root: &Scope) -> Result {
    Ok(ROOTS.lock().push(root.clone(), GFP_KERNEL)?)
}

/// Removes the tree of tasks below `root`. May sleep.
pub(crate) fn unregister(root: &Scope) {
    let mut roots = ROOTS.lock();
    roots.retain(|r| !r.is_same(root));
    if roots.is_empty() {
        *roots = KVec::new();
    }
}

/// Writes the table of all tasks. May sleep.
///
/// # Context
///
/// Process context.
///
/// # Errors
///
/// The errors of `f`.
pub fn write_tasks(f: &mut impl fmt::Write) -> fmt::Result {
    TaskInfo::write_heading(f)?;
    // No executor's shutdown finishes while the lock is held, and no module goes.
    let roots = ROOTS.lock();
    for root in &*roots {
        let mut count = 0;
        root.each_task(|_, _| {
            count += 1;
            true
        });
        // Clients decide how many these are. With room for tasks that are spawned before the next
        // walk.
        let Ok(mut rows) = KVVec::<TaskInfo>::with_capacity(count + 16, GFP_KERNEL) else {
            return writeln!(f, "out of memory");
        };
        let mut left_out = false;
        root.each_task(|task, scope| {
            // SAFETY: The walk holds the tree's lock, and the lock of the list, which is held until
            // the rows were written, keeps modules from going.
            let info = unsafe { task.info(scope) };
            left_out = rows.push_within_capacity(info).is_err();
            !left_out
        });
        for row in &rows {
            row.write_row(f)?;
            f.write_char('\n')?;
        }
        if left_out {
            writeln!(f, "... and more, spawned meanwhile")?;
        }
    }
    Ok(())
}

/// A thread that closes executors whose last handle was dropped where blocking is impossible. It
/// runs until this is dropped.
pub struct Reaper(());

impl Reaper {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    ///
    /// # Safety
    ///
    /// To be called once, by the module's init function, and dropped by its exit function only.
    pub unsafe fn new() -> Result<Self> {
        // SAFETY: Called once.
        to_result(unsafe { ffi::kasync_reaper_start() })?;
        Ok(Self(()))
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        // SAFETY: Started by `new()`. The module's exit function drops this, so no other module
        // that could drop an executor is left.
        unsafe { ffi::kasync_reaper_stop() };
    }
}
