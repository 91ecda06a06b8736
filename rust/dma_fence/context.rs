// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fences of a driver's own.
//!
//! ```text
//!               FenceEmitter::arm()       submitted()          FenceSignaller::complete(), fail()
//!  FenceReservation ─────► PendingFence ─────► InFlightFence ──────────────────► signalled
//!    │ drop: freed           │   │ FenceSignaller::cancel()   │ drop                 ▲  ▲
//!    ▼                       │   └────────────────────────────┼──────────────────────┘  │
//!  nothing has happened      │ drop                           ▼                         │
//!                            └───────────────────────────► orphaned ────────────────────┘
//!                                                             FenceSignaller::drain_orphans()
//! ```
//!
//! A context has two ends. [`FenceEmitter`] arms fences: it takes the next sequence number, cannot
//! fail, and leaves no holes; the fences have to be published in this order. [`FenceSignaller`]
//! signals them in the same order: a fence that is not the next one is orphaned (H19).
//!
//! Dropping an armed fence does not signal it, since others would reuse memory that the hardware
//! may still write: the fence is *orphaned*, and can only be signalled with the evidence that the
//! hardware has stopped.
//!
//! # Lifetime of the context
//!
//! An armed fence points to its context, and owns no reference to it: that would be two atomic
//! operations more for each fence. When both ends have gone, `word` tells how many fences were
//! armed and have neither signalled nor been orphaned. If there is one the context is not freed any
//! more.
//!
//! | who | changes `word` by |
//! |---|---|
//! | emitter, when it goes | +1 end, + fences that it has armed |
//! | signaller, when it goes | +1 end, - fences that it was given and has signalled |
//! | a fence, when it is orphaned | -1 fence, its last access of the context |
//!
//! A context keeps the module of this crate from being unloaded. It gives that up when it is freed,
//! unless there is an orphaned fence: that may be asked for its names for ever. So may a fence that
//! was forgotten, whose context is never freed.
//!
//! # Memory ordering
//!
//! | store | load | why |
//! |---|---|---|
//! | orphan: `cmpxchg` of `orphans` (full) | drain: `xchg` of `orphans` (acquire) | the link |
//! | all: `fetch_add`, `fetch_sub` of `word` (release, or full) | last end (full) | freeing |

use crate::{
    deadline::Deadlines,
    names::{
        Names, //
        TimelineNames,
    },
    own::{
        self,
        OwnFence, //
    },
    set::FenceSet, //
};
use core::{
    mem::ManuallyDrop,
    ops::Deref,
    ptr::{
        self,
        NonNull, //
    },
    task::{
        self,
        Poll, //
    }, //
};
use kasync::{
    SignallingSection,
    __OwnedCell as Owned, //
};
use kernel::{
    alloc::{
        flags::GFP_KERNEL_ACCOUNT,
        KBox, //
    },
    error::{
        Error,
        Result, //
    },
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed,
        Release, //
    }, //
};

pub use crate::evidence::{
    HwDone,
    RingStopped,
    Timeline, //
};
use crate::fence::{
    ARef,
    Fence, //
};

/// One of the two ends, in the low bits of [`FenceContext::word`].
const END: u64 = 1;
/// A fence that was armed, in the high bits, which wrap around.
const FENCE: u64 = 1 << 8;

/// Where the fences of one queue come from.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new`, `FenceReservation::new` | yes | no (allocate) | no |
/// | `arm`, `submitted` | yes | yes | no |
/// | drop of an armed fence | yes | yes | yes |
/// | `complete`, `fail`, `cancel`, `drain_orphans` | no (need the witness) | yes | no |
/// | `subscribe_deadline`, `next_deadline` | yes | yes | yes |
pub struct FenceContext {
    names: &'static TimelineNames,
    timeline: Timeline,
    deadlines: Deadlines,
    /// Fences that were orphaned and not collected yet, the last one first.
    orphans: Atomic<*mut OwnFence>,
    /// See the module.
    word: Atomic<u64>,
    /// The signaller's: here, as it is needed rarely, and the memory is there.
    collected: Owned<Collected>,
}

/// What the signaller has of orphans.
struct Collected {
    /// The orphans that it has taken out of [`FenceContext::orphans`], in order.
    first: *mut OwnFence,
    /// How many orphans were signalled.
    drained: u64,
}

impl FenceContext {
    /// Creates a context, and returns its two ends.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[expect(clippy::new_ret_no_self)]
    pub fn new(names: &'static Names) -> Result<(FenceEmitter, FenceSignaller)> {
        let context = KBox::new(
            Self {
                names: names.copied()?,
                timeline: own::new_timeline(),
                deadlines: Deadlines::new(),
                orphans: Atomic::new(ptr::null_mut()),
                word: Atomic::new(0),
                collected: Owned::new(Collected {
                    first: ptr::null_mut(),
                    drained: 0,
                }),
            },
            GFP_KERNEL_ACCOUNT,
        )?;
        // Given back in `free()`.
        own::get_module();
        let context = NonNull::from(KBox::leak(context));
        // INVARIANT: The context was just made, and each end exists once.
        let emitter = FenceEmitter {
            end: End(context),
            next: 1,
        };
        let signaller = FenceSignaller {
            end: End(context),
            next: 1,
        };
        Ok((emitter, signaller))
    }

    pub(crate) fn names(&self) -> &'static TimelineNames {
        self.names
    }

    pub(crate) fn timeline(&self) -> Timeline {
        self.timeline
    }

    pub(crate) fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }

    /// Takes in an armed fence that its owner gives up, and its reference.
    ///
    /// # Safety
    ///
    /// `fence` must be an armed fence of this context, in no list, and not be used by the caller
    /// again. Nor may the context be, which the caller need not keep.
    #[cold]
    unsafe fn orphan(this: *const Self, fence: NonNull<OwnFence>) {
        // SAFETY: The fence is armed, so the context is valid until `word` is changed below.
        let context = unsafe { &*this };
        // SAFETY: By the safety requirements.
        unsafe { context.push(fence) };
        context.word.fetch_sub(FENCE, Release);
    }

    /// Links an orphan into the list.
    ///
    /// # Safety
    ///
    /// `fence` must be an armed fence of this context, in no list, of which a reference is passed
    /// on.
    unsafe fn push(&self, fence: NonNull<OwnFence>) {
        let mut first = self.orphans.load(Relaxed);
        loop {
            // SAFETY: The fence is in no list, so the link is the caller's.
            unsafe { *own::next(fence) = first };
            match self.orphans.cmpxchg(first, fence.as_ptr(), Full) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }

    /// Gives up one of the two ends, which changes the number of armed fences by `fences`.
    ///
    /// # Safety
    ///
    /// To be called once by each end, which does not use the context any more.
    unsafe fn put(this: NonNull<Self>, fences: u64) {
        let change = fences.wrapping_mul(FENCE).wrapping_add(END);
        // SAFETY: The end has kept the context until now.
        let context = unsafe { this.as_ref() };
        let word = context.word.fetch_add(change, Full).wrapping_add(change);
        if word == 2 * END {
            // SAFETY: Both ends have gone, and no fence is armed that points here and was not
            // orphaned. The operation above has ordered all that they did before.
            unsafe { Self::free(this) };
        } else if word % FENCE == 2 * END {
            own::warn_left_behind(context);
        }
    }

    /// Frees a context.
    ///
    /// # Safety
    ///
    /// There must be no armed fence but those in the list of orphans, and no ends.
    pub(crate) unsafe fn free(this: NonNull<Self>) {
        // SAFETY: By the safety requirements it is this function's.
        let context = unsafe { this.as_ref() };
        let mut lost = false;
        let mut next = context.orphans.load(Relaxed);
        while let Some(fence) = NonNull::new(next) {
            // SAFETY: Orphans are armed, and the list has a reference to each, which is never given
            // back.
            unsafe {
                next = *own::next(fence);
                own::lose(fence);
                own::warn_lost(context, own::id(fence).1);
            }
            lost = true;
        }
        // SAFETY: From `KBox::leak()` in `new()`, and not used any more by the safety requirements.
        unsafe { own::free_context(this) };
        if !lost {
            // SAFETY: For the call in `new()`. The context has nothing to do with any fence any
            // more.
            unsafe { own::put_module() };
        }
    }
}

/// One of the two ends of a context.
///
/// # Invariants
///
/// Points to a context that stays until [`FenceContext::put`] is called for this end.
struct End(NonNull<FenceContext>);

// SAFETY: Nothing in a `FenceContext` belongs to a thread.
unsafe impl Send for End {}
// SAFETY: What is shared of a `FenceContext` is atomic; the rest is the signaller's.
unsafe impl Sync for End {}

impl Deref for End {
    type Target = FenceContext;

    #[inline(always)]
    fn deref(&self) -> &FenceContext {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_ref() }
    }
}

/// The end of a context that arms fences.
///
/// Fences have to be published in the order in which they are armed, so the emitter belongs behind
/// the lock that orders submission.
pub struct FenceEmitter {
    end: End,
    /// The next sequence number.
    next: u64,
}

impl FenceEmitter {
    /// Returns the timeline of the fences.
    pub fn timeline(&self) -> Timeline {
        self.end.timeline
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
        let own = ManuallyDrop::new(reservation).0;
        let seqno = self.next;
        self.next += 1;
        // SAFETY: The memory is the reservation's, which is used up. The context stays, see the
        // module.
        unsafe { own::arm(own, &self.end, self.end.timeline, seqno) };
        // SAFETY: The first of the two references.
        let fence = unsafe { Fence::from_raw(own.cast()) };
        // INVARIANT: Just armed; the second of the two references.
        let armed = Armed(own);
        (
            fence,
            PendingFence {
                armed,
                dependencies,
            },
        )
    }
}

impl Drop for FenceEmitter {
    fn drop(&mut self) {
        // SAFETY: This end goes.
        unsafe { FenceContext::put(self.end.0, self.next - 1) };
    }
}

/// The end of a context that signals fences.
///
/// It belongs to the code that knows when jobs are over.
pub struct FenceSignaller {
    end: End,
    /// The sequence number of the next fence to signal.
    next: u64,
}

impl FenceSignaller {
    pub(crate) fn context(&self) -> &FenceContext {
        &self.end
    }

    /// Returns the timeline of the fences.
    #[inline(always)]
    pub fn timeline(&self) -> Timeline {
        self.end.timeline
    }

    /// Signals a fence whose job the hardware has done.
    ///
    /// Evidence for another timeline is an API violation. Then, and if it is not the fence's turn,
    /// the fence is orphaned.
    #[inline]
    pub fn complete(&mut self, fence: InFlightFence, done: HwDone, _: &SignallingSection<'_>) {
        self.signal(fence.0, done.timeline(), done.result());
    }

    /// Signals a fence whose job the hardware had when it stopped.
    ///
    /// Evidence for another timeline is an API violation. Then, and if it is not the fence's turn,
    /// the fence is orphaned.
    pub fn fail(
        &mut self,
        fence: InFlightFence,
        stopped: &RingStopped,
        error: Error,
        _: &SignallingSection<'_>,
    ) {
        self.signal(fence.0, stopped.timeline(), Err(error));
    }

    /// Signals a fence whose job will never be given to the hardware.
    ///
    /// The fence must not signal before the dependencies of the job have: others conclude from a
    /// fence that all before it is over. Calling this earlier is an API violation. Then, and if it
    /// is not the fence's turn, the fence is orphaned.
    pub fn cancel(&mut self, fence: PendingFence, _: &SignallingSection<'_>, error: Error) {
        let PendingFence {
            armed,
            dependencies,
        } = fence;
        if !dependencies.test_signaled() {
            own::api_violation(c"a job was cancelled before its dependencies had signalled");
            return;
        }
        self.signal(armed, self.end.timeline, Err(error));
    }

    #[inline(always)]
    fn signal(&mut self, armed: Armed, evidence: Timeline, result: Result) {
        let (timeline, seqno) = armed.id();
        if seqno != self.next || timeline != self.end.timeline || evidence != timeline {
            self.refuse(armed, evidence);
            return;
        }
        self.next += 1;
        let armed = ManuallyDrop::new(armed);
        let error = result.err().map_or(0, Error::to_errno);
        // SAFETY: By the type invariant the fence has not signalled, and the reference is passed
        // on.
        unsafe { own::finish(armed.0, error) };
    }

    /// Orphans a fence instead of signalling it.
    #[cold]
    fn refuse(&self, armed: Armed, evidence: Timeline) {
        let (timeline, seqno) = armed.id();
        if timeline != self.end.timeline {
            own::api_violation(c"a fence of another context was to be signalled");
        } else if evidence != timeline {
            own::api_violation(c"a fence was to be signalled with evidence for another timeline");
        } else {
            own::warn_out_of_order(&self.end, seqno);
        }
    }

    /// Signals with `error` those orphans that are next on the timeline, and returns how many are
    /// left.
    ///
    /// An orphan behind a fence that is still pending or in flight stays until that has signalled.
    /// Evidence for another timeline is an API violation: nothing is signalled then.
    pub fn drain_orphans(
        &mut self,
        stopped: &RingStopped,
        error: Error,
        _: &SignallingSection<'_>,
    ) -> usize {
        self.collect();
        if stopped.timeline() != self.end.timeline {
            own::api_violation(c"orphans were to be signalled with evidence for another timeline");
            return self.count();
        }
        while let Some(fence) = NonNull::new(self.collected(|c| c.first)) {
            // SAFETY: Orphans are armed, and the list is ours.
            let seqno = unsafe { own::id(fence) }.1;
            if seqno != self.next {
                break;
            }
            self.next += 1;
            // SAFETY: Orphans are armed, and the list is ours.
            let next = unsafe { *own::next(fence) };
            self.collected(|c| {
                c.first = next;
                c.drained += 1;
            });
            // SAFETY: Orphans have not signalled; the list's reference is passed on.
            unsafe { own::finish(fence, error.to_errno()) };
        }
        self.count()
    }

    /// Calls `f` with what was collected.
    fn collected<R>(&mut self, f: impl FnOnce(&mut Collected) -> R) -> R {
        self.end.collected.with(|collected| {
            // SAFETY: Only the signaller accesses what was collected, and it is borrowed mutably.
            f(unsafe { &mut *collected })
        })
    }

    /// Takes in the orphans that have come since the last time.
    fn collect(&mut self) {
        let mut next = self.end.orphans.xchg(ptr::null_mut(), Acquire);
        while let Some(fence) = NonNull::new(next) {
            // SAFETY: Orphans are armed, and this list is ours now.
            unsafe {
                next = *own::next(fence);
                self.insert(fence);
            }
        }
    }

    /// Inserts a fence. The list is mostly taken in backwards, so its place is mostly the first.
    ///
    /// # Safety
    ///
    /// `fence` must be an orphan of this context, in no list.
    unsafe fn insert(&mut self, fence: NonNull<OwnFence>) {
        self.collected(|collected| {
            let mut link: *mut *mut OwnFence = &mut collected.first;
            // SAFETY: Orphans are armed, and both the list and the new one are ours.
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

    fn count(&mut self) -> usize {
        let mut count = 0;
        let mut next = self.collected(|c| c.first);
        while let Some(fence) = NonNull::new(next) {
            // SAFETY: Orphans are armed, and the list is ours.
            next = unsafe { *own::next(fence) };
            count += 1;
        }
        count
    }
}

impl Drop for FenceSignaller {
    fn drop(&mut self) {
        // Nobody can drain them any more. `FenceContext::free()` deals with them.
        let (mut next, drained) = self.collected(|c| (c.first, c.drained));
        while let Some(fence) = NonNull::new(next) {
            // SAFETY: Orphans are armed, and the list is ours.
            unsafe {
                next = *own::next(fence);
                self.end.push(fence);
            }
        }
        let signalled = (self.next - 1).wrapping_sub(drained);
        // SAFETY: This end goes.
        unsafe { FenceContext::put(self.end.0, signalled.wrapping_neg()) };
    }
}

/// The memory for a fence. Dropping it frees the memory.
///
/// # Invariants
///
/// Points to memory from `own::alloc()`, which is owned and not initialised.
pub struct FenceReservation(NonNull<OwnFence>);

// SAFETY: The memory is owned, and belongs to no thread.
unsafe impl Send for FenceReservation {}
// SAFETY: Nothing can be done with a shared reservation.
unsafe impl Sync for FenceReservation {}

impl FenceReservation {
    /// Allocates a fence.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline]
    pub fn new() -> Result<Self> {
        // INVARIANT: Just allocated.
        own::alloc().map(Self)
    }
}

impl Drop for FenceReservation {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { own::free(self.0) };
    }
}

/// A fence that has to be signalled.
///
/// # Invariants
///
/// Points to a fence that was armed and has not signalled, of which it owns a reference. The
/// context of the fence stays: see the module.
struct Armed(NonNull<OwnFence>);

// SAFETY: Fences may be used from any thread.
unsafe impl Send for Armed {}
// SAFETY: What can be done with a shared armed fence is to read fields that do not change.
unsafe impl Sync for Armed {}

impl Armed {
    #[inline(always)]
    fn id(&self) -> (Timeline, u64) {
        // SAFETY: By the type invariant.
        unsafe { own::id(self.0) }
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the context stays at least until the fence is orphaned.
        unsafe {
            let context = own::context(self.0);
            own::warn_orphaned(&*context, self.id().1);
            FenceContext::orphan(context, self.0);
        }
    }
}

/// The fence of a job that the hardware does not have yet.
#[must_use = "others may wait for the fence"]
pub struct PendingFence {
    armed: Armed,
    dependencies: FenceSet,
}

impl PendingFence {
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

    /// Returns the fences that the job waits for, to be polled.
    #[inline(always)]
    pub fn dependencies_mut(&mut self) -> Dependencies<'_> {
        Dependencies(&mut self.dependencies)
    }

    /// Tells that the hardware has the job. What has not signalled of the dependencies is the
    /// hardware's to wait for.
    #[inline(always)]
    pub fn submitted(self) -> InFlightFence {
        InFlightFence(self.armed)
    }
}

/// The dependencies of a pending fence, which can be polled, and not be exchanged for others.
pub struct Dependencies<'a>(&'a mut FenceSet);

impl Dependencies<'_> {
    /// Polls all of them: see [`FenceSet::poll_all`].
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

/// The fence of a job that the hardware has.
#[must_use = "others may wait for the fence"]
pub struct InFlightFence(Armed);

impl InFlightFence {
    /// Returns the context and the sequence number of the fence.
    pub fn id(&self) -> (u64, u64) {
        let (timeline, seqno) = self.0.id();
        (timeline.id(), seqno)
    }
}
