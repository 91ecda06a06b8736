// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Lines of the log that a client can cause again and again.

use super::rate::{
    Rate,
    Say, //
};
use core::{
    future::Future,
    pin::pin, //
};
use kasync::{
    select,
    time,
    Either, //
};
use kernel::{
    device::Device,
    prelude::*,
    sync::aref::ARef,
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

/// A rate limit on lines of the log, which says how many were left out: before the next line, or if
/// there is none, at the end of the interval, or when it is dropped.
///
/// A task owns it, so its calls are for process context.
pub(super) struct LogLimit {
    dev: ARef<Device>,
    rate: Rate,
    /// The time at which the limit was made.
    started: Instant<Monotonic>,
    /// The text that follows the number of lines that were left out.
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
                self.print(left_out);
                true
            }
        }
    }

    /// Returns whether lines were left out and their number was not printed yet. Callers of
    /// [`LogLimit::during`] look first: to poll one future within another takes about 200
    /// instructions, each time that the firmware has an event.
    pub(super) fn has_left_out(&self) -> bool {
        self.rate.has_left_out()
    }

    /// Waits for `future`. Prints meanwhile how many lines were left out, when the interval is over
    /// in which they were. As cancel safe as `future` is.
    pub(super) async fn during<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        while self.has_left_out() {
            let rest = self.rate.rest(self.started.elapsed().as_nanos() as u64);
            let rest = time::sleep(Delta::from_nanos(rest as i64));
            if let Either::Left(output) = select(future.as_mut(), rest).await {
                return output;
            }
            self.print_left_out();
        }
        future.await
    }

    fn print_left_out(&mut self) {
        let left_out = self.rate.take_left_out();
        self.print(left_out);
    }

    fn print(&self, left_out: u32) {
        if left_out != 0 {
            dev_warn!(self.dev, "{left_out} {}\n", self.left_out);
        }
    }
}

impl Drop for LogLimit {
    fn drop(&mut self) {
        self.print_left_out();
    }
}
