// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The protocol between a future and the callback that it has on a fence.
//!
//! Nothing of the kernel is named here: the model checker compiles this file as well, against a model of
//! fences (`rust/kasync/loom/tests/fence.rs`).
//!
//! States of a registration:
//!
//! ```text
//!            (1) add                            the fence signals: (3) fired
//!   IDLE ─────────────────► ARMED ───────────────────────────────────────► FIRED
//!    │ ▲                      │ (2) another poll, drop: remove                ▲
//!    │ └──────────────────────┘                                               │
//!    └────────────────────────────────────────────────────────────────────────┘
//!      (4) add: it had signalled already
//! ```
//!
//! | field | IDLE | ARMED | FIRED |
//! |---|---|---|---|
//! | `node` | the future | the fence's list, under the fence's lock | the future |
//! | `waker` | the future | the callback; after `remove` has found the node linked, the future | the future (empty) |
//! | `error` | the future | the callback | the future, and does not change |
//!
//! The callback runs with the fence's lock held and interrupts off, maybe in a hard interrupt. It takes the
//! waker out, stores FIRED as its last access, since the future may be freed from then on (H6), and wakes.
//!
//! The lock of the fence may be its issuer's, who may free it a grace period after the fence has
//! signalled (H7). So adding and removing happen inside of RCU read sections, and nothing is removed in FIRED (R27):
//! if it is not FIRED that such a section sees, the callback, and so the signalling, was not over when the
//! section began, and the issuer waits for the section before it frees the lock.

use super::sync::{
    Acquire,
    Atomic,
    Owned,
    Relaxed,
    Release, //
};
use core::{
    cell::UnsafeCell,
    task::{
        Poll,
        Waker, //
    }, //
};

const IDLE: u32 = 0;
const ARMED: u32 = 1;
const FIRED: u32 = 2;

/// A fence, as far as waiting for it goes.
///
/// # Safety
///
/// The functions do what they say, with a lock that is there until a grace period has passed since the fence has signalled.
/// Nodes do not care for the thread.
pub(crate) unsafe trait Source {
    /// What is linked into the fence's list.
    type Node;

    /// Calls `f` in a section that grace periods wait for.
    fn read_side<R>(f: impl FnOnce() -> R) -> R;

    /// Links `node`, or returns `false` if the fence has signalled. From then on until it was removed,
    /// [`Registration::fired`] is called once, with the lock held, when the fence signals.
    ///
    /// # Safety
    ///
    /// `node` must be that of a registration, in no list, and stay valid until it was called or removed.
    unsafe fn add(&self, node: *mut Self::Node) -> bool;

    /// Unlinks `node` and returns `true`; or `false` if it was called, and that call has returned.
    ///
    /// # Safety
    ///
    /// `node` must have been added, and the lock be there.
    unsafe fn remove(&self, node: *mut Self::Node) -> bool;

    /// The error of a fence that has signalled, or 0.
    fn error(&self) -> i32;
}

/// A future's place in the list of a fence.
#[repr(C)]
pub(crate) struct Registration<S: Source> {
    /// First, so that the callback finds the rest.
    node: UnsafeCell<S::Node>,
    state: Atomic<u32>,
    error: Owned<i32>,
    waker: Owned<Option<Waker>>,
}

// SAFETY: Future and callback take turns, see the table.
unsafe impl<S: Source> Send for Registration<S> {}
// SAFETY: As above.
unsafe impl<S: Source> Sync for Registration<S> {}

impl<S: Source> Registration<S> {
    pub(crate) fn new(node: S::Node) -> Self {
        Self {
            node: UnsafeCell::new(node),
            state: Atomic::new(IDLE),
            error: Owned::new(0),
            waker: Owned::new(None),
        }
    }

    /// Polls: with the error of a fence that has signalled, or 0; else `waker` is woken when it does, and none of those given
    /// before (H9).
    ///
    /// # Safety
    ///
    /// All calls are of the owner of the registration, which does not move from now on, for one and the same `fence`; and
    /// [`Registration::remove`] is called before it goes.
    pub(crate) unsafe fn poll(&self, fence: &S, waker: &Waker) -> Poll<i32> {
        // Removed and added again at each poll, in case the waker is another one: whether it is cannot be seen while it is the
        // callback's. The owner polls again only after something has happened.
        // SAFETY: By the function's requirements.
        if unsafe { !self.remove(fence) || !self.add(fence, waker.clone()) } {
            // SAFETY: In FIRED it is ours, and does not change any more.
            return Poll::Ready(self.error.with(|e| unsafe { *e }));
        }
        Poll::Pending
    }

    /// In IDLE. Links the registration, or returns `false` if it is FIRED now.
    ///
    /// # Safety
    ///
    /// See [`Registration::poll`].
    unsafe fn add(&self, fence: &S, waker: Waker) -> bool {
        // SAFETY: In IDLE it is ours.
        self.waker.with(|w| unsafe { *w = Some(waker) });
        // Before it is linked: the callback's FIRED may come at once. The fence's lock orders them.
        self.state.store(ARMED, Relaxed);
        // (1) SAFETY: The node stays until it was called or is removed. From here on it may be called.
        if S::read_side(|| unsafe { fence.add(self.node.get()) }) {
            return true;
        }
        // (4) SAFETY: It was not linked, so all is ours, and the fence has signalled.
        let _waker = self.waker.with(|w| unsafe { (*w).take() });
        // SAFETY: As above.
        self.error.with(|e| unsafe { *e = fence.error() });
        self.state.store(FIRED, Relaxed);
        false
    }

    /// Unlinks the registration if it is linked. Returns whether it is ours and IDLE; else it has FIRED.
    ///
    /// # Safety
    ///
    /// See [`Registration::poll`].
    pub(crate) unsafe fn remove(&self, fence: &S) -> bool {
        S::read_side(|| match self.state.load(Acquire) {
            FIRED => false,
            ARMED => {
                // (2) SAFETY: It was added. The fence had not signalled, or not for as long as a grace period, when this section
                // began, so its lock is there.
                let linked = unsafe { fence.remove(self.node.get()) };
                if linked {
                    self.state.store(IDLE, Relaxed);
                }
                // If it was not linked the callback has run to its end, under the lock that `remove` took.
                linked
            }
            _ => true,
        })
    }

    /// The callback's part: (3). Returns whom to wake, when nothing of the registration is touched any more.
    ///
    /// # Safety
    ///
    /// `node` must be that of a registration that was added, and be called for the first time since, by the fence, which has
    /// signalled with `error`, with its lock held.
    pub(crate) unsafe fn fired(node: *mut S::Node, error: i32) -> Option<Waker> {
        let this: *const Self = node.cast();
        // SAFETY: The node is the first field of a registration in state ARMED: error and waker are ours until FIRED is
        // stored, and it is not freed before.
        unsafe {
            (*this).error.with(|e| *e = error);
            let waker = (*this).waker.with(|w| (*w).take());
            (*this).state.store(FIRED, Release);
            waker
        }
    }
}
