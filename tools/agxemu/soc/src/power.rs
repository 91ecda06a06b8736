// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether the coprocessor is awake, and what it may not do when it is not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use agxemu_firmware::machine::Level;

use crate::soc::Soc;

/// So many accesses of a coprocessor that is asleep are logged; all are counted.
const LINES: u64 = 32;

/// The coprocessor's power, as the rest of the chip knows it.
pub(crate) struct Power {
    /// Registers may read anything.
    off: AtomicBool,
    /// The host has put it to sleep, and has given it nothing since.
    asleep: AtomicBool,
    /// Accesses to memory meanwhile.
    accesses: AtomicU64,
}

impl Default for Power {
    fn default() -> Self {
        Self {
            off: AtomicBool::new(true),
            asleep: AtomicBool::new(false),
            accesses: AtomicU64::new(0),
        }
    }
}

impl Soc {
    /// Says whether the coprocessor is off.
    pub fn set_off(&self, off: bool) {
        self.power.off.store(off, Ordering::Relaxed);
    }

    /// Whether the ID registers read garbage now.
    pub fn are_ids_garbage(&self) -> bool {
        self.hardware.ids && self.power.off.load(Ordering::Relaxed)
    }

    /// Says whether the host has put the coprocessor to sleep. From then on neither firmware nor
    /// GPU may access memory: that is somebody else's.
    pub fn set_asleep(&self, asleep: bool) {
        self.power.asleep.store(asleep, Ordering::Relaxed);
    }

    /// Reports an access to `pa`, which `what` names, if the coprocessor is asleep.
    pub(crate) fn look_whether_asleep(&self, pa: u64, what: &str) {
        if !self.power.asleep.load(Ordering::Relaxed) {
            return;
        }
        let before = self.power.accesses.fetch_add(1, Ordering::Relaxed);
        if before < LINES {
            let line = format!("asleep: {what} {pa:#x}, which is the host's again");
            self.note(Level::Warn, &line);
        }
    }

    /// Accesses of a coprocessor that is asleep that were found so far.
    pub fn asleep_accesses(&self) -> u64 {
        self.power.accesses.load(Ordering::Relaxed)
    }
}
