// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Scenes: the memory that the two halves of a render have in common.
//!
//! The vertex half leaves in it which primitives are in which tile, the fragment half reads that.
//! Sizes follow from the framebuffer ([`agx_abi::tiling`]) and from the chip.

use super::render::{
    flags,
    Render, //
};
use crate::hw::Clustering;
use agx_abi::{
    buffer::{
        AUX_FB_SIZE,
        USER_BUFFER_SIZE,
        USER_BUFFER_SIZE_CLUSTERED, //
    },
    tiling::{
        Tiling,
        HEAPMETA_SIZE, //
    },
    Abi, //
};

/// Alignment of the tiler's memory: a page of the tiled vertex buffer. The driver in the field
/// aligns all GPU memory so; whether the tiler needs it is not known [I].
pub(crate) const ALIGN: u64 = 0x8000;
/// Alignment of the parts of the clusters' metadata.
const META_ALIGN: u64 = 0x80;

/// Properties of the GPU that the layout of a render depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// Version of the firmware's interface.
    pub(crate) abi: Abi,
    /// Clusters of the GPU, and what they need if there are several.
    pub(crate) clusters: u32,
    pub(crate) clustering: Option<Clustering>,
    /// Bytes of the parts of the preemption buffer, for each cluster.
    pub(crate) preempt: [u32; 3],
    pub(crate) tiling_control: u32,
    /// The first two words of the core mask.
    pub(crate) core_mask: [u32; 2],
}

impl Machine {
    /// Returns how the frame of `render` is cut into tiles.
    pub(crate) fn tiling(&self, render: &Render<'_>) -> Option<Tiling> {
        let shared = self.clustering.is_some() && !render.has(flags::NO_VERTEX_CLUSTERING);
        let clusters = if shared { self.clusters } else { 1 };
        Some(render.framebuffer.tiling()?.with_clusters(clusters))
    }
}

/// A part of a block of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

impl Span {
    /// Returns its address in the block at `base`.
    pub(crate) const fn at(self, base: u64) -> u64 {
        base + self.offset
    }
}

/// Offsets of the parts of a scene in the block of memory that only the GPU uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) user_buffer: Span,
    /// The heap's metadata, and the layers' behind it.
    pub(crate) heapmeta: Span,
    pub(crate) tilemap: Span,
    pub(crate) preempt: [Span; 3],
    pub(crate) aux_fb: Span,
    /// Present if the GPU has several clusters, whether they share the work or not.
    pub(crate) clusters: Option<ClusterLayout>,
    /// Size of the block in bytes.
    pub(crate) size: u64,
}

/// The parts for clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClusterLayout {
    pub(crate) tilemaps: Span,
    pub(crate) layermeta: Span,
    pub(crate) meta: [Span; 4],
}

/// The end of what has been laid out.
struct Cursor(u64);

impl Cursor {
    fn take(&mut self, size: u64, align: u64) -> Span {
        let offset = self.0.next_multiple_of(align);
        self.0 = offset + size;
        Span { offset, size }
    }
}

impl Layout {
    /// Returns the layout for a frame of `tiling` on `machine`.
    pub(crate) fn new(tiling: &Tiling, machine: &Machine) -> Self {
        let mut cursor = Cursor(0);
        let many = machine.clusters > 1;
        let user_buffer = if many {
            USER_BUFFER_SIZE_CLUSTERED
        } else {
            USER_BUFFER_SIZE
        };
        let copies = u64::from(if many { machine.clusters + 1 } else { 1 });
        // The three parts are contiguous.
        let [p1, p2, p3] = machine.preempt.map(|size| u64::from(size) * copies);
        let user_buffer = cursor.take(user_buffer, ALIGN);
        let heapmeta = cursor.take(HEAPMETA_SIZE + tiling.layermeta_size(), ALIGN);
        let preempt = [
            cursor.take(p1, ALIGN),
            cursor.take(p2, 1),
            cursor.take(p3, 1),
        ];
        let aux_fb = cursor.take(AUX_FB_SIZE, ALIGN);
        let tilemap = cursor.take(tiling.tilemap_size(), ALIGN);
        let clusters = machine
            .clustering
            .map(|sizes| ClusterLayout::new(tiling, machine.abi, &sizes, &mut cursor));
        Self {
            user_buffer,
            heapmeta,
            tilemap,
            preempt,
            aux_fb,
            clusters,
            size: cursor.0,
        }
    }
}

impl ClusterLayout {
    fn new(tiling: &Tiling, abi: Abi, sizes: &Clustering, cursor: &mut Cursor) -> Self {
        let splits = u64::from(sizes.splits);
        let meta1 = u64::from(tiling.meta1_blocks(abi)) * u64::from(sizes.meta1_block);
        Self {
            tilemaps: cursor.take(splits * tiling.tilemap_size(), ALIGN),
            layermeta: cursor.take(splits * tiling.layermeta_size(), ALIGN),
            meta: [
                meta1,
                sizes.meta2.into(),
                sizes.meta3.into(),
                sizes.meta4.into(),
            ]
            .map(|size| cursor.take(size, META_ALIGN)),
        }
    }
}

/// Addresses of the memory that both halves of a render share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScenePlace {
    /// Addresses of the firmware's objects: the scene, the buffer manager, an empty buffer.
    pub(crate) scene: u64,
    pub(crate) buffer: u64,
    pub(crate) kernel_buffer: u64,
    /// Address of the block that is laid out by the [`Layout`].
    pub(crate) block: u64,
    /// Address of the tile pointer cache.
    pub(crate) tpc: u64,
}

#[cfg(test)]
#[path = "scene_tests.rs"]
mod tests;
