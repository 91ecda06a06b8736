// SPDX-License-Identifier: MIT OR Apache-2.0

//! Textures and images: descriptors, places of texels, formats, sampling, stores.
//!
//! Images whose descriptor says that they are compressed are read and written as if they were not:
//! nothing but this emulator writes their texels, and it never compresses. Block-compressed formats
//! and sparse images are refused.

pub mod compressed;
pub mod descriptor;
pub mod filter;
pub mod layout;
pub mod sample;
pub mod store;
pub mod texel;

#[cfg(test)]
mod tests;
