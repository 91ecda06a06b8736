// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Deadlines: hints that a fence of the queue is needed by a certain time (R18).
//!
//! They are passed on to the ring, and to the fences that the queue's jobs wait for. Requests are
//! merged, and the work of one poll is bounded, whatever userspace requests:
//!
//! ```text
//!   request ─► earlier than the last one, by a millisecond?
//!                yes: tell the ring; walk over all jobs that wait
//!                no:  continue the walk, over the jobs that came since
//!   walk: over WALK jobs and fences in a poll, then the task wakes itself
//! ```
//!
//! The set of one job is not divided. So the last job of a poll may add up to
//! [`FenceSet::MAX_LEAVES`](dma_fence::FenceSet::MAX_LEAVES) fences.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)

use crate::{
    job::WaitList,
    submit_list::Walk,
    Ring, //
};
use kasync::time::Delta;
use kernel::bindings;

/// The number of jobs and fences in one poll after which a walk pauses.
const WALK: usize = 256;

/// The time by which a request has to be earlier than the last one, or later than its expiry, for
/// the same jobs to be walked again.
const STEP: Delta = Delta::from_millis(1);

/// The value of [`Deadline::told`] without a request.
const NONE: i64 = i64::MIN;

/// The earliest deadline that was passed on to a queue's jobs, if any.
pub(crate) struct Deadline {
    /// The deadline in nanoseconds of the monotonic clock, or [`NONE`].
    told: i64,
}

/// Returns the time in nanoseconds.
fn now() -> i64 {
    // SAFETY: The clock can be read in any context.
    unsafe { bindings::ktime_get() }
}

impl Deadline {
    /// Returns a deadline without a request.
    pub(crate) const fn new() -> Self {
        Self { told: NONE }
    }

    /// Forgets all requests, when all jobs that they were for have completed.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.told = NONE;
    }

    /// Handles a request that jobs complete within this time.
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
        // A deadline that has expired is replaced, but not by each of many requests.
        let again = self.told == NONE
            || self.told.saturating_add(step) <= now
            || wanted.saturating_add(step) <= self.told;
        if again {
            self.told = wanted;
            waiting.rewind(Walk::Deadline);
            ring.set_deadline(within);
        }
    }

    /// Passes the deadline on to the fences that jobs wait for, from the end of the last walk.
    /// Returns whether there are more.
    #[cold]
    pub(crate) fn walk<R: Ring>(&mut self, waiting: &mut WaitList<R>) -> bool {
        if self.told == NONE {
            return false;
        }
        let within = Delta::from_nanos(self.told.saturating_sub(now()));
        let mut left = WALK;
        while left > 0 {
            let Some(node) = waiting.advance(Walk::Deadline) else {
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
