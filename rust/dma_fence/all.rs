// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Waiting for several fences with one wake.
//!
//! Each fence has a [`Registration`]. They share a waker, and a count of what is missing; the
//! callback that brings the count to zero wakes.
//!
//! ```text
//!   first poll: all have signalled ──► Ready, nothing is linked
//!      │ else
//!      ▼
//!   missing = 1 + number of fences       the 1 is poll()'s own: nothing wakes before all are added
//!      │ -1: a fence had signalled when it was to be added
//!      │ -1: a callback
//!      │ -1: all were added
//!      ▼
//!   missing = 0 ──► Ready; if a callback has brought it there, it wakes the task
//! ```
//!
//! Nothing of the kernel's fences is named here: a model checker compiles this file as well
//! (`rust/kasync/loom/tests/fence_set.rs`).
//!
//! # Memory ordering
//!
//! | store | load | why |
//! |---|---|---|
//! | callback: `missing` - 1 (full) | `poll`: `missing` (acquire) | what the fences stand for |
//! | `poll`: registers the waker | callback: `missing` - 1 (full), takes the waker | lost wake |

use crate::registration::{
    Listener,
    Registration,
    Source, //
};
use core::{
    cell::Cell,
    marker::{
        PhantomData,
        PhantomPinned, //
    },
    ops::Deref,
    pin::Pin,
    ptr,
    task::{
        Context,
        Poll,
        Waker, //
    }, //
};
use kasync::{
    __OwnedCell as Owned, //
    sync::AtomicWaker,
};
use kernel::sync::atomic::{
    Acquire,
    Atomic,
    Full,
    Relaxed, //
};

/// What the callbacks of a set have in common.
struct Shared {
    missing: Atomic<u32>,
    waker: AtomicWaker,
}

/// A listener that counts for a set.
///
/// # Invariants
///
/// Points to what the set shares while the registration is ARMED.
struct Count(Owned<*const Shared>);

impl Listener for Count {
    #[inline]
    unsafe fn signalled(&self, _error: i32) -> Option<Waker> {
        // SAFETY: By the type invariant; the set is not freed before the registration is FIRED.
        let shared = unsafe { &*self.0.with(|shared| *shared) };
        if shared.missing.fetch_sub(1, Full) == 1 {
            shared.waker.take()
        } else {
            None
        }
    }
}

/// A fence that is waited for.
pub(crate) struct Entry<S: Source> {
    registration: Registration<S, Count>,
    /// Whether the error of the fence is one of those that the set reports.
    pub(crate) reports: bool,
    /// The place of the fence among those that were given.
    pub(crate) place: u32,
    pub(crate) fence: S,
}

impl<S: Source> Entry<S> {
    #[inline(always)]
    pub(crate) fn new(fence: S, reports: bool, place: u32) -> Self {
        Self {
            registration: Registration::new(Count(Owned::new(ptr::null()))),
            reports,
            place,
            fence,
        }
    }
}

/// Fences all of which are waited for: those in `E`.
///
/// One poll adds at most `AT_ONCE` callbacks.
pub(crate) struct WaitAll<S: Source, E: Deref<Target = [Entry<S>]>, const AT_ONCE: usize> {
    shared: Shared,
    entries: E,
    /// How many entries were added.
    added: Cell<usize>,
    _source: PhantomData<S>,
    _pin: PhantomPinned,
}

// SAFETY: The callbacks take turns with the owner, see `Registration`; cells are the owner's. `E`
// owns the entries and has nothing else.
unsafe impl<S: Source + Send, E: Deref<Target = [Entry<S>]>, const AT_ONCE: usize> Send
    for WaitAll<S, E, AT_ONCE>
{
}
// SAFETY: All that changes what is in a cell takes `Pin<&mut Self>`.
unsafe impl<S: Source + Sync, E: Deref<Target = [Entry<S>]>, const AT_ONCE: usize> Sync
    for WaitAll<S, E, AT_ONCE>
{
}

impl<S: Source, E: Deref<Target = [Entry<S>]>, const AT_ONCE: usize> WaitAll<S, E, AT_ONCE> {
    #[inline(always)]
    pub(crate) fn new(entries: E) -> Self {
        Self {
            shared: Shared {
                missing: Atomic::new(0),
                waker: AtomicWaker::new(),
            },
            entries,
            added: Cell::new(0),
            _source: PhantomData,
            _pin: PhantomPinned,
        }
    }

    #[inline]
    pub(crate) fn entries(&self) -> &[Entry<S>] {
        &self.entries
    }

    /// Returns whether callbacks were added in a poll before.
    pub(crate) fn is_polled(&self) -> bool {
        self.added.get() > 0
    }

    /// Links an entry, or takes it from what is missing.
    #[inline]
    fn add(&self, entry: &Entry<S>) {
        // INVARIANT: What is shared stays as long as the entries.
        let listener = entry.registration.listener();
        // SAFETY: The registration is IDLE, so the listener is ours.
        listener.0.with(|s| unsafe { *s = &self.shared });
        // SAFETY: The set is pinned and the entries do not move, and `drop` unlinks them.
        if unsafe { !entry.registration.add(&entry.fence) } {
            self.shared.missing.fetch_sub(1, Full);
        }
    }

    fn is_complete(&self) -> Poll<()> {
        if self.shared.missing.load(Acquire) == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Polls until all fences have signalled.
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.into_ref();
        let (added, all) = (this.added.get(), this.entries.len());
        // Often the jobs that come first have taken longer than what this one waits for.
        if added == 0 && this.entries.iter().all(|entry| entry.fence.is_signaled()) {
            return Poll::Ready(());
        }
        // First, so that a callback that brings the count to zero from here on wakes this task.
        this.shared.waker.register(cx);
        if added < all {
            if added == 0 {
                this.shared.missing.store(all as u32 + 1, Relaxed);
            }
            let more = all.min(added + AT_ONCE);
            for entry in &this.entries[added..more] {
                this.add(entry);
            }
            this.added.set(more);
            if more < all {
                // The others have their turn.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            this.shared.missing.fetch_sub(1, Full);
        }
        this.is_complete()
    }
}

impl<S: Source, E: Deref<Target = [Entry<S>]>, const AT_ONCE: usize> Drop
    for WaitAll<S, E, AT_ONCE>
{
    fn drop(&mut self) {
        for entry in &self.entries[..self.added.get()] {
            // SAFETY: The fence is the one that the entry was added for.
            unsafe { entry.registration.remove(&entry.fence) };
        }
    }
}
