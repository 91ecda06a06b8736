// SPDX-License-Identifier: MIT OR Apache-2.0

//! Pages of memory as they were seen last.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::machine::Machine;
use crate::memory::PAGE;

/// Contents of a page.
pub(super) type Contents = Arc<[u8]>;

/// Pages by physical address, so that one that is mapped often is read once.
#[derive(Default)]
pub(super) struct Pages {
    /// The last contents and their hash.
    last: HashMap<u64, (u64, Contents)>,
    /// Pages that this look has read, and those of them that had changed.
    read: HashSet<u64>,
    changed: HashSet<u64>,
    bytes: Vec<u8>,
}

impl Pages {
    /// Begins a pass over all pages.
    pub(super) fn begin(&mut self) {
        self.read.clear();
        self.changed.clear();
        self.bytes.resize(PAGE as usize, 0);
    }

    /// Reads a page, unless this pass has; returns whether it differs from the pass before.
    pub(super) fn update(&mut self, machine: &dyn Machine, pa: u64) -> bool {
        if !self.read.insert(pa) {
            return self.changed.contains(&pa);
        }
        // Of the last contents only the hash is looked at: they are not in the processor's cache.
        let hash = match machine.read_phys(pa, &mut self.bytes) {
            Ok(()) => hash(&self.bytes),
            Err(_) => {
                self.last.remove(&pa);
                self.changed.insert(pa);
                return true;
            }
        };
        if self.last.get(&pa).is_some_and(|(last, _)| *last == hash) {
            return false;
        }
        self.last.insert(pa, (hash, self.bytes.as_slice().into()));
        self.changed.insert(pa);
        true
    }

    /// Returns the contents of a page.
    pub(super) fn get(&self, pa: u64) -> Option<Contents> {
        self.last.get(&pa).map(|(_, contents)| contents.clone())
    }
}

/// Returns a hash of a page. It tells by accident of one change in 2^64 that it is none.
fn hash(bytes: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    // Four lanes, so that the multiplications do not wait for each other.
    let mut lanes = [1u64, 2, 3, 4];
    for chunk in bytes.chunks_exact(32) {
        for (lane, word) in lanes.iter_mut().zip(chunk.chunks_exact(8)) {
            let word = u64::from_le_bytes(word.try_into().unwrap_or_default());
            *lane = (lane.rotate_left(29) ^ word).wrapping_mul(MULTIPLIER);
        }
    }
    lanes.into_iter().fold(0, |hash: u64, lane| {
        (hash.rotate_left(31) ^ lane ^ (lane >> 32)).wrapping_mul(MULTIPLIER)
    })
}
