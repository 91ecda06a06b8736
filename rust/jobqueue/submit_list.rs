// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Lists of jobs: in order, on their way to the queue's task, and the memory of a retired one on
//! its way back.
//!
//! This file names nothing of the kernel, so that the model checker compiles it as it is
//! (`rust/kasync/loom/tests/cursor.rs`).

use core::{
    marker::PhantomData,
    ptr, //
};
use kernel::{
    alloc::KBox,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed,
        Release, //
    }, //
};

/// A node of a singly linked list.
///
/// # Safety
///
/// [`Link::next`] must return the address of a field of the node that nothing else uses.
pub(crate) unsafe trait Link: Sized {
    /// Returns the address of the field that links the node.
    ///
    /// # Safety
    ///
    /// `node` must be valid.
    unsafe fn next(node: *mut Self) -> *mut *mut Self;
}

/// A list of jobs, first in, first out.
///
/// # Invariants
///
/// `first` is null, or the first of a list of nodes from boxes that belong to this list; then
/// `last` is the last of them.
pub(crate) struct Fifo<T: Link> {
    first: *mut T,
    last: *mut T,
    _nodes: PhantomData<KBox<T>>,
}

// SAFETY: The list owns its nodes, by the type invariant, and shares them with nothing.
unsafe impl<T: Link + Send> Send for Fifo<T> {}

impl<T: Link> Fifo<T> {
    /// Returns an empty list.
    pub(crate) const fn new() -> Self {
        // INVARIANT: Null.
        Self {
            first: ptr::null_mut(),
            last: ptr::null_mut(),
            _nodes: PhantomData,
        }
    }

    /// Returns whether the list has no job.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    /// Counts the jobs.
    pub(crate) fn len(&self) -> u32 {
        let (mut count, mut next) = (0, self.first);
        while !next.is_null() {
            count += 1;
            // SAFETY: `next` is a node of this list, by the type invariant.
            next = unsafe { *T::next(next) };
        }
        count
    }

    /// Returns the first job.
    #[inline]
    pub(crate) fn first(&mut self) -> Option<&mut T> {
        // SAFETY: `first` is null or a node of this list, by the type invariant.
        unsafe { self.first.as_mut() }
    }

    /// Adds a job at the end.
    pub(crate) fn push(&mut self, node: KBox<T>) {
        let node = KBox::into_raw(node);
        // SAFETY: The node is from a box, which this function owns.
        unsafe { *T::next(node) = ptr::null_mut() };
        // SAFETY: A list of one node, which is from a box.
        unsafe { self.append(node, node) };
    }

    /// Adds a list at the end.
    ///
    /// # Safety
    ///
    /// `first` to `last` must be a list of nodes from boxes, which the caller passes on.
    unsafe fn append(&mut self, first: *mut T, last: *mut T) {
        // INVARIANT: The nodes belong to this list from here on, by the safety requirements.
        if self.first.is_null() {
            self.first = first;
        } else {
            // SAFETY: The list is not empty, so `last` is a node of it by the type invariant.
            unsafe { *T::next(self.last) = first };
        }
        self.last = last;
    }

    /// Takes the first job out.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<KBox<T>> {
        let node = self.first;
        if node.is_null() {
            return None;
        }
        // SAFETY: `node` is a node of this list, by the type invariant.
        // INVARIANT: What is left of the list.
        self.first = unsafe { *T::next(node) };
        // SAFETY: From a box, by the type invariant, and not in the list any more.
        Some(unsafe { KBox::from_raw(node) })
    }
}

impl<T: Link> Drop for Fifo<T> {
    #[inline]
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

/// A list of jobs, first in, first out, with a cursor.
///
/// ```text
///   first ─► A ─► B ─► C ─► D ◄─ last
///                 ▲
///               cursor: what advance() has returned last; null: none of what is left
/// ```
///
/// # Invariants
///
/// `cursor` is null, or a node of the list.
pub(crate) struct WaitList<T: Link> {
    jobs: Fifo<T>,
    cursor: *mut T,
}

// SAFETY: The cursor is only used to find nodes of the list, which is `Send`.
unsafe impl<T: Link + Send> Send for WaitList<T> {}

impl<T: Link> WaitList<T> {
    /// Returns an empty list.
    pub(crate) const fn new() -> Self {
        // INVARIANT: Null.
        Self {
            jobs: Fifo::new(),
            cursor: ptr::null_mut(),
        }
    }

    /// Returns whether the list has no job.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Counts the jobs.
    pub(crate) fn len(&self) -> u32 {
        self.jobs.len()
    }

    /// Returns the first job.
    #[inline]
    pub(crate) fn first(&mut self) -> Option<&mut T> {
        self.jobs.first()
    }

    /// Adds a job at the end.
    pub(crate) fn push(&mut self, node: KBox<T>) {
        self.jobs.push(node);
    }

    /// Takes the jobs out of `list`, and adds them at the end.
    #[inline]
    pub(crate) fn receive(&mut self, list: &SubmitList<T>) {
        list.take(&mut self.jobs);
    }

    /// Takes the first job out.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<KBox<T>> {
        if self.cursor == self.jobs.first {
            // INVARIANT: Null. All before the cursor have gone already.
            self.cursor = ptr::null_mut();
        }
        self.jobs.pop()
    }

    /// Moves the cursor on by one job, and returns that; `None`, and the cursor stays, if it is at
    /// the last one.
    pub(crate) fn advance(&mut self) -> Option<&mut T> {
        let next = if self.cursor.is_null() {
            self.jobs.first
        } else {
            // SAFETY: The cursor is a node of the list, by the type invariant.
            unsafe { *T::next(self.cursor) }
        };
        if next.is_null() {
            return None;
        }
        // INVARIANT: The first node, or the one after a node.
        self.cursor = next;
        // SAFETY: A node of the list, which is borrowed.
        Some(unsafe { &mut *next })
    }

    /// Moves the cursor before the first job.
    pub(crate) fn rewind(&mut self) {
        // INVARIANT: Null.
        self.cursor = ptr::null_mut();
    }
}

/// Committed jobs on their way to the queue's task: many threads put one in, one takes all out.
///
/// ```text
///   put: the last one first ──►  C ─► B ─► A  ──► take: all at once, put in order
/// ```
///
/// # Invariants
///
/// `last` is 0, or the address of the first of a list of nodes from boxes that belong to this list.
pub(crate) struct SubmitList<T: Link> {
    last: Atomic<usize>,
    _nodes: PhantomData<KBox<T>>,
}

// SAFETY: Nodes are only moved in and out, each by one thread, and are `Send`.
unsafe impl<T: Link + Send> Sync for SubmitList<T> {}
// SAFETY: The list owns its nodes, by the type invariant.
unsafe impl<T: Link + Send> Send for SubmitList<T> {}

impl<T: Link> SubmitList<T> {
    /// Returns an empty list.
    pub(crate) fn new() -> Self {
        // INVARIANT: Empty.
        Self {
            last: Atomic::new(0),
            _nodes: PhantomData,
        }
    }

    /// Returns whether there is nothing to take. A thread that puts a job in wakes the task later.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.last.load(Relaxed) == 0
    }

    /// Puts a job in, behind all others. Returns whether there were none.
    #[inline]
    pub(crate) fn put(&self, node: KBox<T>) -> bool {
        let node = KBox::into_raw(node);
        let mut last = self.last.load(Relaxed);
        loop {
            // SAFETY: The node belongs to this function until the exchange succeeds.
            unsafe { *T::next(node) = last as *mut T };
            // INVARIANT: The node, with the list behind it. Pairs with `take()`.
            match self.last.cmpxchg(last, node as usize, Full) {
                Ok(_) => return last == 0,
                Err(now) => last = now,
            }
        }
    }

    /// Takes all jobs out, and adds them to `to`.
    #[inline]
    pub(crate) fn take(&self, to: &mut Fifo<T>) {
        // INVARIANT: Empty: the list belongs to this function. Pairs with `put()`.
        let last = self.last.xchg(0, Full) as *mut T;
        let (mut rest, mut first) = (last, ptr::null_mut());
        while !rest.is_null() {
            let node = rest;
            // SAFETY: A node of the list that was taken out, by the type invariant.
            unsafe { rest = core::mem::replace(&mut *T::next(node), first) };
            first = node;
        }
        if !first.is_null() {
            // SAFETY: The list that was taken out, in the other direction.
            unsafe { to.append(first, last) };
        }
    }
}

impl<T: Link> Drop for SubmitList<T> {
    #[inline]
    fn drop(&mut self) {
        // Nobody else has it any more.
        if self.is_empty() {
            return;
        }
        self.take(&mut Fifo::new());
    }
}

/// A cache of one box: the queue's task puts in what a job leaves, the next job takes it.
///
/// # Invariants
///
/// `address` is 0, or that of a box that belongs to this.
pub(crate) struct NodeCache<T> {
    address: Atomic<usize>,
    _box: PhantomData<KBox<T>>,
}

// SAFETY: The box is only moved in and out, each by one thread.
unsafe impl<T: Send> Sync for NodeCache<T> {}
// SAFETY: The cache owns the box, by the type invariant.
unsafe impl<T: Send> Send for NodeCache<T> {}

impl<T> NodeCache<T> {
    /// Returns an empty cache.
    pub(crate) fn new() -> Self {
        // INVARIANT: Empty.
        Self {
            address: Atomic::new(0),
            _box: PhantomData,
        }
    }

    /// Puts a box in, or frees it if there is one already. Only one thread does this at a time.
    #[inline]
    pub(crate) fn put(&self, memory: KBox<T>) {
        if self.address.load(Relaxed) == 0 {
            // INVARIANT: From a box. No other thread puts one in, so none is lost. Pairs with
            // `take()`.
            self.address.store(KBox::into_raw(memory) as usize, Release);
        }
    }

    /// Takes the box out, if there is one.
    #[inline]
    pub(crate) fn take(&self) -> Option<KBox<T>> {
        if self.address.load(Relaxed) == 0 {
            return None;
        }
        // INVARIANT: Empty. Pairs with `put()`.
        let memory = self.address.xchg(0, Full) as *mut T;
        // SAFETY: Not null, so from a box by the type invariant, and only taken out here.
        (!memory.is_null()).then(|| unsafe { KBox::from_raw(memory) })
    }
}

impl<T> Drop for NodeCache<T> {
    fn drop(&mut self) {
        // Nobody else has it any more.
        let memory = self.address.load(Relaxed) as *mut T;
        if !memory.is_null() {
            // SAFETY: From a box by the type invariant, and not used any more.
            drop(unsafe { KBox::from_raw(memory) });
        }
    }
}
