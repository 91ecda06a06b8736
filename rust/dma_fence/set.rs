// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Waiting for many fences at once.
//!
//! Each fence has a registration like that of a [`FenceFuture`](crate::FenceFuture): see `wait` for its states. Here they share
//! one waker, and a count of what is missing; whoever brings that to zero wakes.
//!
//! ```text
//!   missing = 1 + number of fences          the 1 is poll()'s own, so that nobody wakes before all are added
//!      │ -1: a fence had signalled when it was to be added
//!      │ -1: a callback
//!      │ -1: all were added
//!      ▼
//!   missing = 0 ──► Ready; if it was a callback that brought it there, it wakes the task
//! ```

use crate::fence::Fence;
use core::{
    cell::UnsafeCell,
    marker::PhantomPinned,
    pin::Pin,
    sync::atomic::{
        AtomicU32,
        AtomicU8,
        Ordering, //
    },
    task::{
        Context,
        Poll, //
    }, //
};
use kasync::sync::AtomicWaker;
use kernel::{
    bindings,
    prelude::*,
    sync::rcu, //
};

const IDLE: u8 = 0;
const ARMED: u8 = 1;
const FIRED: u8 = 2;

/// What is linked into a fence's list.
#[repr(C)]
struct Entry {
    /// First, so that the callback finds the rest.
    node: UnsafeCell<bindings::dma_fence_cb>,
    state: AtomicU8,
    shared: *const Shared,
    fence: Fence,
}

/// What the callbacks of a set have in common.
struct Shared {
    missing: AtomicU32,
    waker: AtomicWaker,
}

struct Inner {
    shared: Shared,
    entries: KVec<Entry>,
    added: bool,
    _pin: PhantomPinned,
}

// SAFETY: The callbacks take turns with the owner, see the states.
unsafe impl Send for Inner {}
// SAFETY: Nothing can be done with a shared `Inner`.
unsafe impl Sync for Inner {}

/// Fences, of whatever drivers, all of which are waited for. A set without any takes no memory.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new` | yes | no (allocates) | no |
/// | `poll_all`, drop | yes | yes | no |
#[derive(Default)]
pub struct FenceSet(Option<Pin<KBox<Inner>>>);

impl FenceSet {
    /// Of several fences of one context, which signal in order, only the last is kept, and none of `own_context`: whoever asks
    /// has an order with those already. Those that have signalled well are left out as well.
    pub fn new(fences: KVVec<Fence>, own_context: Option<u64>) -> Result<Self> {
        if fences.is_empty() {
            return Ok(Self(None));
        }
        let mut inner = KBox::new(
            Inner {
                shared: Shared {
                    missing: AtomicU32::new(0),
                    waker: AtomicWaker::new(),
                },
                entries: KVec::with_capacity(fences.len(), GFP_KERNEL)?,
                added: false,
                _pin: PhantomPinned,
            },
            GFP_KERNEL,
        )?;
        let shared: *const Shared = &inner.shared;
        for fence in fences {
            if Some(fence.context()) == own_context {
                continue;
            }
            let same = |entry: &&mut Entry| entry.fence.context() == fence.context();
            if let Some(entry) = inner.entries.iter_mut().find(same) {
                if fence.is_later_than(&entry.fence) {
                    entry.fence = fence;
                }
                continue;
            }
            let entry = Entry {
                node: UnsafeCell::new(bindings::dma_fence_cb::default()),
                state: AtomicU8::new(IDLE),
                shared,
                fence,
            };
            inner.entries.push(entry, GFP_KERNEL)?;
        }
        // An error stays, and is found when the set is polled: who looked for errors first would miss one that comes right after.
        inner
            .entries
            .retain(|entry| !matches!(entry.fence.result(), Some(Ok(()))));
        if inner.entries.is_empty() {
            return Ok(Self(None));
        }
        Ok(Self(Some(KBox::into_pin(inner))))
    }

    /// How many fences it is made of.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| inner.entries.len())
    }

    /// Whether there is nothing to wait for.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether all have signalled: an error if one of them has. If not, the task of `cx` is woken once when they have.
    ///
    /// The error is the first in the order in which the fences were given. Once ready the set is empty, and so well.
    pub fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<Result> {
        let Some(inner) = &mut self.0 else {
            return Poll::Ready(Ok(()));
        };
        if inner.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let result = inner.result();
        // The references to the fences go with it.
        self.0 = None;
        Poll::Ready(result)
    }
}

impl Inner {
    /// Of fences that have signalled.
    fn result(&self) -> Result {
        let results = self.entries.iter().filter_map(|e| e.fence.result());
        results.fold(Ok(()), Result::and)
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: Nothing is moved out of it.
        let this = unsafe { self.get_unchecked_mut() };
        // First, so that whoever brings the count to zero from here on wakes this task.
        this.shared.waker.register(cx);
        if !this.added {
            this.added = true;
            let count = this.entries.len() as u32;
            this.shared.missing.store(count + 1, Ordering::Relaxed);
            for entry in &this.entries {
                // SAFETY: The entries are in memory that is pinned like this, and `drop` unlinks them.
                if unsafe { entry.add() } {
                    this.shared.missing.fetch_sub(1, Ordering::AcqRel);
                }
            }
            this.shared.missing.fetch_sub(1, Ordering::AcqRel);
        }
        if this.shared.missing.load(Ordering::Acquire) == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Entry {
    /// Links the entry. Returns whether the fence has signalled already, and it is not linked.
    ///
    /// # Safety
    ///
    /// The entry stays where it is until it has fired or [`Entry::remove`] was called.
    unsafe fn add(&self) -> bool {
        self.state.store(ARMED, Ordering::Relaxed);
        let _rcu = rcu::read_lock();
        // SAFETY: The fence is valid; the node stays by the function's requirements. From here on it may be called.
        let added = unsafe {
            bindings::dma_fence_add_callback(self.fence.as_raw(), self.node.get(), Some(fired))
        };
        if added != 0 {
            self.state.store(IDLE, Ordering::Relaxed);
        }
        added != 0
    }

    fn remove(&self) {
        let _rcu = rcu::read_lock();
        if self.state.load(Ordering::Acquire) == ARMED {
            // SAFETY: It was added. The fence had not signalled, or not for as long as a grace period, when this section
            // began, so its lock is there. If it is not linked any more the callback has run to its end, under that lock.
            unsafe {
                bindings::dma_fence_remove_callback(self.fence.as_raw(), self.node.get());
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        for entry in &self.entries {
            entry.remove();
        }
    }
}

/// # Safety
///
/// Only as callback of an [`Entry`]'s node, which the fence's core calls at most once.
unsafe extern "C" fn fired(_fence: *mut bindings::dma_fence, node: *mut bindings::dma_fence_cb) {
    let entry: *const Entry = node.cast();
    // SAFETY: The node is the first field of an entry in state ARMED, which is not freed, nor is the set, before FIRED is
    // stored: the last access.
    let waker = unsafe {
        let shared = &*(*entry).shared;
        let last = shared.missing.fetch_sub(1, Ordering::AcqRel) == 1;
        let waker = if last { shared.waker.take() } else { None };
        (*entry).state.store(FIRED, Ordering::Release);
        waker
    };
    if let Some(waker) = waker {
        waker.wake();
    }
}

const _: () = assert!(core::mem::offset_of!(Entry, node) == 0);
