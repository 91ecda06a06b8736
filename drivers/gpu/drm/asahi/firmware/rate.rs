// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Rate limit of log messages that clients can trigger without limit.

/// Interval of the limit in nanoseconds, as `DEFAULT_RATELIMIT_INTERVAL`.
const INTERVAL: u64 = 5_000_000_000;
/// Events that are printed in an interval, as `DEFAULT_RATELIMIT_BURST`.
const BURST: u32 = 10;

/// The action to take for an event: print it or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// Print the event, and the number of events before it that were left out.
    This {
        /// Events before it that were not printed.
        left_out: u32,
    },
    /// Print nothing.
    Nothing,
}

/// A limit on lines in the log.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    /// Start of the interval; the next two count the events printed and left out in it.
    begun: Option<u64>,
    told: u32,
    left_out: u32,
}

impl Rate {
    /// Counts an event at time `now`, in nanoseconds, and returns whether to print it.
    pub(crate) fn event(&mut self, now: u64) -> Say {
        if self
            .begun
            .is_none_or(|begun| now.wrapping_sub(begun) >= INTERVAL)
        {
            self.begun = Some(now);
            self.told = 0;
        }
        if self.told >= BURST {
            self.left_out = self.left_out.saturating_add(1);
            return Say::Nothing;
        }
        self.told += 1;
        Say::This {
            left_out: self.take_left_out(),
        }
    }

    /// Returns whether events were left out whose number was not returned yet.
    pub(crate) fn has_left_out(&self) -> bool {
        self.left_out != 0
    }

    /// Returns how many nanoseconds the interval lasts from `now` on.
    pub(crate) fn rest(&self, now: u64) -> u64 {
        let gone = self.begun.map_or(INTERVAL, |begun| now.wrapping_sub(begun));
        INTERVAL.saturating_sub(gone)
    }

    /// Returns the number of events that were left out since it was returned last.
    pub(crate) fn take_left_out(&mut self) -> u32 {
        core::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_events_in_five_seconds_are_told() {
        let mut rate = Rate::default();
        let told = (0..1000)
            .filter(|i| rate.event(INTERVAL - 1 - 999 + i) != Say::Nothing)
            .count();
        assert_eq!(told, BURST as usize);
    }

    #[test]
    fn what_was_left_out_is_told_once() {
        let mut rate = Rate::default();
        for _ in 0..BURST {
            assert_eq!(rate.event(7), Say::This { left_out: 0 });
        }
        for _ in 0..25 {
            assert_eq!(rate.event(8), Say::Nothing);
        }
        assert_eq!(rate.event(7 + INTERVAL - 1), Say::Nothing);
        assert_eq!(rate.event(7 + INTERVAL), Say::This { left_out: 26 });
        assert_eq!(rate.event(8 + INTERVAL), Say::This { left_out: 0 });
    }

    #[test]
    fn what_was_left_out_is_told_when_nothing_follows() {
        let mut rate = Rate::default();
        for _ in 0..BURST {
            let _ = rate.event(7);
        }
        assert!(!rate.has_left_out());
        assert_eq!(rate.event(9), Say::Nothing);
        assert!(rate.has_left_out());
        assert_eq!(rate.rest(10), INTERVAL - 3);
        assert_eq!(rate.rest(7 + INTERVAL), 0);
        assert_eq!(rate.rest(9 + INTERVAL), 0);
        assert_eq!(rate.take_left_out(), 1);
        assert!(!rate.has_left_out());
        assert_eq!(rate.event(9 + INTERVAL), Say::This { left_out: 0 });
    }
}
