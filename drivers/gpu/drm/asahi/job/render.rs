// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Render commands, as a client writes them.
//!
//! Most fields are values of registers of the GPU, and are passed on as they are: what a wrong one
//! does is between the client and its own memory. Held to rules is what the driver computes with,
//! what it or the firmware follows, and what would be an address of the kernel's half.

use super::{
    attachments::Attachments,
    payload::{
        Helper,
        Invalid,
        Payload,
        Timestamps, //
    }, //
};
use agx_abi::tiling::{
    self,
    Tiling, //
};

/// Bytes of `drm_asahi_cmd_render`.
const SIZE: usize = 240;

/// Most pixels in a row or a column.
const MAX_PIXELS: u16 = tiling::MAX_SIZE as u16;
/// Most layers.
const MAX_LAYERS: u16 = tiling::MAX_LAYERS as u16;
/// Most bytes of a tile in the tile buffer: userspace keeps one less, and what the hardware does
/// with more is not known [I].
const MAX_TILE_BYTES: u32 = 32768;

/// The supported bits of `drm_asahi_render_flags`.
pub(crate) mod flags {
    /// A vertex shader uses scratch memory.
    pub(crate) const VERTEX_SCRATCH: u32 = 1 << 0;
    /// Tiles that nothing was drawn to are run as well.
    pub(crate) const PROCESS_EMPTY_TILES: u32 = 1 << 1;
    /// The vertex stage runs on one cluster.
    pub(crate) const NO_VERTEX_CLUSTERING: u32 = 1 << 2;
    /// Depth bias of an integer format.
    pub(crate) const DBIAS_IS_INT: u32 = 1 << 18;

    /// The flags that a client may set.
    pub(super) const ALL: u32 =
        VERTEX_SCRATCH | PROCESS_EMPTY_TILES | NO_VERTEX_CLUSTERING | DBIAS_IS_INT;
}

/// `drm_asahi_zls_buffer`: a depth or stencil buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ZlsBuffer {
    pub(crate) base: u64,
    pub(crate) comp_base: u64,
    pub(crate) stride: u32,
    pub(crate) comp_stride: u32,
}

/// `drm_asahi_bg_eot`: a background or end-of-tile program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TileProgram {
    pub(crate) usc: u32,
    pub(crate) rsrc_spec: u32,
}

/// The dimensions that determine the sizes of tiles and of the tile lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framebuffer {
    /// The width in pixels: 1 to [`MAX_PIXELS`].
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// 1 to [`MAX_LAYERS`].
    pub(crate) layers: u16,
    /// 1, 2 or 4.
    pub(crate) samples: u8,
    /// Bytes that a sample takes in the tile buffer.
    pub(crate) sample_size: u8,
    /// Width and height of a tile of the tile buffer: 32×32, 32×16 or 16×16.
    pub(crate) utile: (u8, u8),
}

/// The UAPI's `drm_asahi_cmd_render`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Render<'a> {
    /// See [`flags`].
    pub(crate) flags: u32,
    pub(crate) framebuffer: Framebuffer,
    pub(crate) vdm_ctrl_stream_base: u64,
    pub(crate) vertex_helper: Helper,
    pub(crate) fragment_helper: Helper,
    pub(crate) sampler_heap: u64,
    pub(crate) sampler_count: u16,
    pub(crate) isp_zls_pixels: u32,
    pub(crate) isp_scissor_base: u64,
    pub(crate) isp_dbias_base: u64,
    pub(crate) isp_oclqry_base: u64,
    pub(crate) depth: ZlsBuffer,
    pub(crate) stencil: ZlsBuffer,
    pub(crate) zls_ctrl: u64,
    pub(crate) ppp_multisamplectl: u64,
    pub(crate) ppp_ctrl: u32,
    pub(crate) isp_merge_upper_x: u32,
    pub(crate) isp_merge_upper_y: u32,
    pub(crate) bg: TileProgram,
    pub(crate) eot: TileProgram,
    pub(crate) partial_bg: TileProgram,
    pub(crate) partial_eot: TileProgram,
    pub(crate) isp_bgobjdepth: u32,
    pub(crate) isp_bgobjvals: u32,
    pub(crate) ts_vtx: Timestamps,
    pub(crate) ts_frag: Timestamps,
    pub(crate) vertex_attachments: Attachments<'a>,
    pub(crate) fragment_attachments: Attachments<'a>,
}

impl<'a> Render<'a> {
    /// Checks a render command, and returns it with its attachments.
    #[inline(never)]
    pub(super) fn parse(
        payload: &Payload<SIZE>,
        vertex_attachments: Attachments<'a>,
        fragment_attachments: Attachments<'a>,
    ) -> Result<Self, Invalid> {
        let helper = |at| Helper::parse(payload, at);
        let program = |at| TileProgram {
            usc: payload.u32(at),
            rsrc_spec: payload.u32(at + 4),
        };
        let sampler_count = payload.u16(154);
        let this = Self {
            flags: payload.u32(0),
            isp_zls_pixels: payload.u32(4),
            vdm_ctrl_stream_base: payload.stream(8, "vdm_ctrl_stream_base")?,
            vertex_helper: helper(16),
            fragment_helper: helper(32),
            isp_scissor_base: payload.address(48, "isp_scissor_base")?,
            isp_dbias_base: payload.address(56, "isp_dbias_base")?,
            isp_oclqry_base: payload.address(64, "isp_oclqry_base")?,
            depth: zls_buffer(payload, 72, ["depth.base", "depth.comp_base"])?,
            stencil: zls_buffer(payload, 96, ["stencil.base", "stencil.comp_base"])?,
            zls_ctrl: payload.u64(120),
            ppp_multisamplectl: payload.u64(128),
            sampler_heap: payload.sampler_heap(136, sampler_count.into())?,
            ppp_ctrl: payload.u32(144),
            framebuffer: Framebuffer {
                width: payload.u16(148),
                height: payload.u16(150),
                layers: payload.u16(152),
                utile: (payload.u8(156), payload.u8(157)),
                samples: payload.u8(158),
                sample_size: payload.u8(159),
            },
            sampler_count,
            isp_merge_upper_x: payload.u32(160),
            isp_merge_upper_y: payload.u32(164),
            bg: program(168),
            eot: program(176),
            partial_bg: program(184),
            partial_eot: program(192),
            isp_bgobjdepth: payload.u32(200),
            isp_bgobjvals: payload.u32(204),
            ts_vtx: Timestamps::parse(payload, 208),
            ts_frag: Timestamps::parse(payload, 224),
            vertex_attachments,
            fragment_attachments,
        };
        if this.flags & !flags::ALL != 0 {
            return Err(Invalid::NotZero("render.flags"));
        }
        this.framebuffer.check()?;
        Ok(this)
    }

    /// Returns whether `flag` of [`flags`] is set.
    pub(crate) const fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

impl Framebuffer {
    fn check(&self) -> Result<(), Invalid> {
        for (name, value, max) in [
            ("width_px", self.width, MAX_PIXELS),
            ("height_px", self.height, MAX_PIXELS),
            ("layers", self.layers, MAX_LAYERS),
        ] {
            if value == 0 || value > max {
                return Err(Invalid::Range(name));
            }
        }
        if !matches!(self.samples, 1 | 2 | 4) {
            return Err(Invalid::Range("samples"));
        }
        if !matches!(self.utile, (32, 32) | (32, 16) | (16, 16)) {
            return Err(Invalid::Range("utile"));
        }
        if self.tile_bytes() > MAX_TILE_BYTES {
            return Err(Invalid::Range("sample_size_B"));
        }
        Ok(())
    }

    /// Returns how it is cut into tiles, by one cluster. There is an answer for all that have been
    /// read.
    pub(crate) fn tiling(&self) -> Option<Tiling> {
        Tiling::new(
            self.width.into(),
            self.height.into(),
            self.layers.into(),
            [self.utile.0.into(), self.utile.1.into()],
            self.samples.into(),
        )
    }

    /// Returns how many bytes of the tile buffer a tile takes.
    const fn tile_bytes(&self) -> u32 {
        let pixels = self.utile.0 as u32 * self.utile.1 as u32;
        pixels * self.samples as u32 * self.sample_size as u32
    }
}

fn zls_buffer(
    payload: &Payload<SIZE>,
    at: usize,
    names: [&'static str; 2],
) -> Result<ZlsBuffer, Invalid> {
    Ok(ZlsBuffer {
        base: payload.address(at, names[0])?,
        comp_base: payload.address(at + 8, names[1])?,
        stride: payload.u32(at + 16),
        comp_stride: payload.u32(at + 20),
    })
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "tiling_tests.rs"]
mod tiling_tests;
