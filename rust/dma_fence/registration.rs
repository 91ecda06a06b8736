// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The protocol between a waiter and its callback on a fence.
//!
//! This file does not depend on C code, so that the model checker compiles it unchanged, with a
//! model of fences (`rust/kasync/loom/tests/fence.rs`).
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
//! The callback runs with the fence's lock held and interrupts disabled, possibly in a hard
//! interrupt. It notifies the listener, and stores FIRED as its last access, since the waiter may
//! free the registration from then on (H6). Then it wakes the waiter.
//!
//! The lock of the fence may belong to its issuer, which may free it a grace period after the fence
//! has signalled (H7). So adding and removing happen in RCU read-side sections, and nothing is
//! removed in FIRED (R27). If a read-side section does not see FIRED, the signalling of the fence
//! was not over when the section began, so the issuer waits for the section before it frees the
//! lock.
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

/// A reference to a fence that can be waited for.
///
/// # Safety
///
/// The functions must do as documented, under a lock that is valid until a grace period after the
/// fence has signalled. Nodes must be `Send`.
pub(crate) unsafe trait Source {
    /// The node that is linked into the fence's list.
    type Node;

    /// Returns a node that is in no list.
    fn node() -> Self::Node;

    /// Calls `f` in an RCU read-side section.
    fn read_side<R>(f: impl FnOnce() -> R) -> R;

    /// Links `node`, or returns `false` if the fence has signalled.
    ///
    /// When the fence signals, and `node` was not removed, [`Registration::fired`] is called once,
    /// with the lock held.
    ///
    /// # Safety
    ///
    /// `node` must be that of a `Registration<Self, L>`, in no list, and must stay valid until it
    /// was called or removed.
    unsafe fn add<L: Listener>(&self, node: *mut Self::Node) -> bool;

    /// Unlinks `node` and returns `true`, or returns `false` if it was called, after that call has
    /// returned.
    ///
    /// # Safety
    ///
    /// `node` must have been added, and the lock must be valid.
    unsafe fn remove(&self, node: *mut Self::Node) -> bool;

    /// Returns whether the fence has signalled. If it has, the caller sees all that was written
    /// before.
    fn is_signaled(&self) -> bool;

    /// Returns the error of a fence that has signalled, or 0.
    fn error(&self) -> i32;
}

/// The part of a registration that is notified when the fence signals.
pub(crate) trait Listener {
    /// Records that the fence has signalled, and returns the waker to be woken.
    ///
    /// # Safety
    ///
    /// Must be called by [`Registration::fired`] only, while the callback owns the listener.
    unsafe fn signalled(&self, error: i32) -> Option<Waker>;
}

/// A waiter's entry in the list of a fence.
#[repr(C)]
pub(crate) struct Registration<S: Source, L> {
    /// First, so that the callback finds the rest.
    node: UnsafeCell<S::Node>,
    state: Atomic<u32>,
    listener: L,
}

// SAFETY: By the table in the module's documentation each field has one owner at a time. Nodes are
// `Send`, and listeners are made of `Send` types.
unsafe impl<S: Source, L> Send for Registration<S, L> {}
// SAFETY: By the table in the module's documentation each field has one owner at a time.
unsafe impl<S: Source, L> Sync for Registration<S, L> {}

impl<S: Source, L: Listener> Registration<S, L> {
    /// Creates a registration that is on no fence.
    #[inline(always)]
    pub(crate) fn new(listener: L) -> Self {
        Self {
            node: UnsafeCell::new(S::node()),
            state: Atomic::new(IDLE),
            listener,
        }
    }

    /// Returns the listener, which the waiter owns except in ARMED.
    #[inline]
    pub(crate) fn listener(&self) -> &L {
        &self.listener
    }

    /// Links the registration, or returns `false` in state FIRED if the fence has signalled.
    ///
    /// # Safety
    ///
    /// The caller must own the registration, which must be IDLE. It must neither be moved nor freed
    /// until it is FIRED or [`Registration::remove`] was called. All calls must be for the same
    /// fence.
    #[inline]
    pub(crate) unsafe fn add(&self, fence: &S) -> bool {
        // Before the node is linked, since the fence may signal at once. The fence's lock orders
        // the stores.
        self.state.store(ARMED, Relaxed);
        // (1) SAFETY: By the safety requirements the node is valid until it was called or removed.
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
        // These need no section: FIRED does not change, and only the waiter leaves IDLE.
        match self.state.load(Acquire) {
            FIRED => return false,
            IDLE => return true,
            _ => (),
        }
        S::read_side(|| match self.state.load(Acquire) {
            FIRED => false,
            ARMED => {
                // (2) SAFETY: The node was added. When this section began the signalling of the
                // fence was not over, so its lock is valid until the section ends.
                let linked = unsafe { fence.remove(self.node.get()) };
                if linked {
                    self.state.store(IDLE, Relaxed);
                }
                // If it was not linked, the callback has returned: it runs under the lock that
                // `remove()` has taken.
                linked
            }
            _ => true,
        })
    }

    /// Notifies the listener when the fence signals: (3). Returns the waker to be woken. The
    /// registration is not accessed after that.
    ///
    /// # Safety
    ///
    /// `node` must be that of a registration that was added. The fence must call this once, with
    /// its lock held, when it signals with `error`.
    #[inline]
    pub(crate) unsafe fn fired(node: *mut S::Node, error: i32) -> Option<Waker> {
        let this: *const Self = node.cast();
        // SAFETY: The node is the first field of a registration in ARMED. The callback owns its
        // listener until FIRED is stored, and it is not freed before.
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
        // SAFETY: By the safety requirements the callback owns the listener.
        self.error.with(|e| unsafe { *e = error });
        // SAFETY: By the safety requirements the callback owns the listener.
        self.waker.with(|w| unsafe { (*w).take() })
    }
}

impl<S: Source> Registration<S, Wake> {
    /// Returns the error of a fence that has signalled, or 0. Otherwise registers `waker`, which
    /// replaces the wakers of earlier calls (H9).
    ///
    /// # Safety
    ///
    /// All calls must be made by the waiter, for the same fence. The registration must not be moved
    /// any more, and [`Registration::remove`] must be called before it is freed.
    pub(crate) unsafe fn poll(&self, fence: &S, waker: &Waker) -> Poll<i32> {
        let Wake {
            error,
            waker: place,
        } = &self.listener;
        // Removed and added at each poll, since `waker` may differ from the last one, which the
        // callback owns and which so cannot be compared.
        // SAFETY: By the safety requirements the caller is the waiter, and the fence the same.
        if unsafe { self.remove(fence) } {
            // SAFETY: In IDLE the waiter owns the listener.
            place.with(|w| unsafe { *w = Some(waker.clone()) });
            // SAFETY: The registration is IDLE. By the safety requirements it is not moved, and is
            // removed before it is freed.
            if unsafe { self.add(fence) } {
                return Poll::Pending;
            }
            // SAFETY: In FIRED the waiter owns the listener.
            let _waker = place.with(|w| unsafe { (*w).take() });
            // SAFETY: In FIRED the waiter owns the listener.
            error.with(|e| unsafe { *e = fence.error() });
        }
        // SAFETY: In FIRED the waiter owns the listener.
        Poll::Ready(error.with(|e| unsafe { *e }))
    }
}
