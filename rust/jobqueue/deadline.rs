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
    job::Fifo,
    Ring, //
};
use kasync::time::{
    Delta,
    Instant, //
};

/// How many jobs and fences are told in one poll, before the job that exceeds it is finished.
const WALK: usize = 256;

/// How much earlier a request has to be, and how much time has to pass, until the same jobs are told
/// again.
const STEP: Delta = Delta::from_millis(1);

/// The deadline that a queue's jobs have been told, if any.
pub(crate) struct Deadline {
    /// The earliest request, and when the walk for it began.
    told: Option<(Instant, Instant)>,
    /// The walk has not come to the end.
    pub(crate) is_walking: bool,
}

impl Deadline {
    /// Returns that there was no request.
    pub(crate) const fn new() -> Self {
        Self {
            told: None,
            is_walking: false,
        }
    }

    /// Forgets all requests: the jobs that they were for are over.
    #[inline]
    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Handles the request that a job is complete within this time.
    #[cold]
    pub(crate) fn request<R: Ring>(&mut self, within: Delta, ring: &mut R, waiting: &mut Fifo<R>) {
        let now = Instant::now();
        let wanted = now + Delta::from_nanos(within.as_nanos().max(0));
        let again = match self.told {
            None => true,
            // What has passed says nothing any more, but is not repeated for each request either.
            Some((told, at)) if (told - now).is_negative() => now - at >= STEP,
            Some((told, _)) => told - wanted >= STEP,
        };
        if again {
            self.told = Some((wanted, now));
            waiting.rewind();
            ring.set_deadline(within);
        }
        self.is_walking = true;
    }

    /// Tells the fences that jobs wait for, from where the last walk has ended. Returns whether there
    /// are more.
    #[cold]
    pub(crate) fn walk<R: Ring>(&mut self, waiting: &mut Fifo<R>) -> bool {
        let Some((told, _)) = self.told else {
            self.is_walking = false;
            return false;
        };
        let within = told - Instant::now();
        let mut left = WALK;
        while left > 0 {
            let Some(node) = waiting.advance() else {
                self.is_walking = false;
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
