// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Lists of pinned waiters, the base of everything that is awaited here.
//!
//! A [`Waiter`] sits in the future that waits. It is linked into a [`WaitList`], which is part of
//! some data behind an [`IrqLock`](crate::lock::IrqLock). Waking takes the waker out of the waiter
//! and the waiter out of the list under the lock; the waker is called after unlocking, and the
//! future, which may be gone by then, is not touched again (H6).

use crate::{
    cell::OwnedCell,
    list::{
        Linked,
        Links,
        List, //
    }, //
};
use core::{
    cell::UnsafeCell,
    marker::PhantomPinned,
    mem::MaybeUninit,
    ptr::NonNull,
    task::Waker, //
};

/// The state of a waiter.
///
/// ```text
///         wait()              give(): the first one
///   Idle ────────► Waiting ──────────────────────────► Given
///    ▲               │ │ notify_while()                  │
///    │               │ └───────────────► Notified        │
///    │ remove()      │                      │            │
///    └───────────────┴──────────────────────┴────────────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WaitState {
    /// Not linked, never was, or given up.
    Idle,
    /// Linked, the waker is in place.
    Waiting,
    /// Taken out of the list as one of many.
    Notified,
    /// Taken out of the list alone; what was waited for is this waiter's, to be passed on if not
    /// taken.
    Given,
}

/// The part of a waiter that its list's lock guards.
struct Entry {
    waker: Option<Waker>,
    state: WaitState,
    /// For the list's user: a count, or an epoch.
    key: u64,
}

// SAFETY: `links` is a field of the waiter.
unsafe impl Linked for Waiter {
    unsafe fn links(node: NonNull<Self>) -> *mut Links<Self> {
        // SAFETY: `node` is valid.
        unsafe { (&raw mut (*node.as_ptr()).links).cast() }
    }
}

/// A future's place in a [`WaitList`]. Its content is only accessed under the lock that the list is
/// in.
pub(crate) struct Waiter {
    links: UnsafeCell<Links<Waiter>>,
    entry: OwnedCell<Entry>,
    _pin: PhantomPinned,
}

// SAFETY: The content is accessed under a lock only.
unsafe impl Send for Waiter {}
// SAFETY: The content is accessed under the lock of its list only.
unsafe impl Sync for Waiter {}

impl Waiter {
    pub(crate) fn new() -> Self {
        Self {
            links: UnsafeCell::new(Links::new()),
            entry: OwnedCell::new(Entry {
                waker: None,
                state: WaitState::Idle,
                key: 0,
            }),
            _pin: PhantomPinned,
        }
    }

    /// Calls `f` with what is behind the lock.
    ///
    /// # Safety
    ///
    /// The list's lock must be held.
    unsafe fn with<R>(&self, f: impl FnOnce(&mut Entry) -> R) -> R {
        // SAFETY: The lock, which is held, serialises all access to entries.
        self.entry.with(|entry| f(unsafe { &mut *entry }))
    }
}

/// Waiters in order of arrival.
pub(crate) struct WaitList(List<Waiter>);

impl WaitList {
    pub(crate) const fn new() -> Self {
        Self(List::new())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.front().is_none()
    }

    /// Returns the state of `waiter`.
    ///
    /// # Safety
    ///
    /// `waiter` must belong to this list, and the list's lock be held. The same for all methods
    /// below.
    pub(crate) unsafe fn state(&self, waiter: &Waiter) -> WaitState {
        // SAFETY: Under the lock.
        unsafe { waiter.with(|entry| entry.state) }
    }

    /// Links `waiter`, or, if it is linked already, replaces its waker (H9). The previous waker is
    /// returned, to be dropped after unlocking.
    ///
    /// # Safety
    ///
    /// See [`WaitList::state`]; moreover `waiter` must be pinned and be removed before it is
    /// dropped.
    pub(crate) unsafe fn wait(&mut self, waiter: &Waiter, waker: Waker, key: u64) -> Option<Waker> {
        let enter = |entry: &mut Entry| {
            let state = core::mem::replace(&mut entry.state, WaitState::Waiting);
            if state != WaitState::Waiting {
                entry.key = key;
            }
            (state, entry.waker.replace(waker))
        };
        // SAFETY: The lock is held by the safety requirements.
        let (state, old) = unsafe { waiter.with(enter) };
        if state != WaitState::Waiting {
            // SAFETY: Not linked, and stays valid until it is removed.
            unsafe { self.0.push_back(NonNull::from(waiter)) };
        }
        old
    }

    /// Takes `waiter` out and returns which state it was in, and the waker, to be dropped after
    /// unlocking.
    ///
    /// # Safety
    ///
    /// See [`WaitList::state`].
    pub(crate) unsafe fn remove(&mut self, waiter: &Waiter) -> (WaitState, Option<Waker>) {
        // SAFETY: Under the lock; linked here or nowhere.
        unsafe { self.0.remove(NonNull::from(waiter)) };
        let leave = |entry: &mut Entry| {
            let state = core::mem::replace(&mut entry.state, WaitState::Idle);
            (state, entry.waker.take())
        };
        // SAFETY: The lock is held by the safety requirements.
        unsafe { waiter.with(leave) }
    }

    /// Returns the key of the first waiter.
    fn front_key(&self) -> Option<u64> {
        let waiter = self.0.front()?;
        // SAFETY: Linked waiters are valid, and `&self` means that the lock is held.
        Some(unsafe { waiter.as_ref().with(|entry| entry.key) })
    }

    /// Takes the first waiter out.
    fn notify_front(&mut self, state: WaitState) -> Option<Waker> {
        let waiter = self.0.pop_front()?;
        let leave = |entry: &mut Entry| {
            entry.state = state;
            entry.waker.take()
        };
        // SAFETY: It was linked, hence is valid, and `&mut self` means that the lock is held.
        unsafe { waiter.as_ref().with(leave) }
    }

    /// Gives what was waited for to the first waiter. The waker is to be called after unlocking.
    pub(crate) fn give(&mut self) -> Option<Waker> {
        self.notify_front(WaitState::Given)
    }

    /// Notifies waiters from the front while `pred` likes their keys and there is room in `wakers`.
    pub(crate) fn notify_while(
        &mut self,
        wakers: &mut WakerBatch,
        mut pred: impl FnMut(u64) -> bool,
    ) {
        while !wakers.is_full() && self.front_key().is_some_and(&mut pred) {
            if let Some(waker) = self.notify_front(WaitState::Notified) {
                wakers.push(waker);
            }
        }
    }
}

/// Wakers that were taken out under a lock, to be called after unlocking. Lives on the stack.
pub(crate) struct WakerBatch {
    wakers: [MaybeUninit<Waker>; Self::SIZE],
    len: usize,
}

impl WakerBatch {
    const SIZE: usize = 8;

    pub(crate) fn new() -> Self {
        Self {
            wakers: [const { MaybeUninit::uninit() }; Self::SIZE],
            len: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.len == Self::SIZE
    }

    fn push(&mut self, waker: Waker) {
        self.wakers[self.len].write(waker);
        self.len += 1;
    }

    /// Wakes all. Returns whether the batch was full, so that there may be more to do.
    pub(crate) fn wake_all(mut self) -> bool {
        let full = self.is_full();
        let len = core::mem::replace(&mut self.len, 0);
        for waker in &self.wakers[..len] {
            // SAFETY: The first `len` were initialised; each is taken out once, as `len` is 0 by
            // now.
            unsafe { waker.assume_init_read() }.wake();
        }
        full
    }
}

impl Drop for WakerBatch {
    fn drop(&mut self) {
        while self.len > 0 {
            self.len -= 1;
            // SAFETY: It is one of the first `len`, which were initialised, and is no longer one.
            unsafe { self.wakers[self.len].assume_init_drop() };
        }
    }
}
