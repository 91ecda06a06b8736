// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Where a task waits: the place in the source at which what it awaits was made.
//!
//! Each leaf, a future that has no other inside, remembers the place of the call that has made it,
//! and leaves it with its task whenever it is polled and not ready. Of several leaves in one task
//! the one that was polled last counts.

use crate::{
    atomic::Stat,
    task, //
};
use core::{
    fmt,
    panic::Location,
    task::Context, //
};

/// A place in the source.
#[derive(Clone, Copy)]
pub struct Site(&'static Location<'static>);

impl Site {
    /// The place of the call of the function that calls this, if that is `#[track_caller]`.
    #[track_caller]
    #[inline]
    pub const fn here() -> Self {
        Self(Location::caller())
    }

    /// To be called by a leaf that is not ready: has the task of `cx`, if it is one, be known to
    /// wait here.
    ///
    /// Leaves of this crate call it themselves, [`AtomicWaker::register`] among them.
    ///
    /// [`AtomicWaker::register`]: crate::sync::AtomicWaker::register
    #[inline]
    pub fn waits(self, cx: &Context<'_>) {
        if let Some(task) = task::task_of(cx.waker()) {
            // SAFETY: A waker keeps its task valid.
            unsafe { task.as_ref() }.site().set(self);
        }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The file and its directory: enough to find it.
        let path = self.0.file();
        let start = path.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
        write!(f, "{}:{}", &path[start..], self.0.line())
    }
}

/// Where a task waits, for others to read.
pub(crate) struct SiteCell(Stat);

impl SiteCell {
    pub(crate) fn new() -> Self {
        Self(Stat::new())
    }

    pub(crate) fn set(&self, site: Site) {
        self.0.set(core::ptr::from_ref(site.0) as usize as u64);
    }

    pub(crate) fn get(&self) -> Option<Site> {
        let location = self.0.get() as usize as *const Location<'static>;
        // SAFETY: Null, or set above. The code that it is part of is there for as long as the task
        // is, whose scope the caller has found it in.
        unsafe { location.as_ref() }.map(Site)
    }
}
