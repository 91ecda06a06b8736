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
//! A context has two ends. [`FenceEmitter`](crate::FenceEmitter) arms fences: it takes the next
//! sequence number, cannot fail, and leaves no holes; the fences have to be published in this
//! order. [`FenceSignaller`]
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
//! | event | changes `word` by |
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
    pub(crate) orphans: Atomic<*mut OwnFence>,
    /// See the module.
    word: Atomic<u64>,
    /// The signaller's: here, as it is needed rarely, and the memory is there.
    pub(crate) collected: Owned<Collected>,
}

/// What the signaller has of orphans.
pub(crate) struct Collected {
    /// The orphans that it has taken out of [`FenceContext::orphans`], in order.
    pub(crate) first: *mut OwnFence,
    /// How many orphans were signalled.
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
        // Given back in `free()`.
        own::get_module();
        let context = NonNull::from(KBox::leak(context));
        // INVARIANT: The context was just made, and each end exists once.
        Ok((End(context), End(context)))
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
    pub(crate) unsafe fn orphan(this: *const Self, fence: NonNull<OwnFence>) {
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
    pub(crate) unsafe fn push(&self, fence: NonNull<OwnFence>) {
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
pub(crate) struct End(NonNull<FenceContext>);

// SAFETY: Nothing in a `FenceContext` belongs to a thread.
unsafe impl Send for End {}
// SAFETY: What is shared of a `FenceContext` is atomic; the rest is the signaller's.
unsafe impl Sync for End {}

impl End {
    /// Gives up the end, which changes the number of armed fences by `fences`.
    ///
    /// # Safety
    ///
    /// To be called once, as the last use of the end.
    pub(crate) unsafe fn put(&self, fences: u64) {
        // SAFETY: By the safety requirements, and the type invariant.
        unsafe { FenceContext::put(self.0, fences) };
    }
}

impl Deref for End {
    type Target = FenceContext;

    #[inline(always)]
    fn deref(&self) -> &FenceContext {
        // SAFETY: By the type invariant.
        unsafe { self.0.as_ref() }
    }
}
