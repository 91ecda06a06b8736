// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The end of a context that arms fences: see [`context`](crate::context).

use crate::{
    armed::{
        Armed,
        FenceReservation,
        PendingFence, //
    },
    context::{
        End,
        FenceContext, //
    },
    evidence::Timeline,
    fence::{
        ARef,
        Fence, //
    },
    names::Names,
    own,
    set::FenceSet,
    signaller::FenceSignaller, //
};
use kernel::error::Result;

impl FenceContext {
    /// Creates a context, and returns its two ends.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[expect(clippy::new_ret_no_self)]
    pub fn new(names: &'static Names) -> Result<(FenceEmitter, FenceSignaller)> {
        let (emits, signals) = Self::ends(names)?;
        let emitter = FenceEmitter {
            end: emits,
            next: 1,
        };
        Ok((emitter, FenceSignaller::new(signals)))
    }
}

/// The end of a context that arms fences.
///
/// Fences have to be published in the order in which they are armed, so the emitter belongs behind
/// the lock that orders submission.
///
/// # Context
///
/// See the table of [`FenceContext`].
pub struct FenceEmitter {
    end: End,
    /// The next sequence number.
    next: u64,
}

impl FenceEmitter {
    /// Returns the timeline of the fences.
    pub fn timeline(&self) -> Timeline {
        self.end.timeline()
    }

    /// Arms a fence: others may wait for it from now on, and it has to be signalled.
    ///
    /// The job that the fence stands for runs after `dependencies` have signalled.
    #[inline(always)]
    pub fn arm(
        &mut self,
        reservation: FenceReservation,
        dependencies: FenceSet,
    ) -> (ARef<Fence>, PendingFence) {
        let own = reservation.into_raw();
        let seqno = self.next;
        self.next += 1;
        // SAFETY: The memory is the reservation's, which is used up. The context stays, see the
        // module.
        unsafe { own::arm(own, &self.end, self.end.timeline(), seqno) };
        // SAFETY: The first of the two references.
        let fence = unsafe { Fence::from_raw(own.cast()) };
        // SAFETY: Just armed; the second of the two references.
        let armed = unsafe { Armed::new(own) };
        (fence, PendingFence::new(armed, dependencies))
    }
}

impl Drop for FenceEmitter {
    fn drop(&mut self) {
        // SAFETY: This end goes.
        unsafe { self.end.put(self.next - 1) };
    }
}
