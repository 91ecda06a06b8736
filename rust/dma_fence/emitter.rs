// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The end of a context that arms fences. See [`context`](crate::context).

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
    #[expect(clippy::new_ret_no_self, reason = "a context has two ends")]
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
/// Fences have to be published in the order in which they are armed, so the emitter is usually
/// protected by the lock that orders submissions.
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

    /// Arms a fence. From now on it may be published, and has to be signalled.
    ///
    /// The job of the fence runs after `dependencies` have signalled.
    #[inline(always)]
    pub fn arm(
        &mut self,
        reservation: FenceReservation,
        dependencies: FenceSet,
    ) -> (ARef<Fence>, PendingFence) {
        let own = reservation.into_raw();
        let seqno = self.next;
        self.next += 1;
        // SAFETY: The memory is from the reservation, which was consumed. The context is valid for
        // as long as the fence needs it, see the module `context`.
        unsafe { own::arm(own, &self.end, self.end.timeline(), seqno) };
        // SAFETY: `own::arm()` has created two references, of which this is the first.
        let fence = unsafe { Fence::from_raw(own.cast()) };
        // SAFETY: The fence was armed above. This is its second reference.
        let armed = unsafe { Armed::new(own) };
        (fence, PendingFence::new(armed, dependencies))
    }
}

impl Drop for FenceEmitter {
    fn drop(&mut self) {
        // SAFETY: The end is dropped with this, and is not used again.
        unsafe { self.end.put(self.next - 1) };
    }
}
