// SPDX-License-Identifier: MIT OR Apache-2.0

//! Memory of the tests: a few byte ranges, everything between them unmapped.

use std::collections::BTreeMap;

use crate::fault::{AccessError, Reason};
use crate::GpuMemory;

#[derive(Default)]
pub(crate) struct Flat {
    ranges: BTreeMap<u64, Vec<u8>>,
}

impl Flat {
    pub(crate) fn with(mut self, va: u64, bytes: &[u8]) -> Self {
        self.ranges.insert(va, bytes.to_vec());
        self
    }

    pub(crate) fn words(self, va: u64, words: &[u32]) -> Self {
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        self.with(va, &bytes)
    }
}

impl GpuMemory for Flat {
    fn read(&self, va: u64, buf: &mut [u8]) -> Result<(), AccessError> {
        for (i, byte) in buf.iter_mut().enumerate() {
            let at = va + i as u64;
            let found = self.ranges.range(..=at).next_back();
            *byte = found
                .and_then(|(base, bytes)| bytes.get((at - base) as usize).copied())
                .ok_or(AccessError {
                    va: at,
                    reason: Reason::Unmapped,
                    level: 3,
                    write: false,
                })?;
        }
        Ok(())
    }
}
