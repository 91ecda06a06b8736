// SPDX-License-Identifier: MIT OR Apache-2.0

//! A render command on the GPU, in its two halves.
//!
//! The vertex half follows the control stream, runs vertex shaders and sorts what they draw into
//! tiles: a [`Scene`]. The fragment half takes the scene and runs each tile: it loads depth and
//! stencil, runs the background program, the primitives in their order, the end-of-tile program,
//! and stores depth and stencil.
//!
//! ```text
//!   RenderJob::vertex ──► run ──► outcome, scene ──┐
//!                                                  ▼
//!                           RenderJob::fragment(scene) ──► run ──► outcome
//! ```

mod assemble;
mod bin;
mod bindings;
mod blocks;
mod capture;
mod clip;
mod depth;
mod fetch;
mod geometry;
mod group;
mod host;
pub mod job;
mod occlusion;
mod plan;
mod plane;
mod ppp;
mod program;
mod project;
mod raster;
pub mod scene;
mod tile;
mod vdm;
mod vertex;
mod work;
mod worker;
mod zls;

#[cfg(test)]
mod fragment_tests;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
pub(crate) mod rig;

pub use job::{Half, RenderJob};
pub use scene::Scene;

/// What both halves of a render command say of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
    /// Layers, at least 1.
    pub layers: u32,
    /// Samples of a pixel: 1, 2 or 4.
    pub samples: u32,
    /// Width and height of a tile of the tile buffer in pixels: 32×32, 32×16 or 16×16.
    pub utile: [u32; 2],
    /// Bytes of a sample in the tile buffer, a multiple of eight; 0 in a vertex half.
    pub sample_size: u32,
    /// `ppp_ctrl`.
    pub ppp_control: u32,
    /// `ppp_multisamplectl`: byte `n` is the position of sample `n`, x in its low nibble, y in its
    /// high one, in sixteenths of a pixel.
    pub sample_positions: u64,
}

/// What the vertex half needs besides the [`Frame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VertexJob {
    /// The frame.
    pub frame: Frame,
    /// Address of the VDM control stream.
    pub stream: u64,
    /// Base of the 32-bit offsets of pipelines and shaders (`vertex_usc_base`).
    pub usc_base: u64,
}

/// A background or end-of-tile program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    /// The pipeline word: offset of the USC words from the USC base, flags in its low six bits.
    pub usc: u32,
    /// The counts word (`rsrc_spec`), laid out as word 0 of a shader of the control stream.
    pub counts: u32,
}

/// Where depth or stencil lie in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plane {
    /// Address of the level, of its first layer.
    pub base: u64,
    /// Distance of the layers, as the register says it.
    pub stride: u32,
    /// Address of the compression metadata.
    pub comp_base: u64,
    /// Distance of the layers' metadata, as the register says it.
    pub comp_stride: u32,
}

/// Depth and stencil in memory (ZLS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zls {
    /// `zls_ctrl`.
    pub control: u64,
    /// `isp_zls_pixels`.
    pub pixels: u32,
    /// Loaded depth.
    pub depth_load: Plane,
    /// Stored depth.
    pub depth_store: Plane,
    /// Loaded stencil.
    pub stencil_load: Plane,
    /// Stored stencil.
    pub stencil_store: Plane,
}

/// What the fragment half needs besides the [`Scene`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentJob {
    /// The frame, equal to that of the scene but for the size of a sample, which no vertex half is
    /// told.
    pub frame: Frame,
    /// Base of the 32-bit offsets of pipelines and shaders (`fragment_usc_base`).
    pub usc_base: u64,
    /// `isp_scissor_base`.
    pub scissors: u64,
    /// `isp_dbias_base`.
    pub depth_bias: u64,
    /// The constant of a depth bias is a number of units of the depth format (`isp_ctl`).
    pub depth_bias_is_int: bool,
    /// `isp_oclqry_base`.
    pub occlusion: u64,
    /// `isp_bgobjdepth`.
    pub background_depth: u32,
    /// `isp_bgobjvals`.
    pub background_values: u32,
    /// Depth and stencil in memory.
    pub zls: Zls,
    /// Runs before the primitives of a tile.
    pub background: Program,
    /// Runs after the primitives of a tile.
    pub end_of_tile: Program,
    /// The same in a partial render, but for the first part of the frame.
    pub partial_background: Program,
    /// The same in a partial render, but for the last part of the frame.
    pub partial_end_of_tile: Program,
    /// Tiles without primitives are run as well.
    pub process_empty_tiles: bool,
    /// Splits the frame into parts after this many primitives, as a tiled vertex buffer that is
    /// full does; `None` never does. It must not change the picture.
    pub partial_after: Option<u32>,
}
