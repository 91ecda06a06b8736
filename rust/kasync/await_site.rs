// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The place in the source where a task waits.
//!
//! A leaf is a future that has no other future inside. Each leaf records the place of the call that
//! has created it, and stores it in the task whenever it is polled and not ready. If a task awaits
//! several leaves, the one that was polled last is shown.

use crate::task::waker::task_of;
use core::{
    fmt,
    panic::Location,
    task::Context, //
};

/// A place in the source.
///
/// # Context
///
/// Any; [`AwaitSite::waits`] is for polls.
#[derive(Clone, Copy)]
pub struct AwaitSite(&'static Location<'static>);

impl AwaitSite {
    /// Returns the place of the call of the current function, which has to be `#[track_caller]`.
    #[track_caller]
    #[inline]
    pub const fn here() -> Self {
        Self(Location::caller())
    }

    /// Records that the task of `cx` waits here. Does nothing if the waker of `cx` is not that of a
    /// task. To be called by a leaf that is not ready.
    ///
    /// Leaves of this crate call it themselves, [`AtomicWaker::register`] among them.
    ///
    /// [`AtomicWaker::register`]: crate::sync::AtomicWaker::register
    #[inline]
    pub fn waits(self, cx: &Context<'_>) {
        if let Some(task) = task_of(cx.waker()) {
            // SAFETY: A waker keeps its task valid.
            unsafe { task.as_ref() }.site().set(self.0);
        }
    }
}

impl From<&'static Location<'static>> for AwaitSite {
    fn from(location: &'static Location<'static>) -> Self {
        Self(location)
    }
}

impl fmt::Display for AwaitSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The file and its directory identify the place.
        let path = self.0.file();
        let start = path.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
        write!(f, "{}:{}", &path[start..], self.0.line())
    }
}
