// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is counted.

use std::fmt;

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Commands that were taken.
    pub commands: u64,
    /// Doorbells.
    pub doorbells: u64,
    /// Replies, lost ones included.
    pub replies: u64,
    /// Events.
    pub events: u64,
    /// Pages that were written to the status queue.
    pub pages: u64,
    /// How often the status queue was full.
    pub full: u64,
    /// Interrupts.
    pub interrupts: u64,
    /// What the driver has done wrong.
    pub violations: u64,
    /// Times that the processor was started.
    pub starts: u64,
    /// Times that it has halted, whyever.
    pub halts: u64,
    /// Messages that were changed at random.
    pub fuzzed: u64,
    /// Methods of channels.
    pub methods: u64,
    /// Channels that have faulted.
    pub faults: u64,
    /// Clients that the driver had not freed when it unloaded the processor.
    pub left: u64,
}

/// As JSON.
impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            ("commands", self.commands),
            ("doorbells", self.doorbells),
            ("replies", self.replies),
            ("events", self.events),
            ("pages", self.pages),
            ("full", self.full),
            ("interrupts", self.interrupts),
            ("violations", self.violations),
            ("starts", self.starts),
            ("halts", self.halts),
            ("fuzzed", self.fuzzed),
            ("methods", self.methods),
            ("faults", self.faults),
            ("left", self.left),
        ];
        f.write_str("{")?;
        for (i, (name, count)) in all.iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}\"{name}\": {count}")?;
        }
        f.write_str("}")
    }
}
