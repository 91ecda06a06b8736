// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Intrusive doubly linked lists whose nodes live in tasks, scopes and pinned futures.
//!
//! Linking and unlinking never allocates. Ends are null, so the list head itself may be moved.
//!
//! [`kernel::list::List`] owns its items: each is a [`ListArc`](kernel::list::ListArc), a unique
//! reference to an `Arc`. Nodes here belong to somebody else: a waiter is part of a pinned future
//! that may be on a stack, and a task takes itself out of its scope's list in its last moments,
//! when no reference may be given back under the lock.

use core::{
    marker::PhantomData,
    ptr::{
        self,
        NonNull, //
    },
};

/// The links of one node. In no list both are [`Links::NOWHERE`].
pub(crate) struct Links<T> {
    prev: *mut T,
    next: *mut T,
}

impl<T> Links<T> {
    /// An address that no node has.
    const NOWHERE: *mut T = NonNull::dangling().as_ptr();

    pub(crate) const fn new() -> Self {
        Self {
            prev: Self::NOWHERE,
            next: Self::NOWHERE,
        }
    }

    fn is_linked(&self) -> bool {
        self.next != Self::NOWHERE
    }
}

/// A type with [`Links`] in it.
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
/// Every node reachable from `head` is valid, [linked](Links::is_linked) and in this list only; the
/// linker of a node keeps it valid until it is unlinked, and all accesses to the list and to the
/// links of its nodes are serialised by the lock that the list is in.
pub(crate) struct List<T: Linked> {
    head: *mut T,
    tail: *mut T,
    _nodes: PhantomData<*mut T>,
}

// SAFETY: The list is but two pointers; its users serialise the access to the nodes (invariant),
// which are themselves `Send` types or are accessed under the same lock.
unsafe impl<T: Linked> Send for List<T> {}

impl<T: Linked> List<T> {
    pub(crate) const fn new() -> Self {
        Self {
            head: ptr::null_mut(),
            tail: ptr::null_mut(),
            _nodes: PhantomData,
        }
    }

    pub(crate) fn front(&self) -> Option<NonNull<T>> {
        NonNull::new(self.head)
    }

    /// Returns the node after `node`.
    ///
    /// # Safety
    ///
    /// `node` must be valid, and the lock of the list that it is in must be held.
    pub(crate) unsafe fn after(node: NonNull<T>) -> Option<NonNull<T>> {
        // SAFETY: By the safety requirements.
        NonNull::new(unsafe { (*T::links(node)).next })
    }

    /// Appends `node`.
    ///
    /// # Safety
    ///
    /// `node` must be valid, in no list, and stay valid until it is removed.
    pub(crate) unsafe fn push_back(&mut self, node: NonNull<T>) {
        // SAFETY: `node` is valid by the safety requirements.
        let links = unsafe { &mut *T::links(node) };
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

    /// Takes `node` out of the list.
    ///
    /// # Safety
    ///
    /// `node` must be valid and either in this list or in none. Returns whether it was linked.
    pub(crate) unsafe fn remove(&mut self, node: NonNull<T>) -> bool {
        // SAFETY: `node` is valid by the safety requirements.
        let links = unsafe { &mut *T::links(node) };
        if !links.is_linked() {
            return false;
        }
        let (prev, next) = (links.prev, links.next);
        *links = Links::new();
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

    /// Takes the first node out of the list.
    pub(crate) fn pop_front(&mut self) -> Option<NonNull<T>> {
        let node = self.front()?;
        // SAFETY: The head of the list is valid and in it by the type invariant.
        unsafe { self.remove(node) };
        Some(node)
    }
}
