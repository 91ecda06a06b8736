// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A watch that reports tasks which neither end nor are polled for some time.

use super::ROOTS;
use crate::{
    ffi,
    task::TaskInfo, //
};
use kernel::prelude::*;

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
            pr_warn!("stalled: {info}\n");
        }
    }
}

/// Reports tasks that neither end nor are polled for some time, each once for as long as it stays
/// so, until dropped.
pub struct StallWatch(());

impl StallWatch {
    /// Starts to watch. `ms` is the time, at most a quarter longer; 0 reports nothing.
    ///
    /// # Safety
    ///
    /// To be called once, by the module's init function, after the [`Reaper`](super::Reaper) was
    /// started.
    pub unsafe fn new(ms: u32) -> Self {
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
