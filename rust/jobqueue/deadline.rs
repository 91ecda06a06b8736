// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Deadlines: somebody wants a fence of the queue by a certain time (R18).
//!
//! The ring is told, and so are the fences that the queue's jobs wait for. Requests are merged, and
//! what one poll does is bounded, whatever userspace asks for:
//!
//! ```text
//!   request ─► earlier than the last one, by a millisecond?
//!                yes: tell the ring; walk over all jobs that wait
//!                no:  walk on, over the jobs that came since
//!   walk: at most WALK jobs and fences in a poll, then the task wakes itself
//! ```

use crate::{
    job::WaitList,
    Ring, //
};
use kasync::time::Delta;
use kernel::bindings;

/// How many jobs and fences are told in one poll, before the job that exceeds it is finished.
const WALK: usize = 256;

/// How much earlier a request has to be, and how much time has to pass, until the same jobs are
/// told again.
const STEP: Delta = Delta::from_millis(1);

/// No request.
const NONE: i64 = i64::MIN;

/// The earliest deadline that a queue's jobs have been told, if any.
pub(crate) struct Deadline {
    /// In nanoseconds of the monotonic clock, or [`NONE`].
    told: i64,
}

/// Returns the time in nanoseconds.
fn now() -> i64 {
    // SAFETY: The clock can be read in any context.
    unsafe { bindings::ktime_get() }
}

impl Deadline {
    /// Returns that there was no request.
    pub(crate) const fn new() -> Self {
        Self { told: NONE }
    }

    /// Forgets all requests: the jobs that they were for are over.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.told = NONE;
    }

    /// Handles the request that a job is complete within this time.
    #[cold]
    pub(crate) fn request<R: Ring>(
        &mut self,
        within: Delta,
        ring: &mut R,
        waiting: &mut WaitList<R>,
    ) {
        let now = now();
        let wanted = now.saturating_add(within.as_nanos().max(0));
        let step = STEP.as_nanos();
        // What has passed says nothing any more, but is not repeated for each request either.
        let again = self.told == NONE
            || self.told.saturating_add(step) <= now
            || wanted.saturating_add(step) <= self.told;
        if again {
            self.told = wanted;
            waiting.rewind();
            ring.set_deadline(within);
        }
    }

    /// Tells the fences that jobs wait for, from where the last walk has ended. Returns whether
    /// there are more.
    #[cold]
    pub(crate) fn walk<R: Ring>(&mut self, waiting: &mut WaitList<R>) -> bool {
        if self.told == NONE {
            return false;
        }
        let within = Delta::from_nanos(self.told.saturating_sub(now()));
        let mut left = WALK;
        while left > 0 {
            let Some(node) = waiting.advance() else {
                return false;
            };
            left -= 1;
            if let Some(fence) = node.pending() {
                fence.dependencies().set_deadline(within);
                left = left.saturating_sub(fence.dependencies().len());
            }
        }
        true
    }
}
