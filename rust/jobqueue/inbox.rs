// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Lists of jobs: in order, on their way to the queue's task, and the memory of one that is over on its way back.
//!
//! Nothing of the kernel is named here: the model checker compiles this file as well (`rust/kasync/loom/tests/cursor.rs`).

use crate::sync::{
    Atomic,
    Box,
    Full,
    Relaxed,
    Release, //
};
use core::{
    marker::PhantomData,
    ptr, //
};

/// What a list is made of.
///
/// # Safety
///
/// `next` does what it says.
pub(crate) unsafe trait Link: Sized {
    /// The address of a field of the node that is the list's.
    ///
    /// # Safety
    ///
    /// `node` must be valid.
    unsafe fn next(node: *mut Self) -> *mut *mut Self;
}

/// Jobs in order: first come, first served.
///
/// # Invariants
///
/// `first` is null, or the first of a list of nodes from boxes that belong to this; then `last` is the last of them.
pub(crate) struct Fifo<T: Link> {
    first: *mut T,
    last: *mut T,
    _nodes: PhantomData<Box<T>>,
}

// SAFETY: It owns the jobs.
unsafe impl<T: Link + Send> Send for Fifo<T> {}

impl<T: Link> Fifo<T> {
    pub(crate) const fn new() -> Self {
        // INVARIANT: Null.
        Self {
            first: ptr::null_mut(),
            last: ptr::null_mut(),
            _nodes: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    /// Calls `f` with each, in order.
    pub(crate) fn each(&self, mut f: impl FnMut(&T)) {
        let mut next = self.first;
        // SAFETY: By the type invariant.
        while let Some(node) = unsafe { next.as_ref() } {
            f(node);
            // SAFETY: Valid, as above, and the list is ours.
            next = unsafe { *T::next(next) };
        }
    }

    /// Counts them: for who looks from outside.
    pub(crate) fn len(&self) -> u32 {
        let mut count = 0;
        self.each(|_| count += 1);
        count
    }

    #[inline]
    pub(crate) fn first(&mut self) -> Option<&mut T> {
        // SAFETY: By the type invariant.
        unsafe { self.first.as_mut() }
    }

    pub(crate) fn push(&mut self, node: Box<T>) {
        let node = Box::into_raw(node);
        // SAFETY: It is ours now.
        unsafe { *T::next(node) = ptr::null_mut() };
        // SAFETY: A list of one.
        unsafe { self.append(node, node) };
    }

    /// Puts a list at the end.
    ///
    /// # Safety
    ///
    /// `first` to `last` are a list of nodes from boxes, which the caller passes on.
    unsafe fn append(&mut self, first: *mut T, last: *mut T) {
        // INVARIANT: By the safety requirements.
        if self.first.is_null() {
            self.first = first;
        } else {
            // SAFETY: By the type invariant, as the list is not empty.
            unsafe { *T::next(self.last) = first };
        }
        self.last = last;
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Box<T>> {
        let node = self.first;
        if node.is_null() {
            return None;
        }
        // SAFETY: By the type invariant.
        // INVARIANT: The rest of the list.
        self.first = unsafe { *T::next(node) };
        // SAFETY: By the type invariant, and no longer in the list.
        Some(unsafe { Box::from_raw(node) })
    }
}

impl<T: Link> Drop for Fifo<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

/// Committed jobs on their way to the queue's task, in one word: many put in, one takes out.
///
/// ```text
///   put: the last one first ──►  C ─► B ─► A  ──► take: all at once, put in order
/// ```
///
/// # Invariants
///
/// `last` is 0, or the address of the first of a list of nodes from boxes that belong to this.
pub(crate) struct Inbox<T: Link> {
    last: Atomic<usize>,
    _nodes: PhantomData<Box<T>>,
}

// SAFETY: Jobs are only moved in and out, by whoever puts or takes; nobody looks at one in it. They are `Send`.
unsafe impl<T: Link + Send> Sync for Inbox<T> {}
// SAFETY: As above.
unsafe impl<T: Link + Send> Send for Inbox<T> {}

impl<T: Link> Inbox<T> {
    pub(crate) fn new() -> Self {
        // INVARIANT: Empty.
        Self {
            last: Atomic::new(0),
            _nodes: PhantomData,
        }
    }

    /// Whether there is nothing to take; who puts something in wakes the task after that.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.last.load(Relaxed) == 0
    }

    /// Puts one in, behind all that are there.
    #[inline]
    pub(crate) fn put(&self, node: Box<T>) {
        let node = Box::into_raw(node);
        let mut last = self.last.load(Relaxed);
        loop {
            // SAFETY: Ours until the exchange succeeds.
            unsafe { *T::next(node) = last as *mut T };
            // INVARIANT: The node, with the list behind it.
            match self.last.cmpxchg(last, node as usize, Full) {
                Ok(_) => return,
                Err(now) => last = now,
            }
        }
    }

    /// Takes all out, and puts them behind those in `to`.
    #[inline]
    pub(crate) fn take(&self, to: &mut Fifo<T>) {
        // INVARIANT: Empty. The list is ours.
        let last = self.last.xchg(0, Full) as *mut T;
        let (mut rest, mut first) = (last, ptr::null_mut());
        while !rest.is_null() {
            let node = rest;
            // SAFETY: By the type invariant.
            unsafe { rest = core::mem::replace(&mut *T::next(node), first) };
            first = node;
        }
        if !first.is_null() {
            // SAFETY: The list, the other way round.
            unsafe { to.append(first, last) };
        }
    }
}

impl<T: Link> Drop for Inbox<T> {
    fn drop(&mut self) {
        self.take(&mut Fifo::new());
    }
}

/// A place for one box: the queue's task puts in what it has done with, and anybody takes it out.
///
/// # Invariants
///
/// `address` is 0, or that of a box that belongs to this.
pub(crate) struct Spare<T> {
    address: Atomic<usize>,
    _box: PhantomData<Box<T>>,
}

// SAFETY: The box is only moved in and out.
unsafe impl<T: Send> Sync for Spare<T> {}
// SAFETY: As above.
unsafe impl<T: Send> Send for Spare<T> {}

impl<T> Spare<T> {
    pub(crate) fn new() -> Self {
        // INVARIANT: Empty.
        Self {
            address: Atomic::new(0),
            _box: PhantomData,
        }
    }

    /// Puts `spare` in unless there is one. Only one thread does this at a time.
    #[inline]
    pub(crate) fn put(&self, spare: Box<T>) {
        if self.address.load(Relaxed) == 0 {
            // INVARIANT: From a box. Nobody else puts one in, so none is lost.
            self.address.store(Box::into_raw(spare) as usize, Release);
        }
    }

    /// Takes it out, if there is one.
    #[inline]
    pub(crate) fn take(&self) -> Option<Box<T>> {
        if self.address.load(Relaxed) == 0 {
            return None;
        }
        // INVARIANT: Empty.
        let spare = self.address.xchg(0, Full) as *mut T;
        // SAFETY: Not null, so by the type invariant it is from a box, and it was taken out once.
        (!spare.is_null()).then(|| unsafe { Box::from_raw(spare) })
    }
}

impl<T> Drop for Spare<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}
