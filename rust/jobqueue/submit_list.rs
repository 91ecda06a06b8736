// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Lists of jobs, and a cache for the memory of a retired job.
//!
//! This file does not depend on C code, so that the model checker compiles it unchanged
//! (`rust/kasync/loom/tests/cursor.rs`).

use core::{
    marker::PhantomData,
    ptr, //
};
use kasync::relaxed;
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
/// `first` is null, or points to the first of a chain of nodes from boxes that this list owns. Then
/// `last` points to the last of them.
pub(crate) struct Fifo<T: Link> {
    first: *mut T,
    last: *mut T,
    _nodes: PhantomData<KBox<T>>,
}

// SAFETY: By the type invariant the list owns its nodes, which are `Send`.
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

    /// Returns the number of jobs, by a walk over the list.
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

    /// Appends a job.
    pub(crate) fn push(&mut self, node: KBox<T>) {
        let node = KBox::into_raw(node);
        // SAFETY: The node is from a box, which this function owns.
        unsafe { *T::next(node) = ptr::null_mut() };
        // SAFETY: `node` is a chain of one node from a box, whose ownership is passed on.
        unsafe { self.append(node, node) };
    }

    /// Appends a chain of nodes.
    ///
    /// # Safety
    ///
    /// `first` to `last` must be a chain of nodes from boxes, whose ownership the caller passes on.
    unsafe fn append(&mut self, first: *mut T, last: *mut T) {
        // INVARIANT: By the safety requirements this list owns the nodes from here on.
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
        // INVARIANT: The rest of the chain, or null.
        self.first = unsafe { *T::next(node) };
        // SAFETY: By the type invariant the node is from a box. The list does not own it any more.
        Some(unsafe { KBox::from_raw(node) })
    }
}

impl<T: Link> Drop for Fifo<T> {
    #[inline]
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

/// A walk over a list of jobs that wait.
#[derive(Clone, Copy)]
pub(crate) enum Walk {
    /// To pass on a deadline.
    Deadline,
    /// To discard jobs, as the queue is closed.
    Discard,
}

/// A list of jobs, first in, first out, with a cursor for each [`Walk`].
///
/// ```text
///   first ─► A ─► B ─► C ─► D ◄─ last
///                 ▲
///               cursor: the job that advance() has returned last, or null
/// ```
///
/// # Invariants
///
/// Each cursor is null, or a node of the list.
pub(crate) struct WaitList<T: Link> {
    jobs: Fifo<T>,
    cursors: [*mut T; 2],
}

// SAFETY: The cursors are only used to find nodes of the list, which is `Send`.
unsafe impl<T: Link + Send> Send for WaitList<T> {}

impl<T: Link> WaitList<T> {
    /// Returns an empty list.
    pub(crate) const fn new() -> Self {
        // INVARIANT: Null.
        Self {
            jobs: Fifo::new(),
            cursors: [ptr::null_mut(); 2],
        }
    }

    /// Returns whether the list has no job.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Returns the number of jobs, by a walk over the list.
    pub(crate) fn len(&self) -> u32 {
        self.jobs.len()
    }

    /// Returns the first job.
    #[inline]
    pub(crate) fn first(&mut self) -> Option<&mut T> {
        self.jobs.first()
    }

    /// Appends a job.
    pub(crate) fn push(&mut self, node: KBox<T>) {
        self.jobs.push(node);
    }

    /// Moves all jobs of `list` to the end of this one.
    #[inline]
    pub(crate) fn receive(&mut self, list: &SubmitList<T>) {
        list.take(&mut self.jobs);
    }

    /// Takes the first job out.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<KBox<T>> {
        for cursor in &mut self.cursors {
            if *cursor == self.jobs.first {
                // INVARIANT: Null. Jobs before the cursor were removed already.
                *cursor = ptr::null_mut();
            }
        }
        self.jobs.pop()
    }

    /// Moves the cursor of `walk` to the next job, and returns that. Returns `None` if there is
    /// none, and the cursor stays.
    pub(crate) fn advance(&mut self, walk: Walk) -> Option<&mut T> {
        let cursor = &mut self.cursors[walk as usize];
        let next = if cursor.is_null() {
            self.jobs.first
        } else {
            // SAFETY: The cursor is a node of the list, by the type invariant.
            unsafe { *T::next(*cursor) }
        };
        if next.is_null() {
            return None;
        }
        // INVARIANT: The first node, or the one after a node.
        *cursor = next;
        // SAFETY: `next` is a node of the list, which is borrowed mutably.
        Some(unsafe { &mut *next })
    }

    /// Moves the cursor of `walk` before the first job.
    pub(crate) fn rewind(&mut self, walk: Walk) {
        // INVARIANT: Null.
        self.cursors[walk as usize] = ptr::null_mut();
    }
}

/// The value of [`SubmitList::last`] after the list was taken.
const EMPTY: usize = 0;
/// The value of [`SubmitList::last`] after [`SubmitList::defer`].
const DEFERRED: usize = 1;

/// A lock-free list of committed jobs. Many threads add jobs, and the queue's task takes all.
///
/// ```text
///   put: the last one first ──►  C ─► B ─► A  ──► take: all at once, put in order
///
///            put(): wake the task         put()
///   EMPTY ────────────────────────► A ─────────────► B ─► A
///    │  ▲                                            ▲
///    │  └── take(), from anywhere                    │
///    ▼                       put()                   │ put()
///   DEFERRED ──────────────────────► A ──────────────┘
/// ```
///
/// The task is woken for the first job only. While another job waits, which the task is woken for
/// in any case, it defers the jobs that are added behind that one: it is not woken for them at all.
///
/// # Invariants
///
/// `last` is [`EMPTY`], [`DEFERRED`], or the address of the first of a chain of nodes from boxes
/// that this list owns. The link of the last node of the chain is `EMPTY` or `DEFERRED`.
pub(crate) struct SubmitList<T: Link> {
    last: Atomic<usize>,
    _nodes: PhantomData<KBox<T>>,
}

// SAFETY: A shared list only moves nodes in and out, each by one thread. They are `Send`.
unsafe impl<T: Link + Send> Sync for SubmitList<T> {}
// SAFETY: The list owns its nodes, by the type invariant.
unsafe impl<T: Link + Send> Send for SubmitList<T> {}

impl<T: Link> SubmitList<T> {
    /// Returns an empty list.
    pub(crate) fn new() -> Self {
        // INVARIANT: Empty.
        Self {
            last: Atomic::new(EMPTY),
            _nodes: PhantomData,
        }
    }

    /// Returns whether the list has no job.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        relaxed::load(&self.last) <= DEFERRED
    }

    /// Returns whether the list has no job, and the next one that is added wakes the task.
    #[inline]
    pub(crate) fn is_clear(&self) -> bool {
        relaxed::load(&self.last) == EMPTY
    }

    /// Lets jobs be added without a wake until the list is taken, if it is empty. For the task,
    /// while something else will wake it to take the list.
    #[inline]
    pub(crate) fn defer(&self) {
        // Relaxed, since nothing was written that a thread that adds a job relies on. If it fails,
        // a job was added, for which the task is woken.
        let _ = self.last.cmpxchg(EMPTY, DEFERRED, Relaxed);
    }

    /// Appends a job, and returns whether the task has to be woken to take it. If not, the task was
    /// woken for the job before this one, by the caller of that call, or jobs are deferred.
    #[inline]
    pub(crate) fn put(&self, node: KBox<T>) -> bool {
        let node = KBox::into_raw(node);
        let mut last = relaxed::load(&self.last);
        loop {
            // SAFETY: The node belongs to this function until the exchange succeeds.
            unsafe { *T::next(node) = last as *mut T };
            // INVARIANT: The node, followed by the previous chain. Pairs with `take()`.
            match self.last.cmpxchg(last, node as usize, Full) {
                Ok(_) => return last == EMPTY,
                Err(now) => last = now,
            }
        }
    }

    /// Moves all jobs to the end of `to`, in the order of their addition.
    #[inline]
    pub(crate) fn take(&self, to: &mut Fifo<T>) {
        // The task is woken after a job was added to an empty list, so none is missed.
        if relaxed::load(&self.last) == EMPTY {
            return;
        }
        // INVARIANT: Empty. This function owns the chain. Pairs with `put()`.
        let last = self.last.xchg(EMPTY, Full) as *mut T;
        let (mut rest, mut first) = (last, ptr::null_mut());
        while rest as usize > DEFERRED {
            let node = rest;
            // SAFETY: By the type invariant `node` is a node of the chain that was taken.
            unsafe { rest = core::mem::replace(&mut *T::next(node), first) };
            first = node;
        }
        if !first.is_null() {
            // SAFETY: `first` to `last` is the chain that was taken, reversed.
            unsafe { to.append(first, last) };
        }
    }
}

impl<T: Link> Drop for SubmitList<T> {
    #[inline]
    fn drop(&mut self) {
        // No other thread accesses the list any more.
        self.take(&mut Fifo::new());
    }
}

/// A cache of one box. The queue's task puts in the memory of a retired job, which the next job
/// takes.
///
/// # Invariants
///
/// `address` is 0, or that of a box that the cache owns.
pub(crate) struct NodeCache<T> {
    address: Atomic<usize>,
    _box: PhantomData<KBox<T>>,
}

// SAFETY: A shared cache only moves the box in and out, each by one thread. It is `Send`.
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

    /// Stores `memory`, or frees it if the cache is full. Only one thread may call this at a time.
    #[inline]
    pub(crate) fn put(&self, memory: KBox<T>) {
        if relaxed::load(&self.address) == 0 {
            // INVARIANT: From a box. No other thread stores one, so none is lost. Pairs with
            // `take()`.
            self.address.store(KBox::into_raw(memory) as usize, Release);
        }
    }

    /// Takes the box, if there is one.
    #[inline]
    pub(crate) fn take(&self) -> Option<KBox<T>> {
        if relaxed::load(&self.address) == 0 {
            return None;
        }
        // INVARIANT: Empty. Pairs with `put()`.
        let memory = self.address.xchg(0, Full) as *mut T;
        // SAFETY: Not null, so from a box by the type invariant. The exchange has taken it out.
        (!memory.is_null()).then(|| unsafe { KBox::from_raw(memory) })
    }
}

impl<T> Drop for NodeCache<T> {
    fn drop(&mut self) {
        // No other thread accesses the cache any more.
        let memory = relaxed::load(&self.address) as *mut T;
        if !memory.is_null() {
            // SAFETY: By the type invariant the address is that of a box, which the cache owns.
            drop(unsafe { KBox::from_raw(memory) });
        }
    }
}
