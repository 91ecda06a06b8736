// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Batches: lists whose entries one work item processes, one after the other.
//!
//! Queueing a work item and waking a worker costs several times as much as ending a task. So tasks
//! that are woken in large numbers are put into a batch, which has one work item for all:
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
//! | work item: clears its mark, `xchg` | `add`: `cmpxchg`, reads the mark | no link is missed |
//!
//! When `add()` returns, the work item is pending or will still take the list. So the processing of
//! a link never depends on the progress of another thread that calls `add()`.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

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

/// The number of links that are processed until other work items have their turn.
#[cfg(not(feature = "loom"))]
const AT_ONCE: u32 = 64;
/// One, so that models cover what happens in between.
#[cfg(feature = "loom")]
const AT_ONCE: u32 = 1;

/// An entry of a batch.
pub(crate) struct Link(OwnedCell<*mut Link>);

// SAFETY: A link has one owner at a time, by the table in the module's documentation.
unsafe impl Send for Link {}
// SAFETY: A link has one owner at a time, by the table in the module's documentation.
unsafe impl Sync for Link {}

impl Link {
    pub(crate) fn new() -> Self {
        Self(OwnedCell::new(ptr::null_mut()))
    }
}

/// A list of links, and the work item that processes them.
///
/// # Invariants
///
/// `last` and `rest` are null or point to the first of a list of valid links, which the batch owns.
#[repr(C)]
pub(crate) struct Batch {
    /// The work item of the batch. At offset 0, see [`run`].
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
    /// Returns an empty batch, whose work item runs on `queue` and calls `each` with each link.
    /// [`Batch::init`] must be called before it is used.
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
    /// The batch must not be in use yet, and must not be moved afterwards.
    pub(crate) unsafe fn init(&self) {
        // SAFETY: The item is not in use yet and not moved afterwards, as the batch is not.
        unsafe { Work::init(self.work.get().cast(), run) };
    }

    /// Returns the queue.
    #[inline]
    pub(crate) fn queue(&self) -> Queue {
        self.queue
    }

    /// Adds `link`. The work item will call `each` with it once, which sees all that was written
    /// before this call. Any context but NMI.
    ///
    /// # Safety
    ///
    /// `link` must be valid and in no batch, and stay valid until `each` is called with it. The
    /// batch and its queue must outlive that call.
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
        // SAFETY: The item was initialised by `init()`. By the safety requirements the batch and
        // the queue outlive its run.
        unsafe {
            if !self.queue.is_pending(self.work.get()) {
                self.queue.enqueue(self.work.get());
            }
        }
    }

    /// Takes all links that were added, and returns the oldest of them, the head of a list in the
    /// order of their addition.
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

    /// Processes up to [`AT_ONCE`] links, and queues the work item again if there are more.
    ///
    /// # Safety
    ///
    /// Must be called by the work item.
    unsafe fn process(&self) {
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
            // SAFETY: The link was added once, and was taken out of the list.
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
        // SAFETY: The item was initialised by `init()`. The destruction of the queue waits for
        // items that queue themselves.
        unsafe { self.queue.enqueue(self.work.get()) };
    }
}

/// Runs the work item.
///
/// # Safety
///
/// `work` must be the item of a batch.
unsafe extern "C" fn run(work: *mut work_struct) {
    // SAFETY: The item is at offset 0 of a batch, which outlives the queue. The destruction of the
    // queue waits for this call.
    let batch = unsafe { &*work.cast_const().cast::<Batch>() };
    // SAFETY: The work item calls this.
    unsafe { batch.process() };
}
