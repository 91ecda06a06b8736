// SPDX-License-Identifier: MIT OR Apache-2.0

//! The lines of the log: so many a second at most, whatever a driver does.

use crate::machine::{Time, MS};

/// Lines of a second.
const MOST: u32 = 200;

/// What was said in the last second.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    since: Time,
    said: u32,
    left_out: u64,
}

impl Lines {
    /// Whether there is room for a line, and how many were left out before, which is said first.
    pub(crate) fn admit(&mut self, now: Time) -> Option<u64> {
        if now >= self.since + 1000 * MS {
            (self.since, self.said) = (now, 0);
        }
        if self.said == MOST {
            self.left_out += 1;
            return None;
        }
        self.said += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}
