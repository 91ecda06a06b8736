// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A driver's own fences, and their contexts.
//!
//! ```text
//!               FenceEmitter::arm()       submitted()          FenceSignaller::complete(), fail()
//!  FenceReservation ─────► PendingFence ─────► InFlightFence ──────────────────► signalled
//!    │ drop: freed           │   │ FenceSignaller::cancel()   │ drop                 ▲  ▲
//!    ▼                       │   └────────────────────────────┼──────────────────────┘  │
//!  not published             │ drop                           ▼                         │
//!                            └───────────────────────────► orphaned ────────────────────┘
//!                                                             FenceSignaller::drain_orphans()
//! ```
//!
//! A context has two ends. [`FenceEmitter`](crate::FenceEmitter) arms fences. Arming assigns the
//! next sequence number, cannot fail, and leaves no gaps. The fences have to be published in this
//! order. [`FenceSignaller`](crate::FenceSignaller) signals them in the same order. A fence that is
//! not the next one is orphaned (H19).
//!
//! Dropping an armed fence does not signal it, since waiters would reuse memory that the hardware
//! may still write. The fence is *orphaned*, and is only signalled with evidence that the hardware
//! has stopped, and after the dependencies of its job, which it keeps.
//!
//! # Lifetime of the context
//!
//! An armed fence has a pointer to its context but no reference, which would cost two more atomic
//! operations for each fence. When both ends were dropped, `word` is the number of fences that were
//! armed and have neither signalled nor been orphaned. If it is not zero, the context is leaked.
//!
//! | event | changes `word` by |
//! |---|---|
//! | the emitter is dropped | +1 end, + the number of fences that it has armed |
//! | the signaller is dropped | +1 end, - the number of fences that it has signalled |
//! | a fence is orphaned | -1 fence, the fence's last access to the context |
//!
//! A context has a reference to the module of this crate. The reference is dropped when the context
//! is freed, unless there is an orphaned fence, which may be asked for its names for ever. A fence
//! that was forgotten may be, too; its context is never freed.
//!
//! # Memory ordering
//!
//! | store | load | why |
//! |---|---|---|
//! | orphan: `cmpxchg` of `orphans` (full) | drain: `xchg` of `orphans` (acquire) | the link |
//! | all: `fetch_add`, `fetch_sub` of `word` (release, or full) | last end (full) | freeing |

use crate::{
    deadline::Deadlines,
    evidence::Timeline,
    names::{
        Names, //
        TimelineNames,
    },
    own::{
        self,
        OwnFence, //
    }, //
};
use core::{
    ops::Deref,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kasync::__OwnedCell as Owned;
use kernel::{
    alloc::{
        flags::GFP_KERNEL_ACCOUNT,
        KBox, //
    },
    error::Result,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed,
        Release, //
    }, //
};

/// One dropped end, in the low bits of [`FenceContext::word`].
const END: u64 = 1;
/// One armed fence, in the high bits of [`FenceContext::word`], which wrap around.
const FENCE: u64 = 1 << 8;

/// The context of the fences of one queue: their names, timeline and deadlines.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new`, `FenceReservation::new` | yes | no (allocate) | no |
/// | `arm`, `submitted` | yes | yes | no |
/// | drop of an `InFlightFence` | yes | yes | yes |
/// | drop of a `PendingFence` | yes | yes | no, unless its [`FenceSet`](crate::FenceSet) is empty |
/// | `complete`, `fail`, `cancel`, `drain_orphans` | no (need the witness) | yes | no |
/// | `subscribe_deadline`, `has_deadline`, `next_deadline` | yes | yes | yes |
pub struct FenceContext {
    names: &'static TimelineNames,
    timeline: Timeline,
    deadlines: Deadlines,
    /// Orphaned fences that the signaller has not collected yet, the last one first.
    pub(crate) orphans: Atomic<*mut OwnFence>,
    /// The numbers of dropped ends and of armed fences, see the module's documentation.
    word: Atomic<u64>,
    /// Owned by the signaller. It is here to keep the signaller small.
    pub(crate) collected: Owned<Collected>,
}

/// The orphaned fences that the signaller has collected.
pub(crate) struct Collected {
    /// The first of the fences that were taken out of [`FenceContext::orphans`], in order.
    pub(crate) first: *mut OwnFence,
    /// The number of orphaned fences that were signalled.
    pub(crate) drained: u64,
}

impl FenceContext {
    /// Creates a context, and returns its two ends.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn ends(names: &'static Names) -> Result<(End, End)> {
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
        // Dropped by `free()`.
        own::get_module();
        let context = NonNull::from(KBox::leak(context));
        // INVARIANT: The context is new, and each end is created once.
        Ok((End(context), End(context)))
    }

    /// Returns the names under which the fences are shown.
    pub(crate) fn names(&self) -> &'static TimelineNames {
        self.names
    }

    /// Returns the identity of the context.
    pub(crate) fn timeline(&self) -> Timeline {
        self.timeline
    }

    /// Returns the earliest deadline of the fences, and the task that subscribes to it.
    pub(crate) fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }

    /// Adds an armed fence to the orphans, with its reference.
    ///
    /// # Safety
    ///
    /// `fence` must be an armed fence of this context, in no list. The caller passes on its
    /// reference, and must use neither the fence nor the context again.
    #[cold]
    pub(crate) unsafe fn orphan(this: *const Self, fence: NonNull<OwnFence>) {
        // SAFETY: The fence is armed, so the context is valid until `word` is changed below.
        let context = unsafe { &*this };
        // SAFETY: By the safety requirements the fence is armed and in no list, and a reference is
        // passed on.
        unsafe { context.push(fence) };
        context.word.fetch_sub(FENCE, Release);
    }

    /// Adds an orphaned fence to the list.
    ///
    /// # Safety
    ///
    /// `fence` must be an armed fence of this context, in no list, of which a reference is passed
    /// on.
    pub(crate) unsafe fn push(&self, fence: NonNull<OwnFence>) {
        let mut first = self.orphans.load(Relaxed);
        loop {
            // SAFETY: The fence is in no list, so this function owns the link.
            unsafe { *own::next(fence) = first };
            match self.orphans.cmpxchg(first, fence.as_ptr(), Full) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }

    /// Drops one of the two ends, and adds `fences` to the number of armed fences.
    ///
    /// # Safety
    ///
    /// Must be called once for each end, which must not use the context any more.
    unsafe fn put(this: NonNull<Self>, fences: u64) {
        let change = fences.wrapping_mul(FENCE).wrapping_add(END);
        // SAFETY: The context is valid until both ends were dropped.
        let context = unsafe { this.as_ref() };
        let word = context.word.fetch_add(change, Full).wrapping_add(change);
        if word == 2 * END {
            // SAFETY: Both ends were dropped, and all fences have signalled or were orphaned. The
            // full ordering above orders this after all of their accesses.
            unsafe { Self::free(this) };
        } else if word % FENCE == 2 * END {
            own::warn_without_end(context);
        }
    }

    /// Frees a context.
    ///
    /// # Safety
    ///
    /// Both ends must have been dropped, and all armed fences must be in the list of orphans.
    pub(crate) unsafe fn free(this: NonNull<Self>) {
        // SAFETY: By the safety requirements no other code accesses the context.
        let context = unsafe { this.as_ref() };
        let mut is_orphaned = false;
        let mut next = context.orphans.load(Relaxed);
        while let Some(fence) = NonNull::new(next) {
            // SAFETY: Orphaned fences are armed. The list owns a reference to each, which is
            // leaked, as are the dependencies, since this may be a hard interrupt.
            unsafe {
                next = *own::next(fence);
                own::clear_context(fence);
                own::warn_never_signals(context, own::id(fence).1);
            }
            is_orphaned = true;
        }
        // SAFETY: `ends()` has leaked the box. By the safety requirements the context is not used
        // any more.
        unsafe { own::free_context(this) };
        if !is_orphaned {
            // SAFETY: This undoes the call in `ends()`. All fences of the context have signalled.
            unsafe { own::put_module() };
        }
    }
}

/// One of the two ends of a context.
///
/// # Invariants
///
/// Points to a context that is valid until [`FenceContext::put`] is called for this end.
pub(crate) struct End(NonNull<FenceContext>);

// SAFETY: No field of a `FenceContext` is tied to a thread.
unsafe impl Send for End {}
// SAFETY: The fields of a `FenceContext` are atomic or do not change, except for those that the
// signaller owns.
unsafe impl Sync for End {}

impl End {
    /// Drops the end, and adds `fences` to the number of armed fences.
    ///
    /// # Safety
    ///
    /// Must be called once, as the last use of the end.
    pub(crate) unsafe fn put(&self, fences: u64) {
        // SAFETY: The context is valid by the type invariant. By the safety requirements this is
        // the last use of the end.
        unsafe { FenceContext::put(self.0, fences) };
    }
}

impl Deref for End {
    type Target = FenceContext;

    #[inline(always)]
    fn deref(&self) -> &FenceContext {
        // SAFETY: The context is valid by the type invariant.
        unsafe { self.0.as_ref() }
    }
}
