// SPDX-License-Identifier: MIT OR Apache-2.0

//! The timer: on a Mac CPU and coprocessor look at the same one.

use std::time::Instant;

use crate::soc::{lock, Soc};

/// Ticks of the timer in a microsecond.
const TICKS_PER_US: u64 = 24;

/// The guest's clock, as far as it is known.
pub(crate) struct Clock {
    /// The guest's counter, and when the guest has read it.
    counter: u64,
    read_at: Instant,
    /// What the firmware's timer showed at that time.
    base: u64,
}

impl Clock {
    /// The clock of a guest that has told nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            counter: 0,
            read_at: Instant::now(),
            base: 0,
        }
    }
}

impl Soc {
    /// The guest has just read its counter.
    pub fn guest_counter(&self, counter: u64) {
        let mut clock = lock(&self.clock);
        clock.counter = counter;
        clock.read_at = Instant::now();
    }

    /// The guest's counter runs with `hz`: from now on the firmware's timer shows the same time.
    pub fn guest_frequency(&self, hz: u64) {
        let mut clock = lock(&self.clock);
        let ticks = u128::from(clock.counter) * u128::from(TICKS_PER_US * 1_000_000);
        clock.base = (ticks / u128::from(hz)) as u64;
    }

    /// Returns what the firmware's timer shows.
    pub(crate) fn timer(&self) -> u64 {
        let clock = lock(&self.clock);
        clock.base + clock.read_at.elapsed().as_nanos() as u64 * TICKS_PER_US / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::Hardware;
    use crate::options::Regions;
    use crate::soc::Lines;
    use agxemu_firmware::chip::Part;

    struct NoLines;

    impl Lines for NoLines {
        fn pulse(&self, _vector: u32) {}
    }

    #[test]
    fn the_timer_shows_the_guests_time() {
        let regions = Regions::default();
        let soc = Soc::new(
            regions,
            None,
            None,
            Part::default(),
            &Hardware::default(),
            Box::new(NoLines),
            Box::new(std::io::sink()),
        );
        assert!(soc.timer() < 24_000_000);
        // 100 seconds, at 62.5 MHz.
        soc.guest_counter(6_250_000_000);
        soc.guest_frequency(62_500_000);
        let ticks = soc.timer();
        assert!((2_400_000_000..2_424_000_000).contains(&ticks), "{ticks}");
        assert!(soc.timer() >= ticks);
    }
}
