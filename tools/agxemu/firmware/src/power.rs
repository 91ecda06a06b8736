// SPDX-License-Identifier: MIT OR Apache-2.0

//! Power, and the messages of which there is a regular flow.
//!
//! ```text
//!         kick, submission                 idle for idle_off_delay_ms,
//!  off ─────────────────────► on ───────────── nothing pending ─────────────► off
//! ```

use agx_abi::globals::Globals;
use agx_abi::stats;

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
        let mut message = stats::PowerOn::new(self.mem.abi);
        message
            .set(stats::PowerOn::KIND, stats::POWER_ON)
            .set(stats::PowerOn::OFF_TICKS, off);
        self.report
            .stats(&self.mem, &mut self.ch, message.as_bytes())
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
        let idle = self.streams.are_idle() && self.queues.values().all(|q| q.is_idle());
        if idle && self.pending_submissions()? == 0 {
            let delay = self
                .mem
                .u32(self.mem.at(self.init.globals, Globals::IDLE_OFF_DELAY_MS))?;
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
            .set_u64(self.mem.at(self.init.globals, Globals::IDLE_TS), now)?;
        let mut message = stats::PowerOff::new(self.mem.abi);
        message
            .set(stats::PowerOff::KIND, stats::POWER_OFF)
            .set(stats::PowerOff::ON_TICKS, on);
        self.report
            .stats(&self.mem, &mut self.ch, message.as_bytes())
    }

    fn statistics(&mut self, now: u64) -> Fw<()> {
        let jobs = self.counters.completed - self.power.reported;
        self.power.reported = self.counters.completed;
        let busy = u32::from(jobs != 0) * 100;
        let mut message = stats::Utilisation::new(self.mem.abi);
        message
            .set(stats::Utilisation::KIND, stats::UTILISATION)
            .set(stats::Utilisation::TIMESTAMP, now)
            .set(stats::Utilisation::UTIL1, busy)
            .set(stats::Utilisation::UTIL3, busy);
        self.report
            .stats(&self.mem, &mut self.ch, message.as_bytes())?;
        let mut message = stats::PowerState::new(self.mem.abi);
        message
            .set(stats::PowerState::KIND, stats::POWER_STATE)
            .set(stats::PowerState::TIMESTAMP, now)
            .set(stats::PowerState::LAST_BUSY, self.power.last_busy)
            .set(stats::PowerState::ACTIVE, 1)
            .set(stats::PowerState::PSTATE, 1);
        self.report
            .stats(&self.mem, &mut self.ch, message.as_bytes())?;
        // 1 W while there was work, 50 mW otherwise, in units of 1/8192 mW.
        let power = if jobs != 0 { 1000 } else { 50 } * 8192;
        let mut message = stats::Power::new(self.mem.abi);
        message
            .set(stats::Power::KIND, stats::POWER)
            .set(stats::Power::POWER, power);
        self.report
            .stats(&self.mem, &mut self.ch, message.as_bytes())
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
