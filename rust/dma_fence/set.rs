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
//!
//! A fence that somebody else waits for is unlinked, and not missing, until it is asked for all.

use crate::{
    containers::Leaves,
    context::Timeline,
    fence::Fence, //
};
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
use kasync::{
    sync::AtomicWaker,
    time::Delta, //
};
use kernel::{
    alloc::{
        flags::__GFP_NOWARN,
        Flags, //
    },
    bindings,
    prelude::*,
    sync::{
        aref::ARef,
        rcu, //
    }, //
};

const IDLE: u8 = 0;
const ARMED: u8 = 1;
const FIRED: u8 = 2;

/// How many fences there are is up to userspace.
fn quietly() -> Flags {
    GFP_KERNEL | __GFP_NOWARN
}

/// How many fences are compared one by one, to find those of one context. More are sorted.
const FEW: usize = 32;

/// What is linked into a fence's list.
#[repr(C)]
struct Entry {
    /// First, so that the callback finds the rest.
    node: UnsafeCell<bindings::dma_fence_cb>,
    state: AtomicU8,
    /// Whether its error is one of those that the set tells.
    tells: bool,
    /// Somebody else waits for it.
    covered: bool,
    /// Its place among the others.
    place: u32,
    shared: *const Shared,
    fence: ARef<Fence>,
}

/// What the callbacks of a set have in common.
struct Shared {
    missing: AtomicU32,
    waker: AtomicWaker,
}

struct Inner {
    shared: Shared,
    entries: KVVec<Entry>,
    added: bool,
    /// How many are not waited for. These are not linked.
    covered: u32,
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
/// | `poll_all`, `poll_except`, drop | yes | yes | no |
/// | `set_deadline`, `iter`, `len`, `is_empty`, `is_polled` | yes | yes | yes |
///
/// # Examples
///
/// ```ignore
/// let mut set = FenceSet::new(fences, None)?;                // allocates all that it takes
/// set.set_deadline(Delta::from_millis(16));                  // whoever signals them may hurry
/// poll_fn(|cx| set.poll_all(cx)).await?;                     // one wake, however many fences
/// ```
#[derive(Default)]
pub struct FenceSet(Option<Pin<KBox<Inner>>>);

impl FenceSet {
    /// Arrays and chains are taken apart, however deep. Of several fences of one context, which signal in order, only the last is kept,
    /// and none of `own_context`: whoever asks has an order with those already. Fences that have signalled well are left out as well.
    ///
    /// Whether links of a chain have failed that come before its last one is not told: it depends on who has walked it before.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline]
    pub fn new(fences: KVVec<ARef<Fence>>, own_context: Option<Timeline>) -> Result<Self> {
        if fences.is_empty() {
            if fences.capacity() == 0 {
                // Nothing to free: spares a call of the allocator.
                core::mem::forget(fences);
            }
            return Ok(Self(None));
        }
        Self::new_some(fences, own_context)
    }

    fn new_some(fences: KVVec<ARef<Fence>>, own_context: Option<Timeline>) -> Result<Self> {
        let inner = KBox::new(
            Inner {
                shared: Shared {
                    missing: AtomicU32::new(0),
                    waker: AtomicWaker::new(),
                },
                entries: KVVec::with_capacity(fences.len(), quietly())?,
                added: false,
                covered: 0,
                _pin: PhantomPinned,
            },
            GFP_KERNEL,
        )?;
        let mut builder = Builder {
            inner,
            own_context,
            sort_at: 2 * FEW,
        };
        for fence in fences {
            if fence.is_container() {
                builder.add_all(fence)?;
            } else {
                builder.add(fence, true)?;
            }
        }
        Ok(builder.finish())
    }

    /// Tells whoever signals them that they are wanted after so much time: [`Fence::set_deadline`] of each.
    pub fn set_deadline(&self, after: Delta) {
        self.iter().for_each(|fence| fence.set_deadline(after));
    }

    /// How many fences it is made of.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| inner.entries.len())
    }

    /// Its fences.
    pub fn iter(&self) -> impl Iterator<Item = &Fence> {
        let inner = self.0.iter();
        inner.flat_map(|inner| &inner.entries).map(|e| &*e.fence)
    }

    /// Whether somebody has asked already.
    pub fn is_polled(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.added)
    }

    /// Returns whether all of the fences have signalled.
    ///
    /// What was written before they were signalled is visible then.
    pub fn test_signaled(&self) -> bool {
        self.iter().all(|fence| fence.result().is_some())
    }

    /// Whether there is nothing to wait for.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all have signalled: an error if one of them has. If not, the task of `cx` is woken once when they have.
    ///
    /// The error is the first in the order in which the fences were given. Once ready the set is empty, and so well.
    #[inline]
    pub fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<Result> {
        if self.0.is_none() {
            return Poll::Ready(Ok(()));
        }
        self.poll_some(cx)
    }

    /// As [`FenceSet::poll_all`], but does not wait for those of which `covered` says that somebody else does. It is asked about each that has not
    /// signalled, until it says yes. If it has, the set stays as it is when this is ready: it can still be polled for all.
    #[inline]
    pub fn poll_except(
        &mut self,
        cx: &mut Context<'_>,
        covered: impl FnMut(&Fence) -> bool,
    ) -> Poll<Result> {
        if self.0.is_none() {
            return Poll::Ready(Ok(()));
        }
        self.poll_some_except(cx, covered)
    }

    fn poll_some_except(
        &mut self,
        cx: &mut Context<'_>,
        covered: impl FnMut(&Fence) -> bool,
    ) -> Poll<Result> {
        let Some(inner) = &mut self.0 else {
            return Poll::Ready(Ok(()));
        };
        if inner.as_mut().poll(cx).is_pending() && !inner.as_mut().cover(covered) {
            return Poll::Pending;
        }
        let result = inner.result();
        if inner.covered == 0 {
            self.0 = None;
        }
        Poll::Ready(result)
    }

    fn poll_some(&mut self, cx: &mut Context<'_>) -> Poll<Result> {
        let Some(inner) = &mut self.0 else {
            return Poll::Ready(Ok(()));
        };
        if inner.covered > 0 {
            inner.as_mut().uncover();
        }
        if inner.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let result = inner.result();
        // The references to the fences go with it.
        self.0 = None;
        Poll::Ready(result)
    }
}

/// A set that is being made.
struct Builder {
    inner: KBox<Inner>,
    own_context: Option<Timeline>,
    /// With how many entries they are sorted the next time, if they are many.
    sort_at: usize,
}

impl Builder {
    /// Adds what a container is made of.
    #[cold]
    fn add_all(&mut self, container: ARef<Fence>) -> Result {
        let mut leaves = Leaves::new(&container);
        while let Some((leaf, tells)) = leaves.leaf() {
            self.add(leaf, tells)?;
            leaves.advance();
        }
        Ok(())
    }

    /// Adds a fence that is no container.
    #[inline(always)]
    fn add(&mut self, fence: ARef<Fence>, tells: bool) -> Result {
        let context = fence.context();
        if self.own_context.is_some_and(|own| own.id() == context) {
            return Ok(());
        }
        let entry = Entry {
            node: UnsafeCell::new(bindings::dma_fence_cb::default()),
            state: AtomicU8::new(IDLE),
            tells,
            covered: false,
            place: self.inner.entries.len() as u32,
            shared: &self.inner.shared,
            fence,
        };
        let entries = &mut self.inner.entries;
        if entries.len() <= FEW {
            if let Some(same) = entries.iter_mut().find(|e| e.fence.context() == context) {
                same.absorb(entry);
                return Ok(());
            }
        }
        entries.push(entry, quietly())?;
        if entries.len() >= self.sort_at {
            self.sort();
        }
        Ok(())
    }

    /// Leaves one fence of each context. What it costs is shared by those that were added since the last time.
    fn sort(&mut self) {
        let entries = &mut self.inner.entries;
        entries.sort_unstable_by_key(|e| (e.fence.context(), e.place));
        let mut last = 0;
        for i in 1..entries.len() {
            let (before, after) = entries.split_at_mut(i);
            if before[last].fence.context() == after[0].fence.context() {
                before[last].absorb_from(&mut after[0]);
            } else {
                last += 1;
                entries.swap(last, i);
            }
        }
        entries.truncate(last + 1);
        entries.sort_unstable_by_key(|e| e.place);
        for (place, entry) in entries.iter_mut().enumerate() {
            entry.place = place as u32;
        }
        self.sort_at = 2 * entries.len().max(FEW);
    }

    fn finish(mut self) -> FenceSet {
        if self.inner.entries.len() > FEW {
            self.sort();
        }
        // Those that have gone well. An error stays, and is told when the set is polled.
        self.inner
            .entries
            .retain(|entry| !matches!(entry.fence.result(), Some(Ok(()))));
        if self.inner.entries.is_empty() {
            return FenceSet(None);
        }
        FenceSet(Some(KBox::into_pin(self.inner)))
    }
}

impl Inner {
    /// Of fences that have signalled.
    fn result(&self) -> Result {
        let told = self.entries.iter().filter(|e| e.tells);
        told.filter_map(|e| e.fence.result())
            .fold(Ok(()), Result::and)
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

impl Inner {
    /// Asks of each fence that has not signalled whether somebody else waits for it. Whether all others have signalled.
    fn cover(self: Pin<&mut Self>, mut covered: impl FnMut(&Fence) -> bool) -> bool {
        // SAFETY: Nothing is moved out of it, and the entries stay where they are.
        let this = unsafe { self.get_unchecked_mut() };
        for entry in &mut this.entries {
            if entry.covered || entry.fence.test_signaled_flag() || !covered(&entry.fence) {
                continue;
            }
            // One that has just fired has counted itself.
            if entry.remove() {
                entry.covered = true;
                this.covered += 1;
                this.shared.missing.fetch_sub(1, Ordering::AcqRel);
            }
        }
        this.shared.missing.load(Ordering::Acquire) == 0
    }

    /// All are waited for again.
    fn uncover(self: Pin<&mut Self>) {
        // SAFETY: As in `cover`.
        let this = unsafe { self.get_unchecked_mut() };
        this.covered = 0;
        for entry in &mut this.entries {
            if !core::mem::replace(&mut entry.covered, false) {
                continue;
            }
            this.shared.missing.fetch_add(1, Ordering::AcqRel);
            // SAFETY: As in `poll`. It was taken out by `cover`.
            if unsafe { entry.add() } {
                this.shared.missing.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

impl Entry {
    /// Becomes the later of the two, which are of one context and not linked.
    fn absorb(&mut self, mut other: Entry) {
        self.absorb_from(&mut other);
    }

    fn absorb_from(&mut self, other: &mut Entry) {
        if other.fence.is_later_than(&self.fence) {
            core::mem::swap(&mut self.fence, &mut other.fence);
        }
        self.tells |= other.tells;
    }

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

    /// Unlinks the entry, if it is linked.
    fn remove(&self) -> bool {
        let _rcu = rcu::read_lock();
        if self.state.load(Ordering::Acquire) != ARMED {
            return false;
        }
        // SAFETY: It was added. The fence had not signalled, or not for as long as a grace period, when this section
        // began, so its lock is there. If it is not linked any more the callback has run to its end, under that lock.
        let linked =
            unsafe { bindings::dma_fence_remove_callback(self.fence.as_raw(), self.node.get()) };
        if linked {
            self.state.store(IDLE, Ordering::Relaxed);
        }
        linked
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
