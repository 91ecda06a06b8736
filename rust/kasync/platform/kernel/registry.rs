// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! All executors: for looking at their tasks, and so that no module goes while a task runs its
//! code.
//!
//! An executor is shut down by its owner before the owner's module goes. An owner that is never
//! dropped, for instance because a task holds a reference to it, would break that without any
//! unsafe code. So modules that go are watched: a task whose code is in one of them is reported,
//! cancelled and waited for, with its executor.

use crate::{
    block_on::Parking,
    ffi,
    platform::{
        Plat,
        Platform,
        Result, //
    },
    scope::Scope,
    task::TaskInfo, //
};
use kernel::{
    alloc::KVec,
    error::to_result,
    ffi::c_void,
    fmt,
    prelude::{
        Pin,
        GFP_KERNEL, //
    },
    sync::global_lock, //
};

global_lock! {
    // SAFETY: `Watch::new()`, called by the module's init function, initialises it before any other
    // use.
    unsafe(uninit) static ROOTS: Mutex<KVec<Scope>> = KVec::new();
}

global_lock! {
    // What it takes to wait even when memory cannot be had.
    // SAFETY: As above.
    unsafe(uninit) static PARKING: Mutex<Option<Parking>> = None;
}

pub(super) fn add(root: &Scope) -> Result {
    Ok(ROOTS.lock().push(root.clone(), GFP_KERNEL)?)
}

pub(super) fn remove(root: &Scope) {
    ROOTS.lock().retain(|r| !r.is_same(root));
}

/// Watches modules until dropped.
pub(crate) struct Watch(());

impl Watch {
    /// To be called once, by the module's init function.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: Called once, and by the module's init function.
        unsafe {
            ROOTS.init();
            PARKING.init();
        }
        *PARKING.lock() = Some(Parking::new()?);
        // SAFETY: `going` stays until `drop()` unregisters it.
        to_result(unsafe { ffi::kasync_watch_modules(going) })?;
        Ok(Self(()))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: Registered in `new()`.
        unsafe { ffi::kasync_unwatch_modules() };
        // Statics are never dropped.
        *PARKING.lock() = None;
        *ROOTS.lock() = KVec::new();
    }
}

/// A root with a task whose code is in `module`.
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
        Plat::misuse(c"a module goes while tasks run its code; waiting for them");
        root.cancel();
        let parking = PARKING.lock();
        if let Some(parking) = &*parking {
            // Cannot fail: a module does not go inside a poll.
            let _joined = root.join_on(parking);
        }
    }
}

/// How often a task is looked at until it counts as stalled.
const LOOKS: u16 = 4;

/// # Safety
///
/// Only for the watch.
unsafe extern "C" fn look() {
    // Keeping the lock keeps the code that tasks and places in it are part of.
    let roots = ROOTS.lock();
    for root in &*roots {
        let mut stalled = [const { None::<TaskInfo> }; 4];
        let mut n = 0;
        root.each_task(|task, scope| {
            let Some(place) = stalled.get_mut(n) else {
                // The others' turn is the next time.
                return false;
            };
            // SAFETY: The tree is locked.
            if unsafe { task.watch(LOOKS) } {
                *place = Some(task.info(scope));
                n += 1;
            }
            true
        });
        for info in stalled.iter().flatten() {
            Plat::warn(format_args!("stalled: {info}"));
        }
    }
}

/// Reports tasks that neither end nor are polled for some time, each of them once as long as it stays so.
pub(crate) struct StallWatch(());

impl StallWatch {
    /// To be called once, by the module's init function, after the reaper was started. `ms` is the time, at most a quarter
    /// longer; 0 reports nothing.
    pub(crate) fn new(ms: u32) -> Self {
        if ms != 0 {
            // SAFETY: `look` stays until `drop()` stops the watch.
            unsafe { ffi::kasync_watch_start(ms.div_ceil(u32::from(LOOKS)), look) };
        }
        Self(())
    }
}

impl Drop for StallWatch {
    fn drop(&mut self) {
        // SAFETY: Whether it was started or not.
        unsafe { ffi::kasync_watch_stop() };
    }
}

/// Writes the table of all tasks.
pub(crate) fn write_tasks(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    TaskInfo::write_heading(f)?;
    // Keeping the lock lets no executor's shutdown finish meanwhile.
    let roots = ROOTS.lock();
    for root in &*roots {
        let mut count = 0;
        root.each_task(|_, _| {
            count += 1;
            true
        });
        // With room for some that come while nobody looks.
        let Ok(mut rows) = KVec::<TaskInfo>::with_capacity(count + 16, GFP_KERNEL) else {
            return writeln!(f, "out of memory");
        };
        let mut left_out = false;
        root.each_task(|task, scope| {
            left_out = rows.push_within_capacity(task.info(scope)).is_err();
            !left_out
        });
        for row in &rows {
            writeln!(f, "{row}")?;
        }
        if left_out {
            writeln!(f, "... and more, spawned meanwhile")?;
        }
    }
    Ok(())
}
