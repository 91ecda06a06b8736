// SPDX-License-Identifier: MIT OR Apache-2.0

//! Textures and images: descriptors, places of texels, formats, sampling, stores.
//!
//! Images whose descriptor says that they are compressed are read and written as if they were not:
//! nothing but this emulator writes their texels, and it never compresses.
//!
//! The texture of a sparse image names a page map instead of the image: per page four bytes, which
//! name a page and say whether it is there. Pages that are not read as zeros, and the shader is
//! told. For writing there is no map: the driver binds a page to be thrown away.

pub mod compressed;
pub mod descriptor;
pub mod filter;
pub mod layout;
pub mod sample;
pub mod store;
pub mod texel;

#[cfg(test)]
mod block_tests;
#[cfg(test)]
mod sparse_tests;
#[cfg(test)]
pub(crate) mod tests;
