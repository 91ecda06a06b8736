// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The end of a context that signals fences. See [`context`](crate::context).

use crate::{
    armed::{
        Armed,
        InFlightFence,
        PendingFence, //
    },
    context::{
        Collected,
        End,
        FenceContext, //
    },
    evidence::{
        HwDone,
        RingStopped,
        Timeline, //
    },
    names::TimelineNames,
    own::{
        self,
        OwnFence, //
    }, //
};
use core::{
    ptr::{
        self,
        NonNull, //
    },
    task::Context, //
};
use kasync::{
    time::Delta,
    SignallingSection,
    TaskRef, //
};
use kernel::{
    error::{
        Error,
        Result, //
    },
    sync::atomic::Acquire, //
};

/// The end of a context that signals fences.
///
/// It is owned by the code that handles completions.
///
/// # Context
///
/// See the table of [`FenceContext`].
pub struct FenceSignaller {
    end: End,
    /// The sequence number of the next fence to signal.
    next: u64,
}

impl FenceSignaller {
    /// Returns the signaller of `end`'s context.
    pub(crate) fn new(end: End) -> Self {
        Self { end, next: 1 }
    }

    /// Returns the context whose fences this signals.
    pub(crate) fn context(&self) -> &FenceContext {
        &self.end
    }

    /// Returns the timeline of the fences.
    #[inline(always)]
    pub fn timeline(&self) -> Timeline {
        self.end.timeline()
    }

    /// Signals a fence whose job has completed.
    ///
    /// Evidence for another timeline is an API violation. Then, and if the fence is not the next
    /// one, or dependencies of the job have not signalled, the fence is orphaned.
    #[inline(always)]
    pub fn complete(&mut self, fence: InFlightFence, done: HwDone, _: &SignallingSection<'_>) {
        if let Some(armed) = fence.into_armed() {
            self.signal(armed, done.timeline(), done.result());
        }
    }

    /// Signals a fence whose job was in flight when the hardware has stopped.
    ///
    /// Evidence for another timeline is an API violation. Then, and if the fence is not the next
    /// one, or dependencies of the job have not signalled, the fence is orphaned.
    pub fn fail(
        &mut self,
        fence: InFlightFence,
        stopped: &RingStopped,
        error: Error,
        _: &SignallingSection<'_>,
    ) {
        if let Some(armed) = fence.into_armed() {
            self.signal(armed, stopped.timeline(), Err(error));
        }
    }

    /// Signals a fence whose job will not be submitted to the hardware.
    ///
    /// The fence must not signal before the job's dependencies have, since waiters of a fence rely
    /// on all work before it being done. Calling this earlier is an API violation. Then, and if the
    /// fence is not the next one, the fence is orphaned.
    pub fn cancel(&mut self, fence: PendingFence, _: &SignallingSection<'_>, error: Error) {
        if !fence.dependencies().test_signaled() {
            own::api_violation(c"a job was cancelled before its dependencies had signalled");
            return;
        }
        let (armed, _dependencies) = fence.into_parts();
        self.signal(armed, self.end.timeline(), Err(error));
    }

    #[inline(always)]
    fn signal(&mut self, armed: Armed, evidence: Timeline, result: Result) {
        let (timeline, seqno) = armed.id();
        if seqno != self.next || timeline != self.end.timeline() || evidence != timeline {
            self.refuse(armed, evidence);
            return;
        }
        self.next += 1;
        let error = result.err().map_or(0, Error::to_errno);
        // SAFETY: An `Armed` has not signalled. Its reference is passed on.
        unsafe { own::finish(armed.into_raw(), error) };
    }

    /// Orphans a fence instead of signalling it.
    #[cold]
    fn refuse(&self, armed: Armed, evidence: Timeline) {
        let (timeline, seqno) = armed.id();
        if timeline != self.end.timeline() {
            own::api_violation(c"a fence of another context was to be signalled");
        } else if evidence != timeline {
            own::api_violation(c"a fence was to be signalled with evidence for another timeline");
        } else {
            own::warn_out_of_order(&self.end, seqno);
        }
    }

    /// Signals with `error` the orphaned fences that are next on the timeline, and returns the
    /// number of those that are left.
    ///
    /// An orphaned fence after one that is pending or in flight is left until that has signalled,
    /// and one whose job has dependencies until they have, with all that come after it.
    /// Evidence for another timeline is an API violation, and no fence is signalled then.
    pub fn drain_orphans(
        &mut self,
        stopped: &RingStopped,
        error: Error,
        _: &SignallingSection<'_>,
    ) -> usize {
        self.collect();
        if stopped.timeline() != self.end.timeline() {
            own::api_violation(c"orphans were to be signalled with evidence for another timeline");
            return self.count();
        }
        while let Some(fence) = NonNull::new(self.collected(|c| c.first)) {
            // SAFETY: Orphans are armed, and the signaller owns the list.
            let seqno = unsafe { own::id(fence) }.1;
            if seqno != self.next {
                break;
            }
            // SAFETY: Orphans keep their dependencies, and the signaller owns the list.
            if unsafe { !(*own::dependencies(fence)).test_signaled() } {
                break;
            }
            self.next += 1;
            // SAFETY: Orphans are armed, and the signaller owns the list. The dependencies are not
            // read again.
            let (next, _dependencies) =
                unsafe { (*own::next(fence), own::dependencies(fence).read()) };
            self.collected(|c| {
                c.first = next;
                c.drained += 1;
            });
            // SAFETY: Orphans have not signalled. The list's reference is passed on.
            unsafe { own::finish(fence, error.to_errno()) };
        }
        self.count()
    }

    /// Calls `f` with the orphans that were collected.
    fn collected<R>(&mut self, f: impl FnOnce(&mut Collected) -> R) -> R {
        self.end.collected.with(|collected| {
            // SAFETY: Only the signaller accesses the cell, and it is borrowed mutably.
            f(unsafe { &mut *collected })
        })
    }

    /// Collects the orphans that were added since the last call.
    fn collect(&mut self) {
        let mut next = self.end.orphans.xchg(ptr::null_mut(), Acquire);
        while let Some(fence) = NonNull::new(next) {
            // SAFETY: Orphans are armed, and the exchange has taken the list.
            unsafe {
                next = *own::next(fence);
                self.insert(fence);
            }
        }
    }

    /// Inserts a fence in order. The list is mostly processed backwards, so the place is mostly the
    /// first.
    ///
    /// # Safety
    ///
    /// `fence` must be an orphan of this context, in no list.
    unsafe fn insert(&mut self, fence: NonNull<OwnFence>) {
        self.collected(|collected| {
            let mut link: *mut *mut OwnFence = &mut collected.first;
            // SAFETY: Orphans are armed. The signaller owns the list and the new one.
            unsafe {
                while let Some(other) = NonNull::new(*link) {
                    if own::id(other).1 > own::id(fence).1 {
                        break;
                    }
                    link = own::next(other);
                }
                *own::next(fence) = *link;
                *link = fence.as_ptr();
            }
        });
    }

    /// Returns the number of orphans that were collected and not signalled.
    fn count(&mut self) -> usize {
        let mut count = 0;
        let mut next = self.collected(|c| c.first);
        while let Some(fence) = NonNull::new(next) {
            // SAFETY: Orphans are armed, and the signaller owns the list.
            next = unsafe { *own::next(fence) };
            count += 1;
        }
        count
    }
}

impl FenceSignaller {
    /// Returns the names of the fences.
    pub fn names(&self) -> &'static TimelineNames {
        self.context().names()
    }

    /// Subscribes the task of `cx` to deadlines: it is woken when there is one to take. Only the
    /// first task that calls this is subscribed.
    pub fn subscribe_deadline(&self, cx: &Context<'_>) {
        if let Some(task) = TaskRef::of(cx) {
            self.context().deadlines().subscribe(task);
        }
    }

    /// Returns whether deadlines were set since the last call of [`FenceSignaller::next_deadline`].
    #[inline]
    pub fn has_deadline(&self) -> bool {
        self.context().deadlines().is_some()
    }

    /// Returns the time left until the soonest of the deadlines that were set since the last call.
    ///
    /// It is negative if the deadline has expired. Deadlines are hints.
    pub fn next_deadline(&self) -> Option<Delta> {
        self.context().deadlines().take()
    }
}

impl Drop for FenceSignaller {
    fn drop(&mut self) {
        // They cannot be signalled any more. `FenceContext::free()` handles them.
        let (mut next, drained) = self.collected(|c| (c.first, c.drained));
        while let Some(fence) = NonNull::new(next) {
            // SAFETY: Orphans are armed, and the signaller owns the list.
            unsafe {
                next = *own::next(fence);
                self.end.push(fence);
            }
        }
        let signalled = (self.next - 1).wrapping_sub(drained);
        // SAFETY: The end is dropped with this, and is not used again.
        unsafe { self.end.put(signalled.wrapping_neg()) };
    }
}
