// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether the coprocessor has power and is awake, and what may not be done when it has not or is
//! not.
//!
//! ```text
//!          domain on               run bit, hello            SET_IOP_PWR sleep
//!   gated ──────────► off, cold ──────────────────► awake ◄─────────────────────► asleep
//!     ▲                   │                           │     SET_IOP_PWR init        │
//!     └───────────────────┴───────────────────────────┴─────────────────────────────┘
//!                        domain off: all state is lost, but for what is in RAM
//! ```

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use agxemu_firmware::machine::Level;

use crate::hardware::Domain;
use crate::soc::Soc;

/// So many accesses of each kind that nobody may make are logged; all are counted.
const LINES: u64 = 32;

/// The state that a domain is to have, and the one that it has.
const STATE_TARGET: u32 = 0xf;
const STATE_ACTUAL: u32 = 0xf0;
/// Without power.
const STATE_OFF: u32 = 0;

/// The coprocessor's power, as the rest of the chip knows it.
pub(crate) struct Power {
    /// Registers may read anything.
    off: AtomicBool,
    /// The host has put it to sleep, and has given it nothing since.
    asleep: AtomicBool,
    /// Accesses to memory meanwhile.
    accesses: AtomicU64,
    /// The domain's register.
    state: AtomicU32,
    /// Accesses to registers without power.
    gated: AtomicU64,
    /// How often a coprocessor that was not asleep has lost its power.
    cuts: AtomicU64,
    /// How often one that was left behind was given other memory.
    remapped: AtomicU64,
}

impl Default for Power {
    fn default() -> Self {
        Self {
            off: AtomicBool::new(true),
            asleep: AtomicBool::new(false),
            accesses: AtomicU64::new(0),
            state: AtomicU32::new(STATE_OFF),
            gated: AtomicU64::new(0),
            cuts: AtomicU64::new(0),
            remapped: AtomicU64::new(0),
        }
    }
}

impl Soc {
    /// Says whether the coprocessor is off.
    pub fn set_off(&self, off: bool) {
        self.power.off.store(off, Ordering::Relaxed);
    }

    /// Returns whether the ID registers read garbage now.
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

    /// Returns whether the domain is there and off.
    pub fn is_gated(&self) -> bool {
        self.hardware.domain != Domain::None && self.power_state() & STATE_ACTUAL == STATE_OFF
    }

    /// Returns the register of the power domain.
    pub fn power_state(&self) -> u32 {
        self.power.state.load(Ordering::Relaxed)
    }

    /// The host writes the register of the power domain, which follows at once. Returns whether
    /// that takes the power away.
    pub fn set_power_state(&self, value: u32) -> bool {
        let actual = (value & STATE_TARGET) << STATE_ACTUAL.trailing_zeros();
        let was_on = !self.is_gated();
        let state = (value & !STATE_ACTUAL) | actual;
        self.power.state.store(state, Ordering::Relaxed);
        was_on && self.is_gated()
    }

    /// The power goes, and with it all that is not in RAM. [`Soc::reset`] is the same for RAM.
    pub fn cut_power(&self) {
        let live = self.signal().running && !self.power.asleep.load(Ordering::Relaxed);
        if live {
            self.power.cuts.fetch_add(1, Ordering::Relaxed);
            let line = "power: the domain of a running coprocessor is turned off";
            self.note(Level::Warn, line);
        } else {
            self.note(Level::Info, "power: off");
        }
        self.forget();
        // What the GPU was at may not go on.
        self.set_asleep(true);
    }

    /// Reports an access to registers that do not answer: on a Mac it would abort.
    pub(crate) fn gated_access(&self, what: &str, block: &str, offset: u64) {
        if self.power.gated.fetch_add(1, Ordering::Relaxed) < LINES {
            let line = format!("power: {what} {block}+{offset:#x}, which has no power");
            self.note(Level::Warn, &line);
        }
    }

    /// Accesses to registers without power that were found so far.
    pub fn gated_accesses(&self) -> u64 {
        self.power.gated.load(Ordering::Relaxed)
    }

    /// Returns how often a coprocessor that was not asleep has lost its power so far.
    pub fn power_cuts(&self) -> u64 {
        self.power.cuts.load(Ordering::Relaxed)
    }

    /// Reports that the host maps memory where a coprocessor that it has left behind, neither
    /// asleep nor started anew, has what it was given before.
    pub(crate) fn remapped(&self) {
        if self.power.remapped.fetch_add(1, Ordering::Relaxed) < LINES {
            let line = "remapped: the host's half is there again, and the firmware never slept";
            self.note(Level::Warn, line);
        }
    }

    /// Returns how often that was found so far.
    pub fn remappings(&self) -> u64 {
        self.power.remapped.load(Ordering::Relaxed)
    }

    /// Accesses of a coprocessor that is asleep that were found so far.
    pub fn asleep_accesses(&self) -> u64 {
        self.power.accesses.load(Ordering::Relaxed)
    }
}
