// SPDX-License-Identifier: MIT OR Apache-2.0

//! The fragment half, on primitives whose coverage is stated: boxes of pixels.

mod depth;
mod depth_memory;
mod emitted;
mod hostile;
mod patches;
mod pictures;
mod shaders;
mod support;
