// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Lists of pinned waiters, which most futures of this crate are made of.
//!
//! A [`Waiter`] is part of a future. It is linked into a [`WaitList`], which an
//! [`IrqLock`](crate::lock::IrqLock) protects. Waking unlinks the waiter and takes its waker under
//! the lock. The waker is called after unlocking, when the future may have been dropped, so it is
//! not accessed any more (H6).

use crate::{
    cell::OwnedCell,
    list::{
        Linked,
        Links,
        List, //
    },
    thread::NoPreempt, //
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
///         wait()             notify_one(): the first one
///   Idle ────────► Waiting ──────────────────────────► NotifiedOne
///    ▲               │ │ notify_while()                  │
///    │               │ └───────────────► Notified        │
///    │ remove()      │                      │            │
///    └───────────────┴──────────────────────┴────────────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WaitState {
    /// Not linked: not yet, or not any more.
    Idle,
    /// Linked, with a waker.
    Waiting,
    /// Unlinked by a notification of several waiters.
    Notified,
    /// Unlinked by a notification of this waiter alone, which has to pass it on if its future is
    /// dropped.
    NotifiedOne,
}

/// The part of a waiter that the lock of its list protects.
struct Entry {
    waker: Option<Waker>,
    state: WaitState,
    /// A number for the user of the list: a count, or an epoch.
    key: u64,
}

// SAFETY: `links` is a field of the waiter.
unsafe impl Linked for Waiter {
    unsafe fn links(node: NonNull<Self>) -> *mut Links<Self> {
        // SAFETY: `node` is valid.
        unsafe { (&raw mut (*node.as_ptr()).links).cast() }
    }
}

/// A node of a [`WaitList`], part of a future. It is only accessed under the lock that protects the
/// list.
pub(crate) struct Waiter {
    links: UnsafeCell<Links<Waiter>>,
    entry: OwnedCell<Entry>,
    _pin: PhantomPinned,
}

// SAFETY: The content is accessed under the lock of its list only. A linked waiter is pinned.
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

    /// Calls `f` with the entry.
    ///
    /// # Safety
    ///
    /// The list's lock must be held.
    unsafe fn with<R>(&self, f: impl FnOnce(&mut Entry) -> R) -> R {
        // SAFETY: The lock of the list, which is held, serialises all accesses to the entry.
        self.entry.with(|entry| f(unsafe { &mut *entry }))
    }
}

/// A list of waiters in the order in which they were added.
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
    /// `waiter` must belong to this list, and the lock that protects the list must be held.
    pub(crate) unsafe fn state(&self, waiter: &Waiter) -> WaitState {
        // SAFETY: The lock is held by the safety requirements.
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
            // SAFETY: The waiter is in no list, and is removed before it is dropped.
            unsafe { self.0.push_back(NonNull::from(waiter)) };
        }
        old
    }

    /// Unlinks `waiter`. Returns its previous state, and its waker, which is to be dropped after
    /// unlocking.
    ///
    /// # Safety
    ///
    /// See [`WaitList::state`].
    pub(crate) unsafe fn remove(&mut self, waiter: &Waiter) -> (WaitState, Option<Waker>) {
        // SAFETY: The lock is held by the safety requirements, and the waiter is in this list or in
        // none.
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

    /// Unlinks the first waiter, sets its state, and returns its waker.
    fn notify_front(&mut self, state: WaitState) -> Option<Waker> {
        let waiter = self.0.pop_front()?;
        let leave = |entry: &mut Entry| {
            entry.state = state;
            entry.waker.take()
        };
        // SAFETY: It was linked, hence is valid, and `&mut self` means that the lock is held.
        unsafe { waiter.as_ref().with(leave) }
    }

    /// Unlinks the first waiter, in the state [`WaitState::NotifiedOne`]. Returns its waker, which
    /// is to be called after unlocking.
    pub(crate) fn notify_one(&mut self) -> Option<Waker> {
        self.notify_front(WaitState::NotifiedOne)
    }

    /// Unlinks waiters from the front, and moves their wakers to `wakers`, as long as `pred`
    /// returns true for their keys and there is room.
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

/// Wakers that were taken under a lock, to be called after unlocking. Lives on the stack, with
/// preemption disabled.
pub(crate) struct WakerBatch {
    wakers: [MaybeUninit<Waker>; Self::SIZE],
    len: usize,
    _preempt: NoPreempt,
}

impl WakerBatch {
    const SIZE: usize = 8;

    pub(crate) fn new() -> Self {
        Self {
            wakers: [const { MaybeUninit::uninit() }; Self::SIZE],
            len: 0,
            _preempt: NoPreempt::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.len == Self::SIZE
    }

    fn push(&mut self, waker: Waker) {
        self.wakers[self.len].write(waker);
        self.len += 1;
    }

    /// Wakes all, and returns whether the batch was full, so that there may be more waiters.
    pub(crate) fn wake_all(mut self) -> bool {
        let full = self.is_full();
        let len = core::mem::replace(&mut self.len, 0);
        for waker in &self.wakers[..len] {
            // SAFETY: The first `len` wakers were initialised. Each is read once, since `len` is 0
            // by now.
            unsafe { waker.assume_init_read() }.wake();
        }
        full
    }
}

impl Drop for WakerBatch {
    fn drop(&mut self) {
        while self.len > 0 {
            self.len -= 1;
            // SAFETY: The waker was one of the first `len`, which are initialised.
            unsafe { self.wakers[self.len].assume_init_drop() };
        }
    }
}
