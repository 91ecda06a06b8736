// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The two ends of a context of fences, and the limbo of those that were dropped.
//!
//! Nothing of the kernel is named here: the model checker compiles this file as well (`rust/kasync/loom/tests/limbo.rs`).
//!
//! ```text
//!   Arming ── arm() ──► Armed ── Signalling::signal(), in its turn ──► signalled
//!                         │ drop, or out of turn: keep()                  ▲
//!                         └──────────► limbo ── Signalling::drain() ──────┘
//! ```
//!
//! # Who keeps the context
//!
//! A fence that was armed points to its context, for limbo, and owns no reference to it: that would be two atomic operations more for each
//! fence. Both ends own one. When both have gone they have counted, without any atomic operation, how many fences were armed and
//! how many were signalled; if some were not, and are not in limbo, the context is not freed any more.

use crate::sync::{
    self,
    Arc, //
};
use core::{
    mem::ManuallyDrop,
    ops::DerefMut,
    ptr::{
        self,
        NonNull, //
    }, //
};

/// A context, as far as its ends go.
///
/// # Safety
///
/// The functions do what they say.
pub(crate) unsafe trait Context: Sized {
    /// A fence of this context. The functions below that are given one may only be called while it is valid; all are.
    type Fence;

    /// Locks the limbo.
    fn limbo(&self) -> impl DerefMut<Target = Limbo<Self>>;

    /// The context that it was armed with.
    ///
    /// # Safety
    ///
    /// See [`Context::Fence`].
    unsafe fn of(fence: NonNull<Self::Fence>) -> *const Self;

    /// The number that it was armed with.
    ///
    /// # Safety
    ///
    /// See [`Context::Fence`].
    unsafe fn seqno(fence: NonNull<Self::Fence>) -> u64;

    /// The address of a field that is limbo's.
    ///
    /// # Safety
    ///
    /// See [`Context::Fence`].
    unsafe fn next(fence: NonNull<Self::Fence>) -> *mut *mut Self::Fence;

    /// Signals with an errno, or 0.
    ///
    /// # Safety
    ///
    /// The fence has not signalled, and the caller passes a reference on.
    unsafe fn finish(fence: NonNull<Self::Fence>, error: i32);

    /// For humans: a fence goes to limbo.
    fn warn_dropped(&self);
    /// For humans: a fence does not signal, as it is not its turn.
    fn warn_out_of_turn(&self, seqno: u64);
    /// For humans: the context is not freed.
    fn warn_left_behind(&self);
}

/// What is in limbo, and what both ends count.
pub(crate) struct Limbo<C: Context> {
    /// The last that has come.
    last: *mut C::Fence,
    /// Once both ends have gone: how many fences were armed, and have neither signalled nor come here. Wraps around.
    open: u32,
    /// How many ends have gone.
    ends: u32,
}

// SAFETY: Fences are used from all threads.
unsafe impl<C: Context> Send for Limbo<C> {}

impl<C: Context> Limbo<C> {
    pub(crate) fn new() -> Self {
        Self {
            last: ptr::null_mut(),
            open: 0,
            ends: 0,
        }
    }

    /// Takes in a fence that was given up, and its reference.
    fn keep(&mut self, fence: NonNull<C::Fence>) {
        // SAFETY: The reference is ours, so the fence is there, and nobody else uses the field.
        unsafe { *C::next(fence) = self.last };
        self.last = fence.as_ptr();
        self.open = self.open.wrapping_sub(1);
    }

    /// Calls `f` with each, the last first.
    pub(crate) fn each(&self, mut f: impl FnMut(NonNull<C::Fence>)) {
        let mut next = self.last;
        while let Some(fence) = NonNull::new(next) {
            // SAFETY: The fences in the list are valid, and it is ours.
            next = unsafe { *C::next(fence) };
            f(fence);
        }
    }

    /// The one whose turn it is, with its reference, if it is here.
    fn take(&mut self, turn: u64) -> Option<NonNull<C::Fence>> {
        let mut link: *mut *mut C::Fence = &mut self.last;
        // SAFETY: The fences in the list are valid, and it is ours.
        let found = unsafe {
            while let Some(fence) = NonNull::new(*link) {
                if C::seqno(fence) == turn {
                    break;
                }
                link = C::next(fence);
            }
            let found = NonNull::new(*link)?;
            *link = *C::next(found);
            found
        };
        // It counts as signalled now.
        self.open = self.open.wrapping_add(1);
        Some(found)
    }

    /// One of the ends goes, and adds its number. Whether it was the last, and there are fences that need the context.
    fn end(&mut self, number: u64) -> bool {
        // What both have in common stays below 2³².
        self.open = self.open.wrapping_add(number as u32);
        self.ends += 1;
        self.ends == 2 && self.open != 0
    }
}

/// One of the ends goes: it adds the number of fences that it has armed, or takes that of those that it has signalled.
fn end_of<C: Context>(context: &Arc<C>, number: u64) {
    let left = context.limbo().end(number);
    if left {
        context.warn_left_behind();
        sync::leak(context.clone());
    }
}

/// A fence that has to be signalled.
///
/// # Invariants
///
/// Points to a fence that was armed and has not signalled, of which it owns a reference. Its context is there: see the module.
pub(crate) struct Armed<C: Context>(NonNull<C::Fence>);

// SAFETY: Fences are used from all threads.
unsafe impl<C: Context> Send for Armed<C> {}
// SAFETY: As above.
unsafe impl<C: Context> Sync for Armed<C> {}

impl<C: Context> Armed<C> {
    pub(crate) fn as_ptr(&self) -> NonNull<C::Fence> {
        self.0
    }
}

impl<C: Context> Drop for Armed<C> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        let context = unsafe { &*C::of(self.0) };
        context.warn_dropped();
        context.limbo().keep(self.0);
    }
}

/// The end that arms fences.
pub(crate) struct Arming<C: Context> {
    context: Arc<C>,
    /// The next sequence number.
    next: u64,
}

impl<C: Context> Arming<C> {
    /// The one end of a context.
    pub(crate) fn new(context: Arc<C>) -> Self {
        Self { context, next: 1 }
    }

    pub(crate) fn context(&self) -> &C {
        &self.context
    }

    /// Arms a fence by `arm`.
    ///
    /// # Safety
    ///
    /// `arm` arms a fence with the context and the number that it is given, and returns it with a reference.
    #[inline(always)]
    pub(crate) unsafe fn arm(
        &mut self,
        arm: impl FnOnce(&C, u64) -> NonNull<C::Fence>,
    ) -> Armed<C> {
        let seqno = self.next;
        self.next += 1;
        // INVARIANT: By the safety requirements.
        Armed(arm(&self.context, seqno))
    }
}

impl<C: Context> Drop for Arming<C> {
    fn drop(&mut self) {
        end_of(&self.context, self.next - 1);
    }
}

/// The end that signals fences.
pub(crate) struct Signalling<C: Context> {
    context: Arc<C>,
    /// Whose turn it is.
    next: u64,
}

impl<C: Context> Signalling<C> {
    /// The other end of a context.
    pub(crate) fn new(context: Arc<C>) -> Self {
        Self { context, next: 1 }
    }

    pub(crate) fn context(&self) -> &C {
        &self.context
    }

    /// Signals a fence, with an errno or 0; one whose turn it is not goes to limbo.
    #[inline(always)]
    pub(crate) fn signal(&mut self, armed: Armed<C>, error: i32) {
        // SAFETY: Valid by the type invariant.
        let (context, seqno) = unsafe { (C::of(armed.0), C::seqno(armed.0)) };
        if seqno != self.next || !ptr::eq(context, &*self.context) {
            self.context.warn_out_of_turn(seqno);
            return;
        }
        self.next += 1;
        let armed = ManuallyDrop::new(armed);
        // SAFETY: By the type invariant it has not signalled; the reference was the owner's, who has given it up.
        unsafe { C::finish(armed.0, error) };
    }

    /// Signals those in limbo whose turn it is. Returns how many are left.
    pub(crate) fn drain(&mut self, error: i32) -> u32 {
        while let Some(fence) = self.take() {
            self.next += 1;
            // SAFETY: It is from limbo, which owned a reference, and has not signalled.
            unsafe { C::finish(fence, error) };
        }
        let mut left = 0;
        self.context.limbo().each(|_| left += 1);
        left
    }

    /// A function of its own, so that nothing is locked while a fence signals.
    fn take(&self) -> Option<NonNull<C::Fence>> {
        self.context.limbo().take(self.next)
    }
}

impl<C: Context> Drop for Signalling<C> {
    fn drop(&mut self) {
        end_of(&self.context, (self.next - 1).wrapping_neg());
    }
}
