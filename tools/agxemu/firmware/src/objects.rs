// SPDX-License-Identifier: MIT OR Apache-2.0

//! Command memory that the firmware may hold in its cache.
//!
//! The firmware reads commands through its cache and does not clean it by itself. The host may use
//! the memory for something new only after it had the cache flushed; real firmware would read the
//! old contents, this one panics.

use std::collections::BTreeMap;

use crate::panic::{bail, Fw};

struct Object {
    end: u64,
    name: &'static str,
    live: bool,
}

/// Everything read since the last flush.
#[derive(Default)]
pub struct Objects {
    by_start: BTreeMap<u64, Object>,
}

impl Objects {
    /// A command uses `len` bytes at `start`.
    pub fn add(&mut self, name: &'static str, start: u64, len: u64) -> Fw<()> {
        let end = start + len;
        if let Some((&at, old)) = self.by_start.range(..end).next_back() {
            if old.end > start {
                let state = if old.live {
                    "in use"
                } else {
                    "finished, but not flushed"
                };
                bail!(
                    "{name} at {start:#x}: memory of the {} at {at:#x}, which is {state}",
                    old.name
                );
            }
        }
        self.by_start.insert(
            start,
            Object {
                end,
                name,
                live: true,
            },
        );
        Ok(())
    }

    /// The object at `start` is no longer used.
    pub fn finish(&mut self, start: u64) {
        if let Some(object) = self.by_start.get_mut(&start) {
            object.live = false;
        }
    }

    /// The cache was flushed.
    pub fn flush(&mut self) {
        self.by_start.retain(|_, object| object.live);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_reused_only_after_a_flush() {
        let mut objects = Objects::default();
        objects.add("command", 0x1000, 0x100).unwrap();
        objects.add("command", 0x1100, 0x100).unwrap();
        assert!(objects
            .add("barrier", 0x10ff, 1)
            .unwrap_err()
            .0
            .contains("in use"));
        objects.finish(0x1000);
        assert!(objects
            .add("barrier", 0x0fff, 2)
            .unwrap_err()
            .0
            .contains("not flushed"));
        objects.flush();
        objects.add("barrier", 0x0fff, 2).unwrap();
        // Not finished at the flush: still in use.
        assert!(objects.add("command", 0x1180, 0x100).is_err());
    }
}
