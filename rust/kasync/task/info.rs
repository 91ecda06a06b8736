// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tasks seen from outside.

use super::Header;
use crate::{
    platform::{
        Plat,
        Platform, //
    },
    scope::Name, //
};
use core::fmt;

/// What a task did until the moment at which somebody looked.
#[derive(Clone, Copy)]
pub(crate) struct TaskInfo {
    name: Name,
    scope: Name,
    state: &'static str,
    polls: u64,
    wakes: u64,
    age_ns: i64,
}

impl TaskInfo {
    /// The heading of a table of these.
    pub(crate) fn write_heading(f: &mut impl fmt::Write) -> fmt::Result {
        writeln!(
            f,
            "{:<23} {:<23} {:<9} {:>10} {:>10} {:>12}",
            "task", "scope", "state", "polls", "wakes", "age_ms"
        )
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, scope, state) = (self.name.as_str(), self.scope.as_str(), self.state);
        let (polls, wakes, ms) = (self.polls, self.wakes, self.age_ns / 1_000_000);
        write!(
            f,
            "{name:<23} {scope:<23} {state:<9} {polls:>10} {wakes:>10} {ms:>12}"
        )
    }
}

impl Header {
    /// A look at a task of `scope`, found in the scope's list.
    pub(crate) fn info(&self, scope: &Name) -> TaskInfo {
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
            scope: *scope,
            state,
            polls: polls / 2,
            wakes: self.wakes.get(),
            age_ns: Plat::now_ns() - self.born_ns,
        }
    }

    /// The address of the code that polls the task.
    #[cfg(MODULE)]
    pub(crate) fn code(&self) -> *const () {
        self.vtable.poll as *const ()
    }
}
