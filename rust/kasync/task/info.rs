// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tasks seen from outside.

use super::Header;
use crate::{
    platform::{
        Plat,
        Platform, //
    },
    scope::{
        Name,
        Path,
        ScopeInner, //
    },
    site::Site, //
};
use core::fmt;

/// What a task did until the moment at which somebody looked.
#[derive(Clone, Copy)]
pub(crate) struct TaskInfo {
    name: Name,
    scope: Path,
    state: &'static str,
    polls: u64,
    wakes: u64,
    age_ns: i64,
    site: Option<Site>,
}

impl TaskInfo {
    /// The heading of a table of these.
    pub(crate) fn write_heading(f: &mut impl fmt::Write) -> fmt::Result {
        writeln!(
            f,
            "{:<23} {:<9} {:>10} {:>10} {:>12} {:<32} scope",
            "task", "state", "polls", "wakes", "age_ms", "awaits"
        )
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, scope, state) = (self.name.as_str(), self.scope.as_str(), self.state);
        let (polls, wakes, ms) = (self.polls, self.wakes, self.age_ns / 1_000_000);
        write!(f, "{name:<23} {state:<9} {polls:>10} {wakes:>10} {ms:>12} ")?;
        match self.site {
            // Padding is not for what formats itself in parts.
            Some(site) => write!(f, "{site} {scope}"),
            None => write!(f, "- {scope}"),
        }
    }
}

/// What the watch knows of a task: the number of its polls, truncated, and for how many looks it has stayed so.
pub(crate) struct Watched {
    polls: u16,
    looks: u16,
}

impl Watched {
    pub(crate) const fn new() -> Self {
        Self { polls: 0, looks: 0 }
    }
}

impl Header {
    /// One more look at a task that is started. True once, when it has neither been polled to an end nor begun another poll for
    /// `bound` looks.
    ///
    /// # Safety
    ///
    /// The scope tree's lock must be held.
    pub(crate) unsafe fn watch(&self, bound: u16) -> bool {
        if !self.state.load().is_started() {
            return false;
        }
        let polls = self.polls.get() as u16;
        // SAFETY: Under the lock.
        let watched = unsafe { &mut *self.watched.get() };
        if watched.polls != polls {
            *watched = Watched { polls, looks: 0 };
            return false;
        }
        watched.looks = watched.looks.saturating_add(1);
        watched.looks == bound
    }

    /// A look at a task of `scope`, found in the scope's list.
    pub(crate) fn info(&self, scope: &ScopeInner) -> TaskInfo {
        let state = self.state.load();
        let polls = self.polls.get();
        // SAFETY: The item is part of the task.
        let pending = unsafe { Plat::is_pending(self.work.get()) };
        let state = match (polls % 2, pending) {
            _ if !state.is_started() => "prepared",
            (1, false) => "running",
            (1, true) => "rerun",
            (_, true) => "scheduled",
            _ => "idle",
        };
        TaskInfo {
            name: Name::new(self.name),
            scope: scope.path(),
            state,
            polls: polls / 2,
            wakes: self.wakes.get(),
            age_ns: Plat::now_ns() - self.born_ns,
            site: self.site.get(),
        }
    }

    /// The address of the code that polls the task.
    #[cfg(MODULE)]
    pub(crate) fn code(&self) -> *const () {
        self.vtable.poll as *const ()
    }
}
