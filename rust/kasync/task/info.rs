// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Snapshots of tasks, for debugfs and messages.

use super::header::Header;
use crate::{
    await_site::AwaitSite, //
    scope::{
        Name,
        Path,
        ScopeInner, //
    },
};
use kernel::fmt;

/// A snapshot of a task.
#[derive(Clone, Copy)]
pub(crate) struct TaskInfo {
    name: Name,
    scope: Path,
    state: &'static str,
    polls: u64,
    wakes: u64,
    age_ns: i64,
    site: Option<AwaitSite>,
}

impl TaskInfo {
    /// Writes the heading of the table of tasks.
    pub(crate) fn write_heading(f: &mut impl fmt::Write) -> fmt::Result {
        writeln!(
            f,
            "{:<23} {:<9} {:>10} {:>10} {:>12} {:<32} scope",
            "task", "state", "polls", "wakes", "age_ms", "awaits"
        )
    }

    /// Writes the row of the table, without the end of the line.
    pub(crate) fn write_row(&self, f: &mut impl fmt::Write) -> fmt::Result {
        let (name, scope, state) = (self.name.as_str(), self.scope.as_str(), self.state);
        let (polls, wakes, ms) = (self.polls, self.wakes, self.age_ns / 1_000_000);
        write!(f, "{name:<23} {state:<9} {polls:>10} {wakes:>10} {ms:>12} ")?;
        match self.site {
            // Padding does not apply to a `Display` that writes in parts.
            Some(site) => write!(f, "{site} {scope}"),
            None => write!(f, "- {scope}"),
        }
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_row(f)
    }
}

impl Header {
    /// Returns whether `name` is the name of the task.
    #[cfg(test)]
    pub(crate) fn is_named(&self, name: &core::ffi::CStr) -> bool {
        // SAFETY: No module goes in tests.
        unsafe { self.name.get() == name }
    }

    /// Returns a snapshot of the task.
    ///
    /// # Safety
    ///
    /// The task must be in the list of `scope`, and the tree's lock be held. The caller must use
    /// the result only in the current RCU section, or while it keeps modules from going.
    pub(crate) unsafe fn info(&self, scope: &ScopeInner) -> TaskInfo {
        let state = self.state.load();
        let polls = self.polls.get();
        // SAFETY: The item was initialised with the task. The task is in its scope, and the
        // shutdown of the executor waits for that, so the batch and the queue are there.
        let queued = unsafe { self.batch.as_ref().queue().is_pending(self.work.get()) };
        let pending = state.is_listed() || queued;
        let state = match (polls % 2, pending) {
            _ if !state.is_started() => "prepared",
            (1, false) => "running",
            (1, true) => "rerun",
            (_, true) => "scheduled",
            _ => "idle",
        };
        TaskInfo {
            // SAFETY: The result is used only while no module can go, by the safety requirements.
            name: Name::new(unsafe { self.name.get() }),
            scope: scope.path(),
            state,
            polls: polls / 2,
            wakes: self.wakes.get(),
            age_ns: self.born.elapsed().as_nanos(),
            // SAFETY: The result is used only while no module can go, by the safety requirements.
            site: unsafe { self.site.get() }.map(AwaitSite::from),
        }
    }
}
