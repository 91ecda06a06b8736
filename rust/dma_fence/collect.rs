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
fn nowarn_flags() -> Flags {
    GFP_KERNEL_ACCOUNT | __GFP_NOWARN
}

/// Fences that a [`FenceSet`] is built from: those in a vector, or those that the references in a
/// slice refer to, for which the caller needs no memory.
///
/// # Context
///
/// Process context, as building a set allocates.
pub trait Fences {
    #[doc(hidden)]
    fn collect(self, own: Option<Timeline>) -> Result<FenceSet>;
}

impl Fences for KVVec<ARef<Fence>> {
    #[inline]
    fn collect(self, own: Option<Timeline>) -> Result<FenceSet> {
        if self.is_empty() {
            if self.capacity() == 0 {
                // Skips the destructor, which would call the allocator for nothing.
                core::mem::forget(self);
            }
            return Ok(FenceSet::default());
        }
        collect_owned(self, own)
    }
}

impl Fences for &[&Fence] {
    #[inline]
    fn collect(self, own: Option<Timeline>) -> Result<FenceSet> {
        if self.is_empty() {
            return Ok(FenceSet::default());
        }
        collect_borrowed(self, own)
    }
}

fn collect_owned(fences: KVVec<ARef<Fence>>, own: Option<Timeline>) -> Result<FenceSet> {
    let containers = Containers::of(fences.iter().map(|fence| &**fence))?;
    collect(fences.len(), fences.into_iter(), containers, own)
}

fn collect_borrowed(fences: &[&Fence], own: Option<Timeline>) -> Result<FenceSet> {
    let containers = Containers::of(fences.iter().copied())?;
    let owned = fences.iter().copied().map(ARef::from);
    collect(fences.len(), owned, containers, own)
}

#[inline(always)]
fn collect(
    count: usize,
    fences: impl Iterator<Item = ARef<Fence>>,
    containers: Option<Containers>,
    own: Option<Timeline>,
) -> Result<FenceSet> {
    let mut collection = Collection {
        entries: Block::with_capacity(count)?,
        own,
        sort_at: 2 * FEW,
        visited: 0,
    };
    for (i, fence) in fences.enumerate() {
        match &containers {
            Some(containers) if fence.is_container() => {
                if containers.is_first(&fence, i) {
                    collection.add_leaves(&fence)?;
                }
            }
            _ => collection.add(fence, true)?,
        }
    }
    if collection.entries.len() > FEW {
        collection.sort();
    }
    Ok(finish(collection.entries, collection.visited))
}

impl FenceSet {
    /// The maximum number of fences, leaves of containers included, from which a set is built.
    pub const MAX_LEAVES: usize = 1 << 16;

    /// Builds a set of `fences`: a `KVVec<ARef<Fence>>` or a `&[&Fence]`.
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
    pub fn new(fences: impl Fences, own: Option<Timeline>) -> Result<Self> {
        fences.collect(own)
    }
}

/// The containers among the fences that were named.
struct Containers {
    /// The address and the position of each.
    sorted: KVVec<(usize, usize)>,
}

impl Containers {
    /// Returns the containers among `fences`, or `None` if there are none.
    #[inline(always)]
    fn of<'a>(fences: impl Iterator<Item = &'a Fence> + Clone) -> Result<Option<Self>> {
        if !fences.clone().any(|fence| fence.is_container()) {
            return Ok(None);
        }
        let mut sorted = KVVec::new();
        let places = fences.enumerate();
        for (i, fence) in places.filter(|(_, fence)| fence.is_container()) {
            sorted.push((fence.as_raw() as usize, i), nowarn_flags())?;
        }
        sorted.sort_unstable();
        Ok(Some(Self { sorted }))
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
}

/// Returns the set of all fences in `entries` that have not succeeded yet.
#[inline(always)]
fn finish(mut entries: Block<Inner, Entry<ARef<Fence>>>, visited: usize) -> FenceSet {
    // Fences that have failed are kept: polling the set reports their errors.
    let is_good = |entry: &Entry<ARef<Fence>>| matches!(entry.fence.result(), Some(Ok(())));
    if entries.iter().any(is_good) {
        entries.retain(|entry| !is_good(entry));
    }
    if entries.is_empty() {
        return FenceSet::default();
    }
    FenceSet::of(entries.finish(|entries| Inner::new(All::new(entries), visited)))
}
