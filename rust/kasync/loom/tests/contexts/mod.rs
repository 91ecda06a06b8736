// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Replacements for the rest of `rust/dma_fence` in the models of contexts, and the log of the
//! outcome of contexts and their fences.

pub(crate) mod deadline;
pub(crate) mod fence;
pub(crate) mod names;
pub(crate) mod own;
pub(crate) mod set;

use crate::{
    context::FenceContext,
    world, //
};
use loom::{
    cell::UnsafeCell,
    sync::{
        Arc,
        Mutex, //
    }, //
};
use std::{
    cell::RefCell,
    ptr::NonNull, //
};

/// Counters that outlive contexts and their fences.
pub(crate) struct Log {
    /// The last context is there.
    alive: UnsafeCell<bool>,
    /// Numbers and errors of what has signalled, in order.
    signalled: Mutex<Vec<(u64, i32)>>,
    /// Addresses of what will never signal.
    lost: Mutex<Vec<usize>>,
    /// The address of a context that was left behind.
    left: Mutex<Option<usize>>,
    /// The number of times that the module is pinned.
    modules: Mutex<usize>,
    violations: Mutex<usize>,
    timelines: Mutex<u64>,
}

// SAFETY: `alive` is read where the context is needed, and written when it goes, which has to come
// after: loom checks that.
unsafe impl Sync for Log {}
// SAFETY: Nothing in it belongs to a thread.
unsafe impl Send for Log {}

std::thread_local! {
    /// The log of the model: one real thread plays all its threads.
    pub(super) static LOG: RefCell<Option<Arc<Log>>> = const { RefCell::new(None) };
}

/// Runs a scene with a new log.
pub(crate) fn model(preemptions: usize, scene: impl Fn(Arc<Log>) + Sync + Send + 'static) {
    world::model(preemptions, move || {
        let log = Arc::new(Log {
            alive: UnsafeCell::new(true),
            signalled: Mutex::new(Vec::new()),
            lost: Mutex::new(Vec::new()),
            left: Mutex::new(None),
            modules: Mutex::new(0),
            violations: Mutex::new(0),
            timelines: Mutex::new(0),
        });
        LOG.set(Some(log.clone()));
        scene(log);
        LOG.set(None);
    });
}

impl Log {
    pub(crate) fn signalled(&self) -> Vec<(u64, i32)> {
        self.signalled.lock().unwrap().clone()
    }

    /// Frees what will never signal, and returns the numbers, in order.
    pub(crate) fn lost(&self) -> Vec<u64> {
        let lost = std::mem::take(&mut *self.lost.lock().unwrap());
        let mut lost: Vec<_> = lost.into_iter().map(own::end_forgotten).collect();
        lost.sort();
        lost
    }

    /// Returns whether the context was left behind; if so it goes now.
    pub(crate) fn was_left(&self) -> bool {
        let Some(context) = self.left.lock().unwrap().take() else {
            return false;
        };
        assert_eq!(self.modules(), 1, "left behind without the module");
        // SAFETY: The address is that of the context, to which no reference is left.
        unsafe { FenceContext::free(NonNull::new(context as *mut FenceContext).unwrap()) };
        true
    }

    pub(crate) fn modules(&self) -> usize {
        *self.modules.lock().unwrap()
    }

    pub(crate) fn violations(&self) -> usize {
        *self.violations.lock().unwrap()
    }
}
