// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Lines of the log that a client can cause again and again.

use super::rate::{
    Rate,
    Say, //
};
use kernel::{
    device::Device,
    prelude::*,
    sync::aref::ARef,
    time::{
        Instant,
        Monotonic, //
    }, //
};

/// A rate limit on lines of the log, which says how many were left out.
///
/// A task owns it, so its calls are for process context.
pub(super) struct LogLimit {
    dev: ARef<Device>,
    rate: Rate,
    /// When it was made.
    started: Instant<Monotonic>,
    /// What the number of those that were left out is followed by.
    left_out: &'static str,
}

impl LogLimit {
    /// Returns a limit; `left_out` follows the number of lines that were left out, in a line.
    pub(super) fn new(dev: &Device, left_out: &'static str) -> Self {
        Self {
            dev: dev.into(),
            rate: Rate::default(),
            started: Instant::now(),
            left_out,
        }
    }

    /// Counts a line, and returns whether to print it.
    pub(super) fn tells(&mut self) -> bool {
        match self.rate.event(self.started.elapsed().as_nanos() as u64) {
            Say::Nothing => false,
            Say::This { left_out } => {
                if left_out != 0 {
                    dev_warn!(self.dev, "{left_out} {}\n", self.left_out);
                }
                true
            }
        }
    }
}
