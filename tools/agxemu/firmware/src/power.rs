// SPDX-License-Identifier: MIT OR Apache-2.0

//! Power, and the messages of which there is a regular flow.
//!
//! ```text
//!         kick, submission                 idle for idle_off_delay_ms,
//!  off ─────────────────────► on ───────────── nothing pending ─────────────► off
//! ```

use crate::abi::globals;
use crate::core::{Core, MS};
use crate::memory::Memory;
use crate::panic::Fw;
use crate::report::Log;

/// Time between two rounds of statistics while the GPU is on.
const PERIOD: u64 = 1000 * MS;
/// Time after which something that makes no progress is worth a line.
const STALL: u64 = 2000 * MS;

/// Power state.
pub struct Power {
    on: bool,
    /// Last transition.
    since: u64,
    /// Last sign of work.
    last_busy: u64,
    next_stats: u64,
    /// Jobs done at the last round of statistics.
    reported: u64,
    /// The stall of this moment was logged.
    stall_logged: bool,
}

impl Power {
    /// The GPU is off after start.
    pub fn new(mem: &Memory) -> Self {
        let now = mem.machine().ticks();
        Self {
            on: false,
            since: now,
            last_busy: now,
            next_stats: 0,
            reported: 0,
            stall_logged: false,
        }
    }

    /// Something was done.
    pub fn busy(&mut self, now: u64) {
        self.last_busy = now;
        self.stall_logged = false;
    }
}

fn halves(at: usize, value: u64) -> [(usize, u32); 2] {
    [(at, value as u32), (at + 4, (value >> 32) as u32)]
}

impl Core {
    /// Wakes the GPU.
    pub(crate) fn power_on(&mut self) -> Fw<()> {
        let now = self.now();
        self.power.busy(now);
        if self.power.on || !self.up {
            return Ok(());
        }
        let off = now - self.power.since;
        self.power.on = true;
        self.power.since = now;
        self.power.next_stats = now + PERIOD;
        self.report
            .stats(&self.mem, &mut self.ch, 2, &halves(4, off))
    }

    /// Idle power-off, statistics, stalls; returns when there is more of it.
    pub(crate) fn housekeeping(&mut self) -> Fw<Option<u64>> {
        if !self.power.on {
            return Ok(None);
        }
        let now = self.now();
        if now >= self.power.next_stats {
            self.statistics(now)?;
            self.power.next_stats = now + PERIOD;
        }
        let idle = self.active.is_none() && self.queues.values().all(|q| q.is_idle());
        if idle && self.pending_submissions()? == 0 {
            let delay = self
                .mem
                .u32(self.init.globals + globals::IDLE_OFF_DELAY_MS as u64)?;
            let off_at = self.power.last_busy + u64::from(delay) * MS;
            if now < off_at {
                return Ok(Some(off_at.min(self.power.next_stats)));
            }
            self.power_off(now)?;
            return Ok(None);
        }
        if now >= self.power.last_busy + STALL && !self.power.stall_logged {
            self.power.stall_logged = true;
            self.stalled(idle)?;
        }
        Ok(Some(self.power.next_stats))
    }

    fn power_off(&mut self, now: u64) -> Fw<()> {
        let on = now - self.power.since;
        self.power.on = false;
        self.power.since = now;
        self.mem
            .set_u64(self.init.globals + globals::IDLE_TS as u64, now)?;
        self.report
            .stats(&self.mem, &mut self.ch, 3, &halves(4, on))
    }

    fn statistics(&mut self, now: u64) -> Fw<()> {
        let jobs = self.counters.completed - self.power.reported;
        self.power.reported = self.counters.completed;
        let busy = u32::from(jobs != 0) * 100;
        let mut util = halves(4, now).to_vec();
        util.extend([(12, busy), (16, 0), (20, busy), (24, 0)]);
        self.report.stats(&self.mem, &mut self.ch, 4, &util)?;
        let mut state = halves(4, now).to_vec();
        state.extend(halves(12, self.power.last_busy));
        state.extend([(20, 1), (32, 1)]);
        self.report.stats(&self.mem, &mut self.ch, 0xb, &state)?;
        // 1 W while there was work, 50 mW otherwise, in units of 1/8192 mW.
        let power = if jobs != 0 { 1000 } else { 50 } * 8192;
        self.report
            .stats(&self.mem, &mut self.ch, 0, &halves(0x1c, power))
    }

    /// Says what everything waits for: most likely the host made a mistake.
    fn stalled(&mut self, idle: bool) -> Fw<()> {
        let mut lines: Vec<String> = self.waiting_barriers();
        for va in self.slots.withheld() {
            lines.push(format!(
                "notifier at {va:#x} has not reached its threshold, Flag withheld"
            ));
        }
        if idle && lines.is_empty() {
            let pending = self.pending_submissions()?;
            lines.push(format!(
                "nothing to do for 2 s with pending_submissions {pending}"
            ));
        }
        for line in lines {
            self.log(Log::Notice, &line)?;
        }
        Ok(())
    }
}
