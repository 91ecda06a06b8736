// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Waiting for several fences with one wake.
//!
//! Each fence has a [`Registration`]. They share a waker and a count of missing fences. The
//! callback that decrements the count to zero wakes the task.
//!
//! ```text
//!   first poll: all have signalled ──► Ready, nothing is linked
//!      │ else
//!      ▼
//!   missing = 1 + number of fences       the 1 is poll()'s: no callback wakes before all are added
//!      │ -1: a fence had signalled when it was to be added
//!      │ -1: a callback
//!      │ -1: all were added
//!      ▼
//!   missing = 0 ──► Ready; if a callback has brought it there, it wakes the task
//! ```
//!
//! This file does not depend on C code, so that the model checker compiles it unchanged
//! (`rust/kasync/loom/tests/fence_set.rs`).
//!
//! # Memory ordering
//!
//! | store | load | why |
//! |---|---|---|
//! | callback: `missing` - 1 (full) | `poll`: `missing` (acquire) | the work of the fences |
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

/// The state that the callbacks of a set share.
struct Shared {
    missing: Atomic<u32>,
    waker: AtomicWaker,
}

/// A listener that decrements the count of its set.
///
/// # Invariants
///
/// It points to the shared state of the set while the registration is ARMED.
struct Count(Owned<*const Shared>);

impl Listener for Count {
    #[inline]
    unsafe fn signalled(&self, _error: i32) -> Option<Waker> {
        // SAFETY: The registration is ARMED, so the pointer is valid by the type invariant. The set
        // is not freed before the registration is FIRED.
        let shared = unsafe { &*self.0.with(|shared| *shared) };
        if shared.missing.fetch_sub(1, Full) == 1 {
            shared.waker.take()
        } else {
            None
        }
    }
}

/// A fence of a set, with its registration.
pub(crate) struct Entry<S: Source> {
    registration: Registration<S, Count>,
    /// True if the set reports the error of the fence.
    pub(crate) reports: bool,
    /// The position of the fence in the caller's list.
    pub(crate) place: u32,
    pub(crate) fence: S,
}

impl<S: Source> Entry<S> {
    /// Creates the entry of a fence that nothing waits for yet.
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

/// A wait for all of the fences in `E`. One poll adds at most `AT_ONCE` callbacks.
pub(crate) struct WaitAll<S: Source, E: Deref<Target = [Entry<S>]>, const AT_ONCE: usize> {
    shared: Shared,
    entries: E,
    /// The number of entries whose registrations were added.
    added: Cell<usize>,
    _source: PhantomData<S>,
    _pin: PhantomPinned,
}

// SAFETY: Registrations are `Send`, and only the owner accesses the cells. `E` owns the entries,
// and has no other state.
unsafe impl<S: Source + Send, E: Deref<Target = [Entry<S>]>, const AT_ONCE: usize> Send
    for WaitAll<S, E, AT_ONCE>
{
}
// SAFETY: All methods that change a cell take `Pin<&mut Self>`.
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

    /// Returns the entries, in the order in which callbacks are added.
    #[inline]
    pub(crate) fn entries(&self) -> &[Entry<S>] {
        &self.entries
    }

    /// Returns whether a poll has added callbacks.
    pub(crate) fn is_polled(&self) -> bool {
        self.added.get() > 0
    }

    /// Adds the registration of an entry, or decrements the count if its fence has signalled.
    #[inline]
    fn add(&self, entry: &Entry<S>) {
        // INVARIANT: The shared state lives as long as the entries.
        let listener = entry.registration.listener();
        // SAFETY: The registration is IDLE, so the waiter owns the listener.
        listener.0.with(|s| unsafe { *s = &self.shared });
        // SAFETY: The set is pinned, the entries do not move, and `drop()` removes them.
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

    /// Polls for all fences to have signalled.
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.into_ref();
        let (added, all) = (this.added.get(), this.entries.len());
        // The common case: all have signalled while the jobs before this one ran.
        if added == 0 && this.entries.iter().all(|entry| entry.fence.is_signaled()) {
            return Poll::Ready(());
        }
        // Before the count is set, so that the callback that decrements it to zero wakes this task.
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
                // Other tasks have their turn before the rest is added.
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
