// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A periodic check that reports tasks which neither end nor are polled for some time.

use super::ROOTS;
use crate::{
    ffi,
    task::TaskInfo, //
};
use kernel::prelude::*;

/// The number of checks without progress after which a task counts as stalled.
const CHECKS: u16 = 4;

/// Checks all tasks, and reports those that have stalled. May sleep.
///
/// # Safety
///
/// Must be called by the timer that [`StallWatch::new`] starts.
unsafe extern "C" fn check_tasks() {
    // While the lock is held no executor goes away, and no module.
    let roots = ROOTS.lock();
    for root in &*roots {
        let mut stalled = [const { None::<TaskInfo> }; 4];
        let mut n = 0;
        root.each_task(|task, scope| {
            let Some(place) = stalled.get_mut(n) else {
                // The others are reported by the next check.
                return false;
            };
            // SAFETY: The tree is locked.
            if unsafe { task.watch(CHECKS) } {
                // SAFETY: The walk holds the tree's lock, and the lock of the list, which is held
                // until this was printed, keeps modules from going.
                *place = Some(unsafe { task.info(scope) });
                n += 1;
            }
            true
        });
        for info in stalled.iter().flatten() {
            pr_warn!("stalled: {info}\n");
        }
    }
}

/// A periodic check that reports each stalled task once. It stops when this is dropped.
pub struct StallWatch(());

impl StallWatch {
    /// Starts the check. A task that makes no progress for `ms` milliseconds, or up to a quarter
    /// longer, is reported; with 0 none is.
    ///
    /// # Safety
    ///
    /// To be called once, by the module's init function, after the [`Reaper`](super::Reaper) was
    /// started.
    pub unsafe fn new(ms: u32) -> Self {
        if ms != 0 {
            // SAFETY: `check_tasks` stays until `drop()` stops the watch.
            unsafe { ffi::kasync_watch_start(ms.div_ceil(u32::from(CHECKS)), check_tasks) };
        }
        Self(())
    }
}

impl Drop for StallWatch {
    fn drop(&mut self) {
        // SAFETY: Stopping is legal whether or not the check was started.
        unsafe { ffi::kasync_watch_stop() };
    }
}
