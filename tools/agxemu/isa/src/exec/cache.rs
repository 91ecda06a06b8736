// SPDX-License-Identifier: MIT OR Apache-2.0

//! Decoded code, by address.

/// Code that has been decoded. Each host thread has its own.
///
/// Whoever changes code, or what is mapped at its address, calls [`Cache::clear`].
#[derive(Default)]
pub struct Cache {}

impl Cache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
