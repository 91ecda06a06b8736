// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Intrusive doubly linked lists whose nodes live in tasks, scopes and pinned futures.
//!
//! Linking and unlinking never allocate. Both ends are null, so the list head itself may be moved.
//!
//! [`kernel::list::List`] owns its items: each is a [`ListArc`](kernel::list::ListArc), a unique
//! reference to an `Arc`. A [`List`] does not own its nodes: a waiter is part of a pinned future,
//! which may be on a stack, and a task unlinks itself from its scope when it ends, under a lock
//! under which no reference may be dropped.

use crate::cell::OwnedCell;
use core::{
    marker::PhantomData,
    ptr::{
        self,
        NonNull, //
    },
};

/// The links of one node. While the node is in no list, both are [`Links::NOWHERE`].
#[repr(C)]
pub(crate) struct Links<T> {
    prev: *mut T,
    next: *mut T,
    /// A cell for the model checker, which sees an access to it with each access to the links.
    tracked: OwnedCell<()>,
}

impl<T> Links<T> {
    /// The address in links that are not linked. No node has it.
    const NOWHERE: *mut T = NonNull::dangling().as_ptr();

    pub(crate) fn new() -> Self {
        Self {
            prev: Self::NOWHERE,
            next: Self::NOWHERE,
            tracked: OwnedCell::new(()),
        }
    }

    /// Tells the model checker that the caller accesses the links.
    #[inline(always)]
    pub(crate) fn touch(&self) {
        self.tracked.with(|_| ());
    }

    fn is_linked(&self) -> bool {
        self.next != Self::NOWHERE
    }
}

/// A type that contains [`Links`].
///
/// # Safety
///
/// `links()` returns the same pointer to valid links inside `node` for as long as `node` is valid.
pub(crate) unsafe trait Linked: Sized {
    /// Returns where the links of `node` are.
    ///
    /// # Safety
    ///
    /// `node` must point to a valid `Self`.
    unsafe fn links(node: NonNull<Self>) -> *mut Links<Self>;
}

/// A list of nodes that it does not own.
///
/// # Invariants
///
/// Every node reachable from `head` is valid, [linked](Links::is_linked) and in this list only. It
/// stays valid until it is unlinked. The lock that protects the list serialises all accesses to the
/// list and to the links of its nodes.
pub(crate) struct List<T: Linked> {
    head: *mut T,
    tail: *mut T,
    _nodes: PhantomData<*mut T>,
}

// SAFETY: The list is two pointers. By the type invariant a lock serialises all accesses to its
// nodes, which are `Send` or are only accessed under that lock.
unsafe impl<T: Linked> Send for List<T> {}

impl<T: Linked> List<T> {
    pub(crate) const fn new() -> Self {
        Self {
            head: ptr::null_mut(),
            tail: ptr::null_mut(),
            _nodes: PhantomData,
        }
    }

    /// Returns the first node, which stays in the list.
    pub(crate) fn front(&self) -> Option<NonNull<T>> {
        NonNull::new(self.head)
    }

    /// Returns the node after `node`.
    ///
    /// # Safety
    ///
    /// `node` must be valid, and the lock of the list that it is in must be held.
    pub(crate) unsafe fn after(node: NonNull<T>) -> Option<NonNull<T>> {
        // SAFETY: By the safety requirements `node`, and so its links, are valid.
        let links = unsafe { &*T::links(node) };
        links.touch();
        NonNull::new(links.next)
    }

    /// Appends `node`.
    ///
    /// # Safety
    ///
    /// `node` must be valid, in no list, and stay valid until it is removed.
    pub(crate) unsafe fn push_back(&mut self, node: NonNull<T>) {
        // SAFETY: `node` is valid by the safety requirements.
        let links = unsafe { &mut *T::links(node) };
        links.touch();
        debug_assert!(!links.is_linked());
        links.prev = self.tail;
        links.next = ptr::null_mut();
        match NonNull::new(self.tail) {
            // SAFETY: By the type invariant the tail is valid.
            Some(tail) => unsafe { (*T::links(tail)).next = node.as_ptr() },
            None => self.head = node.as_ptr(),
        }
        self.tail = node.as_ptr();
    }

    /// Unlinks `node`, and returns whether it was linked.
    ///
    /// # Safety
    ///
    /// `node` must be valid and either in this list or in none.
    pub(crate) unsafe fn remove(&mut self, node: NonNull<T>) -> bool {
        // SAFETY: `node` is valid by the safety requirements.
        let links = unsafe { &mut *T::links(node) };
        links.touch();
        if !links.is_linked() {
            return false;
        }
        let (prev, next) = (links.prev, links.next);
        (links.prev, links.next) = (Links::NOWHERE, Links::NOWHERE);
        match NonNull::new(prev) {
            // SAFETY: Neighbours of a node in this list are valid by the type invariant.
            Some(prev) => unsafe { (*T::links(prev)).next = next },
            None => self.head = next,
        }
        match NonNull::new(next) {
            // SAFETY: Neighbours of a node in this list are valid by the type invariant.
            Some(next) => unsafe { (*T::links(next)).prev = prev },
            None => self.tail = prev,
        }
        true
    }

    /// Unlinks the first node, and returns it.
    pub(crate) fn pop_front(&mut self) -> Option<NonNull<T>> {
        let node = self.front()?;
        // SAFETY: The head of the list is valid and in it by the type invariant.
        unsafe { self.remove(node) };
        Some(node)
    }
}
