// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Render commands, as a client writes them.
//!
//! They are read and held to their rules, but not run yet: a submit with one is answered with
//! `EOPNOTSUPP` if nothing else is wrong with it.

use super::command::{
    Attachments,
    Helper,
    Invalid,
    Payload,
    Timestamps, //
};

/// Most pixels in a row or a column.
const MAX_PIXELS: u16 = 16384;
/// Most layers.
const MAX_LAYERS: u16 = 2048;

/// What there is of `drm_asahi_render_flags`: scratch, empty tiles, no clustering, integer bias.
const FLAGS: u32 = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 18;

/// What of `drm_asahi_cmd_render` has rules, or is used to tell what a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Render<'a> {
    pub(crate) flags: u32,
    pub(crate) vdm_ctrl_stream_base: u64,
    pub(crate) vertex_helper: Helper,
    pub(crate) fragment_helper: Helper,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) layers: u16,
    pub(crate) samples: u8,
    pub(crate) sample_size: u8,
    /// Width and height of a tile of the tile buffer.
    pub(crate) utile: (u8, u8),
    pub(crate) ts_vtx: Timestamps,
    pub(crate) ts_frag: Timestamps,
    pub(crate) vertex_attachments: Attachments<'a>,
    pub(crate) fragment_attachments: Attachments<'a>,
}

impl<'a> Render<'a> {
    /// Bytes of `drm_asahi_cmd_render`.
    pub(super) const SIZE: usize = 240;

    pub(super) fn parse(
        payload: Payload<'_>,
        vertex_attachments: Attachments<'a>,
        fragment_attachments: Attachments<'a>,
    ) -> Result<Self, Invalid> {
        let helper = |at| Helper {
            binary: payload.u32(at),
            cfg: payload.u32(at + 4),
            data: payload.u64(at + 8),
        };
        let this = Self {
            flags: payload.u32(0),
            vdm_ctrl_stream_base: payload.address(8, "vdm_ctrl_stream_base")?,
            vertex_helper: helper(16),
            fragment_helper: helper(32),
            width: payload.u16(148),
            height: payload.u16(150),
            layers: payload.u16(152),
            samples: payload.u8(158),
            sample_size: payload.u8(159),
            utile: (payload.u8(156), payload.u8(157)),
            ts_vtx: Timestamps::parse(payload, 208),
            ts_frag: Timestamps::parse(payload, 224),
            vertex_attachments,
            fragment_attachments,
        };
        this.check()?;
        Ok(this)
    }

    fn check(&self) -> Result<(), Invalid> {
        if self.flags & !FLAGS != 0 {
            return Err(Invalid::NotZero("render.flags"));
        }
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
        Ok(())
    }
}
