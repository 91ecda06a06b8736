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
            left_out: core::mem::take(&mut self.left_out),
        }
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
}
