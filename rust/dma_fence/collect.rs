// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Collecting the fences of a set from what userspace names.
//!
//! ```text
//!  named: fence, array, chain, the same array, …
//!     │ containers that are named again are left out, by their address
//!     ▼
//!  leaves: what the containers are made of        at most FenceSet::MAX_LEAVES are looked at
//!     │ of each timeline the last one is kept
//!     ▼
//!  fences of the set                              those that have signalled well are left out
//! ```
//!
//! Userspace can name a container of thousands of fences thousands of times, at the cost of a few
//! bytes each. So the number of leaves is what is bounded, and a thread that is to be killed stops.

use crate::{
    all::Entry,
    containers::Leaves,
    evidence::Timeline,
    fence::{
        ARef,
        Fence, //
    },
    ffi,
    set::{
        All,
        FenceSet,
        Inner, //
    }, //
};
use kernel::{
    alloc::{
        flags::__GFP_NOWARN,
        Flags, //
    },
    prelude::*, //
};

/// The number of fences up to which they are compared one by one, to find those of one timeline.
/// More are sorted.
const FEW: usize = 32;

/// After how many leaves a fatal signal is looked for.
const LEAVES_AT_ONCE: usize = 128;

/// Flags for memory whose size is up to userspace.
fn quietly() -> Flags {
    GFP_KERNEL_ACCOUNT | __GFP_NOWARN
}

impl FenceSet {
    /// How many leaves of containers, and other fences, a set may be collected from.
    pub const MAX_LEAVES: usize = 1 << 16;

    /// Collects a set.
    ///
    /// Arrays and chains are taken apart, and those that are named again left out. Of several
    /// fences of one timeline, which signal in order, only the last is kept, and none of `own`: a
    /// job is in order with the others of its timeline already. Fences that have signalled without
    /// an error are left out as well.
    ///
    /// Whether links of a chain have failed that come before its last one is not reported: it
    /// depends on whether somebody has walked the chain before.
    ///
    /// # Errors
    ///
    /// `E2BIG` if there are more leaves than [`FenceSet::MAX_LEAVES`], `EINTR` if the thread has a
    /// fatal signal, `ENOMEM`.
    #[inline]
    pub fn new(fences: KVVec<ARef<Fence>>, own: Option<Timeline>) -> Result<Self> {
        if fences.is_empty() {
            if fences.capacity() == 0 {
                // Nothing to free: spares a call of the allocator.
                core::mem::forget(fences);
            }
            return Ok(Self::default());
        }
        Self::collect(fences, own)
    }

    fn collect(fences: KVVec<ARef<Fence>>, own: Option<Timeline>) -> Result<Self> {
        let containers = Containers::of(&fences)?;
        let mut collection = Collection {
            entries: KVVec::with_capacity(fences.len(), quietly())?,
            own,
            sort_at: 2 * FEW,
            visited: 0,
        };
        for (i, fence) in fences.into_iter().enumerate() {
            if !fence.is_container() {
                collection.add(fence, true)?;
            } else if containers.is_first(&fence, i) {
                collection.add_leaves(&fence)?;
            }
        }
        collection.finish()
    }
}

/// The containers among the fences that were named.
struct Containers {
    /// The address of each, and its place, if there are several.
    sorted: KVVec<(usize, usize)>,
}

impl Containers {
    fn of(fences: &[ARef<Fence>]) -> Result<Self> {
        let mut sorted = KVVec::new();
        let places = fences.iter().enumerate();
        for (i, fence) in places.filter(|(_, fence)| fence.is_container()) {
            sorted.push((fence.as_raw() as usize, i), quietly())?;
        }
        sorted.sort_unstable();
        Ok(Self { sorted })
    }

    /// Returns whether a container was not named before.
    fn is_first(&self, container: &Fence, place: usize) -> bool {
        let address = container.as_raw() as usize;
        let first = self.sorted.partition_point(|&(a, _)| a < address);
        self.sorted.get(first) == Some(&(address, place))
    }
}

/// A set that is being collected.
struct Collection {
    entries: KVVec<Entry<ARef<Fence>>>,
    own: Option<Timeline>,
    /// The number of entries with which they are sorted the next time, if they are many.
    sort_at: usize,
    visited: usize,
}

impl Collection {
    /// Adds what a container is made of.
    #[cold]
    fn add_leaves(&mut self, container: &Fence) -> Result {
        let mut leaves = Leaves::new(container);
        while let Some((leaf, reports)) = leaves.leaf() {
            if self.visited % LEAVES_AT_ONCE == 0 {
                // SAFETY: The caller may sleep, as it allocates.
                if unsafe { ffi::dma_fence_shim_fatal_signal() } {
                    return Err(EINTR);
                }
            }
            self.add(leaf, reports)?;
            leaves.advance();
        }
        Ok(())
    }

    /// Adds a fence that is no container.
    #[inline(always)]
    fn add(&mut self, fence: ARef<Fence>, reports: bool) -> Result {
        self.visited += 1;
        if self.visited > FenceSet::MAX_LEAVES {
            return Err(E2BIG);
        }
        let timeline = fence.timeline();
        if Some(timeline) == self.own {
            return Ok(());
        }
        let entries = &mut self.entries;
        if entries.len() <= FEW {
            let mut entries = entries.iter_mut();
            if let Some(same) = entries.find(|e| e.fence.timeline() == timeline) {
                if fence.is_later_than(&same.fence) {
                    same.fence = fence;
                }
                same.reports |= reports;
                return Ok(());
            }
        }
        if entries.len() == entries.capacity() {
            entries.reserve(1, quietly())?;
        }
        let entry = Entry::new(fence, reports, entries.len() as u32);
        if let Some(place) = entries.spare_capacity_mut().first_mut() {
            place.write(entry);
            // SAFETY: There is room for one more, and it was just written.
            unsafe { entries.inc_len(1) };
        }
        if entries.len() >= self.sort_at {
            self.sort();
        }
        Ok(())
    }

    /// Leaves one fence of each timeline. What it costs is shared by those that were added since
    /// the last time.
    fn sort(&mut self) {
        let entries = &mut self.entries;
        entries.sort_unstable_by_key(|e| (e.fence.context(), e.place));
        let mut last = 0;
        for i in 1..entries.len() {
            let (before, after) = entries.split_at_mut(i);
            let (kept, next) = (&mut before[last], &mut after[0]);
            if kept.fence.timeline() == next.fence.timeline() {
                if next.fence.is_later_than(&kept.fence) {
                    core::mem::swap(&mut kept.fence, &mut next.fence);
                }
                kept.reports |= next.reports;
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

    fn finish(mut self) -> Result<FenceSet> {
        if self.entries.len() > FEW {
            self.sort();
        }
        // An error stays, and is reported when the set is polled.
        let is_good = |entry: &Entry<ARef<Fence>>| matches!(entry.fence.result(), Some(Ok(())));
        if self.entries.iter().any(is_good) {
            self.entries.retain(|entry| !is_good(entry));
        }
        if self.entries.is_empty() {
            return Ok(FenceSet::default());
        }
        let memory = KBox::<Inner>::new_uninit(GFP_KERNEL_ACCOUNT)?;
        // Written in place.
        let inner = KBox::write(
            memory,
            Inner::new(All::new(self.entries.into()), self.visited),
        );
        Ok(FenceSet::of(inner))
    }
}
