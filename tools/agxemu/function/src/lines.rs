// SPDX-License-Identifier: MIT OR Apache-2.0

//! Interrupts: the vectors of the MSI capability, as event files that QEMU gives.

use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex};

use emulated_guest::Lines;

/// Vectors of the capability.
pub const VECTORS: usize = 4;

/// The event files; those that are absent are masked or not enabled.
#[derive(Clone, Default)]
pub struct MsiLines(Arc<Mutex<[Option<File>; VECTORS]>>);

impl MsiLines {
    /// QEMU connects vectors from `start` on.
    pub fn connect(&self, start: usize, files: Vec<File>) {
        let mut vectors = self.0.lock().unwrap_or_else(|e| e.into_inner());
        for (vector, file) in vectors.iter_mut().skip(start).zip(files) {
            *vector = Some(file);
        }
    }

    /// QEMU disconnects `count` vectors from `start` on.
    pub fn disconnect(&self, start: usize, count: usize) {
        let mut vectors = self.0.lock().unwrap_or_else(|e| e.into_inner());
        for vector in vectors.iter_mut().skip(start).take(count) {
            *vector = None;
        }
    }
}

impl Lines for MsiLines {
    fn pulse(&self, vector: u32) {
        let vectors = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(Some(file)) = vectors.get(vector as usize) {
            // An event file takes 8 bytes; it is full only if nobody has looked for 2^64 events.
            let mut file: &File = file;
            let _ = file.write_all(&1u64.to_ne_bytes());
        }
    }
}
