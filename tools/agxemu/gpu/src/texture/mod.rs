// SPDX-License-Identifier: MIT OR Apache-2.0

//! Textures and images: descriptors, places of texels, formats, sampling, stores.
//!
//! Images whose descriptor says that they are compressed have metadata, which names squares of one
//! colour. This emulator never compresses anything else; see [`metadata`].
//!
//! The texture of a sparse image names a page map instead of the image: per page four bytes, which
//! name a page and say whether it is there. Pages that are not read as zeros, and the shader is
//! told. For writing there is no map: the driver binds a page to be thrown away.

use agx_isa::exec::MemoryFault;

mod astc;
mod astc_ends;
mod astc_integers;
pub mod compressed;
pub mod descriptor;
mod element;
pub mod filter;
pub mod layout;
mod level;
mod lod;
pub mod metadata;
pub mod quick;
pub mod sample;
pub mod store;
pub mod texel;

/// Memory as stores see it.
pub trait Memory {
    /// Reads.
    ///
    /// # Errors
    ///
    /// Where memory may not be read.
    fn read(&mut self, va: u64, out: &mut [u8]) -> Result<(), MemoryFault>;

    /// Writes.
    ///
    /// # Errors
    ///
    /// Where memory may not be written.
    fn write(&mut self, va: u64, data: &[u8]) -> Result<(), MemoryFault>;
}

#[cfg(test)]
mod anisotropy_tests;
#[cfg(test)]
mod block_tests;
#[cfg(test)]
mod border_tests;
#[cfg(test)]
mod compression_tests;
#[cfg(test)]
mod layout_tests;
#[cfg(test)]
mod quick_tests;
#[cfg(test)]
mod sparse_tests;
#[cfg(test)]
pub(crate) mod tests;
