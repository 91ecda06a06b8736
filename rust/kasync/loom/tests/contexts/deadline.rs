// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The part of a context that is freed with it.

use super::{
    own::log,
    Log, //
};
use kasync::{
    time::Delta,
    TaskRef, //
};
use loom::sync::Arc;

/// The deadlines of a context, which notes an access after they are freed.
pub(crate) struct Deadlines(Arc<Log>);

impl Deadlines {
    pub(crate) fn new() -> Self {
        Self(log())
    }

    /// No task of the models subscribes.
    pub(crate) fn subscribe(&self, _task: TaskRef) {
        self.assert_alive();
    }

    /// Returns whether there is a deadline: none is set in the models.
    pub(crate) fn is_some(&self) -> bool {
        self.assert_alive();
        false
    }

    /// Returns no deadline: none is set in the models.
    pub(crate) fn take(&self) -> Option<Delta> {
        self.assert_alive();
        None
    }

    /// Is called while the context is needed.
    pub(crate) fn assert_alive(&self) {
        // SAFETY: Not written before the context goes, which loom checks.
        assert!(self.0.alive.with(|alive| unsafe { *alive }));
    }
}

impl Drop for Deadlines {
    fn drop(&mut self) {
        // SAFETY: The context is not used any more, which loom checks.
        self.0.alive.with_mut(|alive| unsafe { *alive = false });
    }
}
