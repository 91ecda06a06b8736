// SPDX-License-Identifier: MIT OR Apache-2.0

//! Scripted faults: what is to go wrong, and when.
//!
//! | rule | effect |
//! |---|---|
//! | `hang:N` | job N never finishes on the GPU |
//! | `mmu-fault:N` | job N makes an access that is not mapped |
//! | `channel-error:N` | job N fails alone (memory error) |
//! | `delay:MS` | every job takes at least MS milliseconds |
//! | `delay:N:MS` | job N takes at least MS milliseconds |
//! | `drop-flag:N` | the Nth Flag event is not sent |
//! | `crash-job:N` | the firmware crashes instead of starting job N |
//! | `crash-done:N` | the firmware crashes between writing the stamp of job N and telling |
//!
//! Jobs and Flag events count from 1. A crash is bound to a job and not to a message: how many jobs
//! an event or a doorbell stands for depends on when they come.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// What happens to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobFault {
    /// It never finishes.
    Hang,
    /// It touches unmapped memory.
    Mmu,
    /// It fails without stopping the GPU.
    Channel,
    /// The firmware crashes instead of starting it.
    Crash,
    /// The firmware crashes when its stamp is written, before the host is told.
    CrashDone,
}

/// One scripted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Something happens to a job.
    Job(u64, JobFault),
    /// A job, or all of them, takes longer: milliseconds.
    Delay(Option<u64>, u64),
    /// A Flag event is lost.
    DropFlag(u64),
}

/// A rule that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRule(String);

impl fmt::Display for BadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no fault rule", self.0)
    }
}

impl std::error::Error for BadRule {}

impl FromStr for Rule {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<Self, BadRule> {
        let bad = || BadRule(text.to_owned());
        let (name, arguments) = text.split_once(':').ok_or_else(bad)?;
        let numbers = arguments
            .split(':')
            .map(|n| n.parse().map_err(|_| bad()))
            .collect::<Result<Vec<u64>, _>>()?;
        match (name, numbers[..].as_ref()) {
            ("delay", &[ms]) => Ok(Self::Delay(None, ms)),
            // Nothing is numbered 0.
            (_, &[0, ..]) => Err(bad()),
            ("hang", &[n]) => Ok(Self::Job(n, JobFault::Hang)),
            ("mmu-fault", &[n]) => Ok(Self::Job(n, JobFault::Mmu)),
            ("channel-error", &[n]) => Ok(Self::Job(n, JobFault::Channel)),
            ("delay", &[n, ms]) => Ok(Self::Delay(Some(n), ms)),
            ("drop-flag", &[n]) => Ok(Self::DropFlag(n)),
            ("crash-job", &[n]) => Ok(Self::Job(n, JobFault::Crash)),
            ("crash-done", &[n]) => Ok(Self::Job(n, JobFault::CrashDone)),
            _ => Err(bad()),
        }
    }
}

/// All rules, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Script {
    jobs: BTreeMap<u64, JobFault>,
    delays: BTreeMap<u64, u64>,
    delay: u64,
    drop_flags: BTreeSet<u64>,
}

impl FromIterator<Rule> for Script {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        let mut script = Self::default();
        for rule in rules {
            script.add(rule);
        }
        script
    }
}

impl Script {
    /// Adds a rule; a later rule for the same job replaces the earlier one.
    pub fn add(&mut self, rule: Rule) {
        match rule {
            Rule::Job(n, fault) => drop(self.jobs.insert(n, fault)),
            Rule::Delay(Some(n), ms) => drop(self.delays.insert(n, ms)),
            Rule::Delay(None, ms) => self.delay = ms,
            Rule::DropFlag(n) => drop(self.drop_flags.insert(n)),
        }
    }

    /// Returns what happens to job `n`.
    pub fn job(&self, n: u64) -> Option<JobFault> {
        self.jobs.get(&n).copied()
    }

    /// Milliseconds that job `n` takes at least.
    pub fn delay_ms(&self, n: u64) -> u64 {
        self.delays.get(&n).copied().unwrap_or(self.delay)
    }

    /// Returns whether Flag event `n` is lost.
    pub fn drops_flag(&self, n: u64) -> bool {
        self.drop_flags.contains(&n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_parsed() {
        let cases = [
            ("hang:3", Rule::Job(3, JobFault::Hang)),
            ("mmu-fault:1", Rule::Job(1, JobFault::Mmu)),
            ("channel-error:2", Rule::Job(2, JobFault::Channel)),
            ("delay:5", Rule::Delay(None, 5)),
            ("delay:0", Rule::Delay(None, 0)),
            ("delay:7:50", Rule::Delay(Some(7), 50)),
            ("drop-flag:1", Rule::DropFlag(1)),
            ("crash-job:9", Rule::Job(9, JobFault::Crash)),
            ("crash-done:4", Rule::Job(4, JobFault::CrashDone)),
        ];
        for (text, rule) in cases {
            assert_eq!(text.parse(), Ok(rule), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "hang",
            "hang:",
            "hang:x",
            "hang:0",
            "hang:1:2",
            "nap:1",
            "delay:0:5",
            "delay:-1",
        ] {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            assert_eq!(error, format!("{text:?} is no fault rule"));
        }
    }
}
