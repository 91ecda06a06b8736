// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Construction of a set from fences that userspace names.
//!
//! ```text
//!  named: fence, array, chain, the same array, …
//!     │ duplicates of containers are left out, by their address
//!     ▼
//!  leaves of the containers                       at most FenceSet::MAX_LEAVES are visited
//!     │ the last one of each timeline is kept
//!     ▼
//!  fences of the set                              those that have succeeded are left out
//! ```
//!
//! Userspace can name a container of thousands of fences thousands of times, for a few bytes each.
//! So the number of leaves is limited, and the walk stops if the thread has a fatal signal.

use crate::{
    all::Entry,
    containers::Leaves,
    entries::Block,
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

/// The number of fences up to which those of one timeline are found by comparison. Larger numbers
/// are sorted.
const FEW: usize = 32;

/// The number of leaves between checks for a fatal signal.
const LEAVES_AT_ONCE: usize = 128;

/// Returns flags for allocations whose size userspace controls.
fn quietly() -> Flags {
    GFP_KERNEL_ACCOUNT | __GFP_NOWARN
}

impl FenceSet {
    /// The maximum number of fences, leaves of containers included, from which a set is built.
    pub const MAX_LEAVES: usize = 1 << 16;

    /// Builds a set.
    ///
    /// Arrays and chains are unwrapped, and duplicates of them are left out. Of several fences of
    /// one timeline, which signal in order, only the last is kept. Fences of the timeline `own` are
    /// left out, since a job runs after the earlier jobs of its timeline anyway. So are fences that
    /// have signalled without an error.
    ///
    /// Errors of links of a chain before the last one are not reported, since links that have
    /// signalled may have been removed from the chain before.
    ///
    /// # Errors
    ///
    /// `E2BIG` if there are more than [`FenceSet::MAX_LEAVES`] fences, `EINTR` if the thread has a
    /// fatal signal, `ENOMEM`.
    #[inline]
    pub fn new(fences: KVVec<ARef<Fence>>, own: Option<Timeline>) -> Result<Self> {
        if fences.is_empty() {
            if fences.capacity() == 0 {
                // Skips the destructor, which would call the allocator for nothing.
                core::mem::forget(fences);
            }
            return Ok(Self::default());
        }
        Self::collect(fences, own)
    }

    fn collect(fences: KVVec<ARef<Fence>>, own: Option<Timeline>) -> Result<Self> {
        let containers = Containers::of(&fences)?;
        let mut collection = Collection {
            entries: Block::with_capacity(fences.len())?,
            own,
            sort_at: 2 * FEW,
            visited: 0,
        };
        for (i, fence) in fences.into_iter().enumerate() {
            if containers.are_none() || !fence.is_container() {
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
    /// The address and the position of each.
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

    /// Returns whether no container was named.
    #[inline(always)]
    fn are_none(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Returns whether the container at `place` was not named before.
    fn is_first(&self, container: &Fence, place: usize) -> bool {
        let address = container.as_raw() as usize;
        let first = self.sorted.partition_point(|&(a, _)| a < address);
        self.sorted.get(first) == Some(&(address, place))
    }
}

/// A set that is being built.
struct Collection {
    entries: Block<Inner, Entry<ARef<Fence>>>,
    own: Option<Timeline>,
    /// The number of entries at which they are sorted next.
    sort_at: usize,
    visited: usize,
}

impl Collection {
    /// Adds the leaves of a container.
    #[cold]
    fn add_leaves(&mut self, container: &Fence) -> Result {
        let mut leaves = Leaves::new(container);
        while let Some((leaf, reports)) = leaves.leaf() {
            if self.visited % LEAVES_AT_ONCE == 0 {
                // SAFETY: The function may be called in process context.
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
        let place = entries.len() as u32;
        entries.push(Entry::new(fence, reports, place))?;
        if entries.len() >= self.sort_at {
            self.sort();
        }
        Ok(())
    }

    /// Removes all but the last fence of each timeline. The cost is amortised over the fences that
    /// were added since the last call.
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
        // Fences that have failed are kept: polling the set reports their errors.
        let is_good = |entry: &Entry<ARef<Fence>>| matches!(entry.fence.result(), Some(Ok(())));
        if self.entries.iter().any(is_good) {
            self.entries.retain(|entry| !is_good(entry));
        }
        if self.entries.is_empty() {
            return Ok(FenceSet::default());
        }
        let visited = self.visited;
        let inner = self
            .entries
            .finish(|entries| Inner::new(All::new(entries), visited));
        Ok(FenceSet::of(inner))
    }
}
