// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Lists of what a work item is to do, one after the other.
//!
//! Queueing a work item, and having a worker take it, costs several times what it takes to end a
//! task. So what comes in large numbers, and may wait for its turn, is put into a batch, which has
//! one work item for all:
//!
//! ```text
//!   add(): any thread, any context          the work item: one thread at a time
//!   last ──► C ──► B ──► A                  rest ──► A ──► B ──► C ──► does each
//!     └────── all at once, put in order ─────►┘
//! ```
//!
//! | field | owner |
//! |---|---|
//! | a link | the caller of `add()`, then the list in `last`, then the work item, up to the call |
//! | `rest` | the work item |
//!
//! # Memory ordering
//!
//! | store | load | why |
//! |---|---|---|
//! | `add`: `cmpxchg` of `last` (full) | work item: `xchg` of `last` (full) | the links |
//! | work item: clears its mark, `xchg` | `add`: `cmpxchg`, reads the mark | nothing is left |
//!
//! After `add()` the pending mark of the work item is set, by this call or another one, or the item
//! looks at the list later. So nobody depends on the thread that has put in the first of a list to
//! go on.

use crate::{
    cell::OwnedCell,
    workqueue::{
        Queue,
        Work, //
    }, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    bindings::work_struct,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    }, //
};

/// How many are done until other work items have their turn.
#[cfg(not(feature = "loom"))]
const AT_ONCE: u32 = 64;
/// So that models see what happens between.
#[cfg(feature = "loom")]
const AT_ONCE: u32 = 1;

/// A place in a batch.
pub(crate) struct Link(OwnedCell<*mut Link>);

// SAFETY: A link has one owner at a time, see the module.
unsafe impl Send for Link {}
// SAFETY: A link has one owner at a time, see the module.
unsafe impl Sync for Link {}

impl Link {
    pub(crate) fn new() -> Self {
        Self(OwnedCell::new(ptr::null_mut()))
    }
}

/// Things that one work item does.
///
/// # Invariants
///
/// `last` and `rest` are null, or the first of a list of valid links, which belongs to this.
#[repr(C)]
pub(crate) struct Batch {
    /// At offset 0, see [`run`].
    work: Work,
    queue: Queue,
    each: unsafe fn(NonNull<Link>),
    last: Atomic<*mut Link>,
    rest: OwnedCell<*mut Link>,
}

// SAFETY: `rest` belongs to the work item; links may be passed between threads.
unsafe impl Send for Batch {}
// SAFETY: `rest` belongs to the work item, which never runs twice at once.
unsafe impl Sync for Batch {}

impl Batch {
    /// Returns an empty batch, to be done by a work item on `queue`. To be given to
    /// [`Batch::init`] before it is used.
    pub(crate) fn new(queue: Queue, each: unsafe fn(NonNull<Link>)) -> Self {
        // INVARIANT: Null.
        Self {
            work: Work::uninit(),
            queue,
            each,
            last: Atomic::new(ptr::null_mut()),
            rest: OwnedCell::new(ptr::null_mut()),
        }
    }

    /// Initialises the work item.
    ///
    /// # Safety
    ///
    /// Nobody uses the batch yet, and it is not moved any more.
    pub(crate) unsafe fn init(&self) {
        // SAFETY: By the safety requirements.
        unsafe { Work::init(self.work.get().cast(), run) };
    }

    /// Returns the queue.
    #[inline]
    pub(crate) fn queue(&self) -> Queue {
        self.queue
    }

    /// Has `each` called with `link` by the work item. Any context but NMI.
    ///
    /// What was written before the call is seen by that.
    ///
    /// # Safety
    ///
    /// `link` must be valid, in no batch, and stay so until `each` is called. Neither the batch nor
    /// its queue may go meanwhile. `each` is called with it once.
    pub(crate) unsafe fn add(&self, link: NonNull<Link>) {
        let mut last = self.last.load(Relaxed);
        loop {
            // SAFETY: Valid by the safety requirements.
            let cell = unsafe { &(*link.as_ptr()).0 };
            // SAFETY: The link is the caller's until the exchange succeeds.
            cell.with(|next| unsafe { *next = last });
            // INVARIANT: The new one, with the list behind it.
            match self.last.cmpxchg(last, link.as_ptr(), Full) {
                Ok(_) => break,
                Err(now) => last = now,
            }
        }
        // SAFETY: The item was initialised. It stays until it has run, as does the queue.
        unsafe {
            if !self.work.is_pending() {
                self.queue.enqueue(self.work.get());
            }
        }
    }

    /// Takes all that was added out, in order.
    fn take(&self) -> *mut Link {
        // INVARIANT: Null. The list belongs to this function.
        let mut rest = self.last.xchg(ptr::null_mut(), Full);
        let mut first = ptr::null_mut();
        while let Some(link) = NonNull::new(rest) {
            // SAFETY: A valid link by the type invariant.
            let cell = unsafe { &(*link.as_ptr()).0 };
            // SAFETY: The list belongs to this function.
            rest = cell.with(|next| unsafe { next.replace(first) });
            first = link.as_ptr();
        }
        first
    }

    /// Does what is in the batch, but not too much of it.
    ///
    /// # Safety
    ///
    /// To be called by the work item.
    unsafe fn do_some(&self) {
        // INVARIANT: Null. The list belongs to this function.
        // SAFETY: The cell belongs to the work item.
        let take = |rest: *mut *mut Link| unsafe { rest.replace(ptr::null_mut()) };
        let mut next = self.rest.with(take);
        for _ in 0..AT_ONCE {
            if next.is_null() {
                next = self.take();
            }
            let Some(link) = NonNull::new(next) else {
                return;
            };
            // SAFETY: A valid link by the type invariant.
            let cell = unsafe { &(*link.as_ptr()).0 };
            // SAFETY: The list belongs to this function.
            next = cell.with(|next| unsafe { *next });
            // SAFETY: The link was added, and is not in the list any more.
            unsafe { (self.each)(link) };
        }
        if next.is_null() {
            next = self.take();
        }
        if next.is_null() {
            return;
        }
        // INVARIANT: What is left of the list.
        // SAFETY: The cell belongs to the work item.
        self.rest.with(|rest| unsafe { *rest = next });
        // SAFETY: The item was initialised, and an item may queue itself until the queue is
        // destroyed, which waits for that.
        unsafe { self.queue.enqueue(self.work.get()) };
    }
}

/// Runs the work item.
///
/// # Safety
///
/// `work` must be the item of a batch.
unsafe extern "C" fn run(work: *mut work_struct) {
    // SAFETY: The item is at offset 0 of a batch, which stays until the queue is destroyed, which
    // waits for this.
    let batch = unsafe { &*work.cast_const().cast::<Batch>() };
    // SAFETY: This is the work item.
    unsafe { batch.do_some() };
}
