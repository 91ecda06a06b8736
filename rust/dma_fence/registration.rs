// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The protocol between a waiter and its callback on a fence.
//!
//! Nothing of the kernel's fences is named here: a model checker compiles this file as well,
//! against a model of fences (`rust/kasync/loom/tests/fence.rs`).
//!
//! States of a registration:
//!
//! ```text
//!            (1) add                       the fence signals: (3) fired
//!   IDLE ─────────────────► ARMED ──────────────────────────────────────► FIRED
//!    │ ▲    (2) remove        │                                             ▲
//!    │ └──────────────────────┘                                             │
//!    └──────────────────────────────────────────────────────────────────────┘
//!      (4) add: the fence had signalled already
//! ```
//!
//! | field | IDLE | ARMED | FIRED |
//! |---|---|---|---|
//! | `node` | the waiter | the fence's list, under the fence's lock | the waiter |
//! | `listener` | the waiter | the callback | the waiter |
//!
//! The callback runs with the fence's lock held and interrupts off, maybe in a hard interrupt. It
//! tells the listener, stores FIRED as its last access, since the waiter may free the registration
//! from then on (H6), and wakes.
//!
//! The lock of the fence may be its issuer's, which may free it a grace period after the fence has
//! signalled (H7). So adding and removing happen in RCU read sections, and nothing is removed in
//! FIRED (R27): if a read section does not see FIRED, the callback, and so the signalling, was not
//! over when the section began, and the issuer waits for the section before it frees the lock.
//!
//! # Memory ordering
//!
//! | store | load | why |
//! |---|---|---|
//! | `fired`: `state` = FIRED (release) | `remove`: `state` (acquire) | the listener and the node |
//!
//! All else is ordered by the fence's lock.

use core::{
    cell::UnsafeCell,
    task::{
        Poll,
        Waker, //
    }, //
};
use kasync::__OwnedCell as Owned;
use kernel::sync::atomic::{
    Acquire,
    Atomic,
    Relaxed,
    Release, //
};

const IDLE: u32 = 0;
const ARMED: u32 = 1;
const FIRED: u32 = 2;

/// A reference to a fence, as far as waiting for it goes.
///
/// # Safety
///
/// The functions must do what they say, with a lock that is there until a grace period has passed
/// since the fence has signalled. Nodes must not depend on the thread.
pub(crate) unsafe trait Source {
    /// What is linked into the fence's list.
    type Node;

    /// Returns a node that is in no list.
    fn node() -> Self::Node;

    /// Calls `f` in a section that grace periods wait for.
    fn read_side<R>(f: impl FnOnce() -> R) -> R;

    /// Links `node`, or returns `false` if the fence has signalled.
    ///
    /// From then on until it is removed [`Registration::fired`] is called once, with the lock held,
    /// when the fence signals.
    ///
    /// # Safety
    ///
    /// `node` must be that of a `Registration<Self, L>`, in no list, and stay valid until it was
    /// called or removed.
    unsafe fn add<L: Listener>(&self, node: *mut Self::Node) -> bool;

    /// Unlinks `node` and returns `true`; or returns `false` if it was called, and the call is
    /// over.
    ///
    /// # Safety
    ///
    /// `node` must have been added, and the lock be there.
    unsafe fn remove(&self, node: *mut Self::Node) -> bool;

    /// Returns whether the fence has signalled. What was written before is visible then.
    fn is_signaled(&self) -> bool;

    /// Returns the error of a fence that has signalled, or 0.
    fn error(&self) -> i32;
}

/// What is told that a fence has signalled.
pub(crate) trait Listener {
    /// Takes note, and returns what is to be woken.
    ///
    /// # Safety
    ///
    /// To be called by [`Registration::fired`] only: the listener is the callback's.
    unsafe fn signalled(&self, error: i32) -> Option<Waker>;
}

/// A waiter's place in the list of a fence.
#[repr(C)]
pub(crate) struct Registration<S: Source, L> {
    /// First, so that the callback finds the rest.
    node: UnsafeCell<S::Node>,
    state: Atomic<u32>,
    listener: L,
}

// SAFETY: The waiter and the callback take turns, see the table of the module.
unsafe impl<S: Source, L> Send for Registration<S, L> {}
// SAFETY: The waiter and the callback take turns, see the table of the module.
unsafe impl<S: Source, L> Sync for Registration<S, L> {}

impl<S: Source, L: Listener> Registration<S, L> {
    #[inline(always)]
    pub(crate) fn new(listener: L) -> Self {
        Self {
            node: UnsafeCell::new(S::node()),
            state: Atomic::new(IDLE),
            listener,
        }
    }

    /// Returns the listener, which is the waiter's but in ARMED.
    #[inline]
    pub(crate) fn listener(&self) -> &L {
        &self.listener
    }

    /// Links the registration, or returns `false` if the fence has signalled: it is FIRED then.
    ///
    /// # Safety
    ///
    /// The registration must be the caller's and IDLE, and neither move nor go until it is FIRED or
    /// [`Registration::remove`] was called. All calls must be for the same fence.
    #[inline]
    pub(crate) unsafe fn add(&self, fence: &S) -> bool {
        // Before the node is linked, as FIRED may come at once. The fence's lock orders them.
        self.state.store(ARMED, Relaxed);
        // (1) SAFETY: By the safety requirements the node stays until it was called or is removed.
        let linked = S::read_side(|| unsafe { fence.add::<L>(self.node.get()) });
        if !linked {
            // (4)
            self.state.store(FIRED, Relaxed);
        }
        linked
    }

    /// Unlinks the registration if it is linked. Returns whether it is IDLE; else it is FIRED.
    ///
    /// # Safety
    ///
    /// The caller must be the waiter, and `fence` that of [`Registration::add`].
    #[inline]
    pub(crate) unsafe fn remove(&self, fence: &S) -> bool {
        // These need no section: FIRED stays, and IDLE is the waiter's.
        match self.state.load(Acquire) {
            FIRED => return false,
            IDLE => return true,
            _ => (),
        }
        S::read_side(|| match self.state.load(Acquire) {
            FIRED => false,
            ARMED => {
                // (2) SAFETY: The node was added. The fence had not signalled, or not for as long
                // as a grace period, when this section began, so its lock is there.
                let linked = unsafe { fence.remove(self.node.get()) };
                if linked {
                    self.state.store(IDLE, Relaxed);
                }
                // If not, the callback has run to its end, under the lock that `remove` took.
                linked
            }
            _ => true,
        })
    }

    /// Calls the listener, when the fence signals: (3). Returns what is to be woken, once nothing
    /// of the registration is touched any more.
    ///
    /// # Safety
    ///
    /// `node` must be that of a registration that was added, and be called for the first time
    /// since, by the fence, which has signalled with `error`, with its lock held.
    #[inline]
    pub(crate) unsafe fn fired(node: *mut S::Node, error: i32) -> Option<Waker> {
        let this: *const Self = node.cast();
        // SAFETY: The node is the first field of a registration in ARMED, whose listener is ours
        // until FIRED is stored, and which is not freed before.
        unsafe {
            let waker = (*this).listener.signalled(error);
            (*this).state.store(FIRED, Release);
            waker
        }
    }
}

/// A listener that wakes one waiter, and keeps the fence's error for it.
pub(crate) struct Wake {
    error: Owned<i32>,
    waker: Owned<Option<Waker>>,
}

impl Wake {
    pub(crate) fn new() -> Self {
        Self {
            error: Owned::new(0),
            waker: Owned::new(None),
        }
    }
}

impl Listener for Wake {
    unsafe fn signalled(&self, error: i32) -> Option<Waker> {
        // SAFETY: By the safety requirements the listener is ours.
        self.error.with(|e| unsafe { *e = error });
        // SAFETY: By the safety requirements the listener is ours.
        self.waker.with(|w| unsafe { (*w).take() })
    }
}

impl<S: Source> Registration<S, Wake> {
    /// Returns the error of a fence that has signalled, or 0; else has `waker` woken when it does,
    /// and none of those given before (H9).
    ///
    /// # Safety
    ///
    /// All calls must be made by the waiter, for the same fence. The registration must not move any
    /// more, and [`Registration::remove`] be called before it goes.
    pub(crate) unsafe fn poll(&self, fence: &S, waker: &Waker) -> Poll<i32> {
        let Wake {
            error,
            waker: place,
        } = &self.listener;
        // Removed and added at each poll, since `waker` may be another one than before: the old one
        // is the callback's, and cannot be looked at.
        // SAFETY: By the safety requirements.
        if unsafe { self.remove(fence) } {
            // SAFETY: The listener is the waiter's in IDLE.
            place.with(|w| unsafe { *w = Some(waker.clone()) });
            // SAFETY: By the safety requirements, and IDLE.
            if unsafe { self.add(fence) } {
                return Poll::Pending;
            }
            // SAFETY: The listener is the waiter's, as the callback has not run.
            let _waker = place.with(|w| unsafe { (*w).take() });
            // SAFETY: The listener is the waiter's, and the fence has signalled.
            error.with(|e| unsafe { *e = fence.error() });
        }
        // SAFETY: The listener is the waiter's in FIRED.
        Poll::Ready(error.with(|e| unsafe { *e }))
    }
}
