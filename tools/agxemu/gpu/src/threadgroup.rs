// SPDX-License-Identifier: MIT OR Apache-2.0

//! One threadgroup at a time on one host thread: its SIMD groups as coroutines.
//!
//! ```text
//!             ┌──────────────── all others wait or are done ───────────────┐
//!             ▼                                                            │
//!  start ─► runs ──barrier──► waits ──────────────────────────────────────┘
//!           │ ▲ │
//!           │ └─┘ its slice is used up: the next group runs
//!           ├──end──► done
//!           └──fault, hang, told to stop──► the launch ends
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use agx_isa::exec::{Cache, Dispatch, FaultKind, Group, Host, Shared, Stop};

use crate::cdm::End;
use crate::fault::{Fault, Unit};
use crate::host::{unpack, Refresh};
use crate::job::Limits;

/// Instructions that a SIMD group may execute before others get their turn and the job is asked
/// whether it is to stop.
pub(crate) const SLICE: u64 = 1 << 12;

/// How far a job has come, for all of its threads.
#[derive(Debug)]
pub struct Meter {
    /// The job is to end.
    pub stop: AtomicBool,
    /// Instructions that a SIMD group may execute.
    pub group_limit: u64,
    /// Instructions that the whole job may execute.
    pub job_limit: u64,
    /// Instructions of SIMD groups so far.
    pub instructions: AtomicU64,
    /// What was done so far without a shader, in as many instructions as its time is worth.
    pub other: AtomicU64,
}

impl Meter {
    /// Returns the meter of a job that has not begun.
    pub fn new(limits: Limits) -> Self {
        Self {
            stop: AtomicBool::new(false),
            group_limit: limits.group,
            job_limit: limits.job,
            instructions: AtomicU64::new(0),
            other: AtomicU64::new(0),
        }
    }

    /// Adds `count` instructions of a group that has executed `of_group` of them.
    pub(crate) fn charge(&self, count: u64, of_group: u64, pc: u64) -> Result<(), End> {
        let total = self.instructions.fetch_add(count, Ordering::Relaxed) + count;
        if self.stop.load(Ordering::Relaxed) {
            return Err(End::Stopped);
        }
        if of_group >= self.group_limit {
            return Err(End::Hang(format!(
                "endless shader: {of_group} instructions of one SIMD group, now at {pc:#x}"
            )));
        }
        let other = self.other.load(Ordering::Relaxed);
        if total.saturating_add(other) >= self.job_limit {
            return Err(End::Hang(format!(
                "endless job: {total} instructions, now at {pc:#x}"
            )));
        }
        Ok(())
    }

    /// Adds what was done without a shader, in about as many instructions as its time is worth.
    pub(crate) fn spend(&self, work: u64) -> Result<(), End> {
        if work == 0 {
            return Ok(());
        }
        let other = self.other.fetch_add(work, Ordering::Relaxed) + work;
        if self.stop.load(Ordering::Relaxed) {
            return Err(End::Stopped);
        }
        let total = self.instructions.load(Ordering::Relaxed);
        if total.saturating_add(other) >= self.job_limit {
            return Err(End::Hang(format!(
                "endless job: as much work as {other} instructions, and {total} of shaders"
            )));
        }
        Ok(())
    }
}

/// Returns how a shader's fault ends its job.
pub(crate) fn end_of(fault: &agx_isa::exec::Fault) -> End {
    let access = match fault.kind {
        FaultKind::Memory(error) => error.fault,
        FaultKind::Fetch(error) => error,
        _ => return End::Illegal(format!("shader: {fault}")),
    };
    End::Fault(Fault {
        access: unpack(access),
        unit: Unit::Ul1c,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    Waits,
    Done,
}

/// What a host thread keeps from one threadgroup to the next.
#[derive(Default)]
pub(crate) struct Scratch {
    groups: Vec<Group>,
    state: Vec<State>,
    used: Vec<u64>,
    local: Vec<u8>,
}

/// What a threadgroup runs with.
pub(crate) struct Run<'a, H> {
    pub(crate) host: &'a mut H,
    pub(crate) shared: &'a Shared,
    pub(crate) cache: &'a mut Cache,
    pub(crate) meter: &'a Meter,
}

impl Scratch {
    /// For launches with `bytes` of threadgroup memory, which starts out as zeros.
    pub(crate) fn prepare(&mut self, bytes: usize) {
        self.local.clear();
        self.local.resize(bytes, 0);
    }

    /// Runs the threadgroup at one place of the grid to its end.
    pub(crate) fn run<H: Host + Refresh>(
        &mut self,
        shader: u64,
        dispatch: &Dispatch,
        run: &mut Run<'_, H>,
    ) -> Result<(), End> {
        let count = dispatch.groups() as usize;
        self.state.clear();
        self.state.resize(count, State::Runs);
        self.used.clear();
        self.used.resize(count, 0);
        for index in 0..count {
            match self.groups.get_mut(index) {
                Some(group) => group.reset(shader, dispatch, index as u32),
                None => self.groups.push(Group::new(shader, dispatch, index as u32)),
            }
        }
        loop {
            for index in 0..count {
                if self.state[index] == State::Runs {
                    self.step(index, dispatch, run)?;
                }
            }
            if self.state.contains(&State::Runs) {
                continue;
            }
            if !self.state.contains(&State::Waits) {
                return Ok(());
            }
            for state in &mut self.state {
                if *state == State::Waits {
                    *state = State::Runs;
                }
            }
        }
    }

    fn step<H: Host + Refresh>(
        &mut self,
        index: usize,
        dispatch: &Dispatch,
        run: &mut Run<'_, H>,
    ) -> Result<(), End> {
        run.host.refresh();
        let group = &mut self.groups[index];
        let mut budget = SLICE;
        let stop = group.run(
            run.host,
            run.shared,
            dispatch,
            &mut self.local,
            run.cache,
            &mut budget,
        );
        // Also what costs no instruction costs time.
        let count = SLICE.saturating_sub(budget).max(1);
        self.used[index] += count;
        run.meter.charge(count, self.used[index], group.pc())?;
        run.meter.spend(run.host.cost())?;
        self.state[index] = match stop {
            Stop::Done => State::Done,
            Stop::Barrier => State::Waits,
            Stop::Budget => State::Runs,
            Stop::Fault(fault) => return Err(end_of(&fault)),
        };
        Ok(())
    }
}
