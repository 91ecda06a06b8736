// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Jobs on their way through a queue.

use crate::Ring;
use core::{
    marker::PhantomData,
    mem::MaybeUninit,
    ptr, //
};
use dma_fence::{
    FenceSet,
    InFlight,
    Pending, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    }, //
};

/// A job and all that it takes to bring it through the queue, allocated when it is prepared.
///
/// | field | prepared | waiting | in flight |
/// |---|---|---|---|
/// | owner | [`Prepared`](crate::Prepared) | [`Inbox`], then the task | the task |
/// | `dependencies` | all | those that had not all signalled when they were looked at | none |
/// | `stage` | `Prepared` | `Waiting` | `Flying` |
/// | `verdict` | none | how it ends if the hardware is not going to see it | none |
pub(crate) struct Node<R: Ring> {
    /// The next one in the same list, which owns it.
    next: *mut Node<R>,
    /// Taken out at the end.
    pub(crate) job: Option<R::Job>,
    pub(crate) credits: u32,
    /// What it keeps of memory.
    pub(crate) units: u32,
    pub(crate) dependencies: FenceSet,
    pub(crate) stage: Stage<R>,
    pub(crate) verdict: Option<Error>,
}

// SAFETY: `next` is for the list that it is in; all else is `Send`: see the assertion.
unsafe impl<R: Ring> Send for Node<R> {}
const _: () = {
    const fn is_send<T: Send>() {}
    const fn of<R: Ring>() {
        is_send::<(R::Job, FenceSet, Stage<R>, Option<Error>)>();
    }
};

/// Memory of a job that is over, for the next one.
pub(crate) type Spare<R> = KBox<MaybeUninit<Node<R>>>;

/// What a job has of its fence and of the hardware.
pub(crate) enum Stage<R: Ring> {
    /// Nobody but its owner knows of it.
    Prepared,
    /// It was committed.
    Waiting(Pending),
    /// The hardware has it.
    Flying(InFlight, Permit, R::Running),
}

/// Room in the ring, in credits. Owned by the job that the hardware has, and nobody else, until it is over (H23).
pub(crate) struct Permit(u32);

/// The room that a ring has. Only the queue's task has it, so it takes no lock.
pub(crate) struct Credits {
    free: u32,
    all: u32,
}

impl Credits {
    pub(crate) fn new(free: u32) -> Self {
        Self { free, all: free }
    }

    /// How much is in flight.
    pub(crate) fn taken(&self) -> u32 {
        self.all - self.free
    }

    /// Whether there is room for so much.
    #[inline]
    pub(crate) fn has(&self, credits: u32) -> bool {
        credits <= self.free
    }

    /// Takes room that there is: see [`Credits::has`].
    #[inline]
    pub(crate) fn take(&mut self, credits: u32) -> Permit {
        let taken = credits.min(self.free);
        self.free -= taken;
        Permit(taken)
    }

    /// Gives it back: the hardware has done with the job.
    #[inline]
    pub(crate) fn give(&mut self, permit: Permit) {
        self.free += permit.0;
    }
}

impl<R: Ring> Node<R> {
    pub(crate) fn new(
        job: R::Job,
        (credits, units): (u32, u32),
        dependencies: FenceSet,
        spare: Option<Spare<R>>,
    ) -> Result<KBox<Self>> {
        let node = Self {
            next: ptr::null_mut(),
            job: Some(job),
            credits,
            units,
            dependencies,
            stage: Stage::Prepared,
            verdict: None,
        };
        match spare {
            Some(spare) => Ok(KBox::write(spare, node)),
            None => Ok(KBox::new(node, GFP_KERNEL)?),
        }
    }

    /// Takes the stage out; it becomes `Prepared`.
    pub(crate) fn take_stage(&mut self) -> Stage<R> {
        core::mem::replace(&mut self.stage, Stage::Prepared)
    }
}

/// Jobs in order: first come, first served.
///
/// # Invariants
///
/// `first` is null, or the first of a list of nodes from boxes that belong to this; then `last` is the last of them.
pub(crate) struct Fifo<R: Ring> {
    first: *mut Node<R>,
    last: *mut Node<R>,
    _nodes: PhantomData<KBox<Node<R>>>,
}

// SAFETY: It owns the jobs.
unsafe impl<R: Ring> Send for Fifo<R> {}

impl<R: Ring> Fifo<R> {
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
    pub(crate) fn each(&self, mut f: impl FnMut(&Node<R>)) {
        let mut next = self.first;
        // SAFETY: By the type invariant.
        while let Some(node) = unsafe { next.as_ref() } {
            f(node);
            next = node.next;
        }
    }

    /// Counts them: for who looks from outside.
    pub(crate) fn len(&self) -> u32 {
        let mut count = 0;
        self.each(|_| count += 1);
        count
    }

    #[inline]
    pub(crate) fn first(&mut self) -> Option<&mut Node<R>> {
        // SAFETY: By the type invariant.
        unsafe { self.first.as_mut() }
    }

    pub(crate) fn push(&mut self, node: KBox<Node<R>>) {
        let node = KBox::into_raw(node);
        // SAFETY: It is ours now.
        unsafe { (*node).next = ptr::null_mut() };
        // SAFETY: A list of one.
        unsafe { self.append(node, node) };
    }

    /// Puts a list at the end.
    ///
    /// # Safety
    ///
    /// `first` to `last` are a list of nodes from boxes, which the caller passes on.
    unsafe fn append(&mut self, first: *mut Node<R>, last: *mut Node<R>) {
        // INVARIANT: By the safety requirements.
        if self.first.is_null() {
            self.first = first;
        } else {
            // SAFETY: By the type invariant, as the list is not empty.
            unsafe { (*self.last).next = first };
        }
        self.last = last;
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<KBox<Node<R>>> {
        if self.first.is_null() {
            return None;
        }
        // SAFETY: By the type invariant.
        let node = unsafe { KBox::from_raw(self.first) };
        // INVARIANT: The rest of the list.
        self.first = node.next;
        Some(node)
    }
}

impl<R: Ring> Drop for Fifo<R> {
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
pub(crate) struct Inbox<R: Ring> {
    last: Atomic<usize>,
    _nodes: PhantomData<KBox<Node<R>>>,
}

// SAFETY: Jobs are only moved in and out, by whoever puts or takes; nobody looks at one in it. They are `Send`.
unsafe impl<R: Ring> Sync for Inbox<R> {}
// SAFETY: As above.
unsafe impl<R: Ring> Send for Inbox<R> {}

impl<R: Ring> Inbox<R> {
    pub(crate) const fn new() -> Self {
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
    pub(crate) fn put(&self, node: KBox<Node<R>>) {
        let node = KBox::into_raw(node);
        let mut last = self.last.load(Relaxed);
        loop {
            // SAFETY: Ours until the exchange succeeds.
            unsafe { (*node).next = last as *mut Node<R> };
            // INVARIANT: The node, with the list behind it.
            match self.last.cmpxchg(last, node as usize, Full) {
                Ok(_) => return,
                Err(now) => last = now,
            }
        }
    }

    /// Takes all out, and puts them behind those in `to`.
    #[inline]
    pub(crate) fn take(&self, to: &mut Fifo<R>) {
        // INVARIANT: Empty. The list is ours.
        let last = self.last.xchg(0, Full) as *mut Node<R>;
        let (mut rest, mut first) = (last, ptr::null_mut());
        while !rest.is_null() {
            let node = rest;
            // SAFETY: By the type invariant.
            unsafe { rest = core::mem::replace(&mut (*node).next, first) };
            first = node;
        }
        if !first.is_null() {
            // SAFETY: The list, the other way round.
            unsafe { to.append(first, last) };
        }
    }
}

impl<R: Ring> Drop for Inbox<R> {
    fn drop(&mut self) {
        self.take(&mut Fifo::new());
    }
}
