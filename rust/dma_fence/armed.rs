// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The states of an own fence before it signals. See [`context`](crate::context).

use crate::{
    context::FenceContext,
    evidence::Timeline,
    own::{
        self,
        OwnFence, //
    },
    set::FenceSet, //
};
use core::{
    mem::ManuallyDrop,
    ops::Deref,
    ptr::NonNull,
    task::{
        self,
        Poll, //
    }, //
};
use kernel::error::Result;

/// The memory of a fence that was not armed. Dropping it frees the memory.
///
/// # Context
///
/// See the table of [`FenceContext`].
///
/// # Invariants
///
/// Points to memory from `own::alloc()`, which is owned and not initialised.
pub struct FenceReservation(NonNull<OwnFence>);

// SAFETY: The memory is owned, and is not tied to a thread.
unsafe impl Send for FenceReservation {}
// SAFETY: A shared reservation gives no access to the memory.
unsafe impl Sync for FenceReservation {}

impl FenceReservation {
    /// Allocates a fence.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline]
    pub fn new() -> Result<Self> {
        // INVARIANT: The memory is from `own::alloc()`.
        own::alloc().map(Self)
    }

    /// Returns the memory, which the caller owns.
    #[inline(always)]
    pub(crate) fn into_raw(self) -> NonNull<OwnFence> {
        ManuallyDrop::new(self).0
    }
}

impl Drop for FenceReservation {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant the memory is from `own::alloc()`. It is not used again.
        unsafe { own::free(self.0) };
    }
}

/// A fence that has to be signalled.
///
/// # Invariants
///
/// Points to a fence that is armed and has not signalled, and owns a reference to it. The fence's
/// context is valid, see [`context`](crate::context).
pub(crate) struct Armed(NonNull<OwnFence>);

// SAFETY: Fences may be used from any thread.
unsafe impl Send for Armed {}
// SAFETY: A shared armed fence gives access only to fields that do not change.
unsafe impl Sync for Armed {}

impl Armed {
    /// Returns the owner of a fence that has to be signalled.
    ///
    /// # Safety
    ///
    /// `fence` must be armed and not signalled. The caller passes on a reference, and it is the
    /// only one that is passed on.
    #[inline(always)]
    pub(crate) unsafe fn new(fence: NonNull<OwnFence>) -> Self {
        // INVARIANT: By the safety requirements.
        Self(fence)
    }

    /// Returns the reference. The caller has to signal the fence.
    #[inline(always)]
    pub(crate) fn into_raw(self) -> NonNull<OwnFence> {
        ManuallyDrop::new(self).0
    }

    /// Returns the timeline and the sequence number of the fence.
    #[inline(always)]
    pub(crate) fn id(&self) -> (Timeline, u64) {
        // SAFETY: By the type invariant the fence is armed and valid.
        unsafe { own::id(self.0) }
    }
}

impl Drop for Armed {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: By the type invariant the fence is armed, and its reference is passed on.
        unsafe { orphan(self.0) };
    }
}

/// Orphans a fence without dependencies, and says so. Out of line, and by value, so that a fence
/// that is not dropped need not be in memory.
///
/// # Safety
///
/// The requirements of [`Armed::new`], and `fence` must not be used again.
#[cold]
#[inline(never)]
unsafe fn orphan(fence: NonNull<OwnFence>) {
    // SAFETY: The fence meets the requirements of [`Armed::new`] and is not used again, by the
    // safety requirements.
    unsafe { orphan_depending(fence, FenceSet::default()) };
}

/// Orphans a fence, which does not signal before `dependencies` have, and says so. As [`orphan`].
///
/// # Safety
///
/// The requirements of [`orphan`].
#[cold]
#[inline(never)]
unsafe fn orphan_depending(fence: NonNull<OwnFence>, dependencies: FenceSet) {
    // SAFETY: By the safety requirements the fence is armed, and its context is valid until the
    // fence was orphaned.
    unsafe {
        own::dependencies(fence).write(dependencies);
        let context = own::context(fence);
        own::warn_orphaned(&*context, own::id(fence).1);
        FenceContext::orphan(context, fence);
    }
}

/// The fence of a job that was not submitted to the hardware yet.
///
/// # Context
///
/// See the table of [`FenceContext`].
#[must_use = "others may wait for the fence"]
pub struct PendingFence {
    armed: ManuallyDrop<Armed>,
    dependencies: ManuallyDrop<FenceSet>,
}

impl PendingFence {
    #[inline(always)]
    pub(crate) fn new(armed: Armed, dependencies: FenceSet) -> Self {
        Self {
            armed: ManuallyDrop::new(armed),
            dependencies: ManuallyDrop::new(dependencies),
        }
    }

    /// Returns the fence and its dependencies, without orphaning it.
    #[inline(always)]
    pub(crate) fn into_parts(self) -> (Armed, FenceSet) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: Neither field is used again.
        unsafe {
            (
                ManuallyDrop::take(&mut this.armed),
                ManuallyDrop::take(&mut this.dependencies),
            )
        }
    }

    /// Returns the context and the sequence number of the fence.
    pub fn id(&self) -> (u64, u64) {
        let (timeline, seqno) = self.armed.id();
        (timeline.id(), seqno)
    }

    /// Returns the fences that the job waits for.
    #[inline(always)]
    pub fn dependencies(&self) -> &FenceSet {
        &self.dependencies
    }

    /// Returns the fences that the job waits for, for polling.
    #[inline(always)]
    pub fn dependencies_mut(&mut self) -> Dependencies<'_> {
        Dependencies(&mut self.dependencies)
    }

    /// Returns the fence for the state in which the job was submitted to the hardware.
    ///
    /// Calling this before the dependencies have signalled is an API violation. The fence is
    /// orphaned then if it is to signal before they have.
    #[inline(always)]
    pub fn submitted(self) -> InFlightFence {
        let (armed, dependencies) = self.into_parts();
        // A set that was polled until it was ready is empty.
        if dependencies.is_empty() {
            // INVARIANT: The address is even.
            InFlightFence(armed.into_raw())
        } else {
            InFlightFence::with(armed, dependencies)
        }
    }
}

impl Drop for PendingFence {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: Neither field is used again.
        let (armed, dependencies) = unsafe {
            (
                ManuallyDrop::take(&mut self.armed),
                ManuallyDrop::take(&mut self.dependencies),
            )
        };
        if dependencies.is_empty() {
            drop(armed);
        } else {
            // SAFETY: By the type invariant the fence is armed, and its reference is passed on.
            unsafe { orphan_depending(armed.into_raw(), dependencies) };
        }
    }
}

/// The dependencies of a pending fence. They can be polled but not replaced.
///
/// # Context
///
/// See the table of [`FenceContext`].
pub struct Dependencies<'a>(&'a mut FenceSet);

impl Dependencies<'_> {
    /// Polls the dependencies. See [`FenceSet::poll_all`].
    #[inline(always)]
    pub fn poll_all(&mut self, cx: &mut task::Context<'_>) -> Poll<Result> {
        self.0.poll_all(cx)
    }
}

impl Deref for Dependencies<'_> {
    type Target = FenceSet;

    #[inline(always)]
    fn deref(&self) -> &FenceSet {
        self.0
    }
}

/// The bit of [`InFlightFence`] for a job that was submitted early.
const EARLY: usize = 1;
const _: () = assert!(align_of::<OwnFence>() > EARLY);

/// The fence of a job that was submitted to the hardware.
///
/// # Context
///
/// See the table of [`FenceContext`].
///
/// # Invariants
///
/// The address of a fence as in `Armed`, plus `EARLY` if the job was submitted before its
/// dependencies had signalled. Then the fence keeps them.
#[must_use = "others may wait for the fence"]
pub struct InFlightFence(NonNull<OwnFence>);

// SAFETY: Fences, and sets of dependencies, may be used from any thread.
unsafe impl Send for InFlightFence {}
// SAFETY: A shared one gives access only to fields that do not change.
unsafe impl Sync for InFlightFence {}

impl InFlightFence {
    /// Returns the fence of a job with dependencies that were not polled until they were ready.
    #[cold]
    #[inline(never)]
    fn with(armed: Armed, dependencies: FenceSet) -> Self {
        let fence = armed.into_raw();
        if dependencies.test_signaled() {
            // INVARIANT: The address is even.
            return Self(fence);
        }
        own::api_violation(c"a job was submitted before its dependencies had signalled");
        // SAFETY: The fence is armed, and longer than that.
        unsafe {
            own::dependencies(fence).write(dependencies);
            // INVARIANT: The fence keeps the dependencies.
            Self(fence.byte_add(EARLY))
        }
    }

    #[inline(always)]
    fn is_early(&self) -> bool {
        self.0.addr().get() & EARLY != 0
    }

    #[inline]
    fn fence(&self) -> NonNull<OwnFence> {
        if self.is_early() {
            // SAFETY: By the type invariant the fence begins there.
            unsafe { self.0.byte_sub(EARLY) }
        } else {
            self.0
        }
    }

    /// Returns the fence, which then has to be signalled, and the dependencies that it keeps.
    fn into_parts(self) -> (Armed, FenceSet) {
        let this = ManuallyDrop::new(self);
        let fence = this.fence();
        let dependencies = if this.is_early() {
            // SAFETY: By the type invariant the fence keeps them. They are not read again.
            unsafe { own::dependencies(fence).read() }
        } else {
            FenceSet::default()
        };
        (Armed(fence), dependencies)
    }

    /// Returns the fence for signalling. Orphans it, and returns `None`, if dependencies of its job
    /// have not signalled.
    #[inline(always)]
    pub(crate) fn into_armed(self) -> Option<Armed> {
        if !self.is_early() {
            return Some(Armed(ManuallyDrop::new(self).0));
        }
        self.into_armed_early()
    }

    #[cold]
    #[inline(never)]
    fn into_armed_early(self) -> Option<Armed> {
        let (armed, dependencies) = self.into_parts();
        if dependencies.test_signaled() {
            return Some(armed);
        }
        drop(PendingFence::new(armed, dependencies));
        None
    }

    /// Returns the context and the sequence number of the fence.
    pub fn id(&self) -> (u64, u64) {
        // SAFETY: By the type invariant the fence is armed and valid.
        let (timeline, seqno) = unsafe { own::id(self.fence()) };
        (timeline.id(), seqno)
    }
}

impl Drop for InFlightFence {
    #[inline(always)]
    fn drop(&mut self) {
        // INVARIANT: It passes on all that this one has, and this one is not used again.
        orphan_in_flight(Self(self.0));
    }
}

/// Orphans a fence with the dependencies that it keeps. By value, see [`orphan`].
#[cold]
#[inline(never)]
fn orphan_in_flight(fence: InFlightFence) {
    let (armed, dependencies) = fence.into_parts();
    drop(PendingFence::new(armed, dependencies));
}
