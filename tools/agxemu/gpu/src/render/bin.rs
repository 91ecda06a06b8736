// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which primitives may touch which region.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::raster::Part;
use super::scene::{Rect, REGION};
use super::Frame;

/// Primitives by region, in the order in which they were added.
#[derive(Debug)]
pub struct Bins {
    width: u32,
    height: u32,
    lists: HashMap<u64, Vec<u32>, BuildHasherDefault<Scatter>>,
    entries: u64,
}

/// Spreads the numbers of regions.
#[derive(Default)]
struct Scatter(u64);

impl Hasher for Scatter {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}

fn key(layer: u32, x: u32, y: u32) -> u64 {
    u64::from(layer) << 32 | u64::from(y) << 16 | u64::from(x)
}

impl Bins {
    /// Returns bins without primitives.
    pub fn new(frame: &Frame) -> Self {
        Self {
            width: frame.width,
            height: frame.height,
            lists: HashMap::default(),
            entries: 0,
        }
    }

    /// Adds a primitive to the regions of `layer` that one of its parts may touch; returns how many
    /// they are.
    pub fn add(&mut self, primitive: u32, layer: u32, parts: &[Part]) -> u64 {
        let size = i64::from(REGION);
        // Pixels of the frame between which all parts lie.
        let start = [i64::MAX, i64::MAX, i64::MIN, i64::MIN];
        let [x0, y0, x1, y1] = parts.iter().fold(start, |all, part| {
            let [x0, y0, x1, y1] = part.bounds;
            [
                all[0].min(x0),
                all[1].min(y0),
                all[2].max(x1),
                all[3].max(y1),
            ]
        });
        let (x0, y0) = (x0.max(0), y0.max(0));
        let (x1, y1) = (x1.min(self.width.into()), y1.min(self.height.into()));
        if x0 >= x1 || y0 >= y1 {
            return 0;
        }
        let mut count = 0;
        for y in y0 / size..=(y1 - 1) / size {
            for x in x0 / size..=(x1 - 1) / size {
                let (x, y) = (x as u32, y as u32);
                let rect = Rect {
                    x0: x * REGION,
                    y0: y * REGION,
                    x1: (x + 1) * REGION,
                    y1: (y + 1) * REGION,
                };
                if parts.iter().any(|part| part.touches(&rect)) {
                    let list = self.lists.entry(key(layer, x, y)).or_default();
                    list.push(primitive);
                    count += 1;
                }
            }
        }
        self.entries += count;
        count
    }

    /// Returns how many primitives there are in all regions together.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Returns about how many bytes of the host they take.
    pub fn bytes(&self) -> u64 {
        4 * self.entries + 64 * self.lists.len() as u64
    }

    /// Returns the primitives of a region.
    pub fn region(&self, layer: u32, x: u32, y: u32) -> &[u32] {
        self.lists.get(&key(layer, x, y)).map_or(&[], |list| list)
    }

    /// Returns the regions of `layer` with primitives, row by row.
    pub fn regions(&self, layer: u32) -> Vec<[u32; 2]> {
        let keys = self.lists.keys().filter(|&&key| key >> 32 == layer.into());
        let mut regions: Vec<_> = keys
            .map(|&key| [key as u32 & 0xffff, key as u32 >> 16])
            .collect();
        regions.sort_unstable_by_key(|&[x, y]| (y, x));
        regions
    }
}
