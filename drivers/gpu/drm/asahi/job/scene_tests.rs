// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests of the layout of scenes.

use super::*;
use crate::{
    hw::{
        chips,
        Chip, //
    },
    job::render::Framebuffer, //
};

const M1: Machine = Machine {
    abi: Abi::G13V13_5,
    clusters: 1,
    clustering: None,
    preempt: [0x540, 0x280, 0x20],
    tiling_control: 0xa041,
    core_mask: [0xff, 0],
};

const M1_MAX: Machine = Machine {
    clusters: 4,
    clustering: Some(Clustering {
        meta1_block: 0x44,
        meta2: 0x600,
        meta3: 0x1400,
        meta4: 0x300,
        splits: 16,
    }),
    tiling_control: 0xa540,
    ..M1
};

fn tiling(width: u16, height: u16, layers: u16, clusters: u32) -> Tiling {
    let framebuffer = Framebuffer {
        width,
        height,
        layers,
        samples: 1,
        sample_size: 8,
        utile: (32, 32),
    };
    framebuffer.tiling().unwrap().with_clusters(clusters)
}

/// Returns all parts, in the order in which they stand.
fn parts(layout: &Layout) -> Vec<Span> {
    let [p1, p2, p3] = layout.preempt;
    let mut parts = vec![layout.user_buffer, layout.heapmeta, p1, p2, p3];
    parts.extend([layout.aux_fb, layout.tilemap]);
    if let Some(clusters) = layout.clusters {
        parts.extend([clusters.tilemaps, clusters.layermeta]);
        parts.extend(clusters.meta);
    }
    parts
}

#[test]
fn parts_do_not_overlap() {
    let chips = chips::ALL
        .into_iter()
        .flat_map(|chip| chip.firmwares.iter().map(move |&(_, abi)| (chip, abi)))
        .flat_map(|(chip, abi)| [chip.max_clusters, 1].map(|shared| (machine(chip, abi), shared)));
    for (machine, clusters) in chips {
        for (width, height, layers) in [(1, 1, 1), (800, 600, 1), (1920, 1080, 6)] {
            let layout = Layout::new(&tiling(width, height, layers, clusters), &machine);
            let parts = parts(&layout);
            for pair in parts.windows(2) {
                assert!(
                    pair[0].offset + pair[0].size <= pair[1].offset,
                    "{layout:x?}"
                );
            }
            let last = parts.last().unwrap();
            assert_eq!(layout.size, last.offset + last.size);
        }
    }
}

#[test]
fn one_cluster() {
    let layout = Layout::new(&tiling(1920, 1080, 1, 1), &M1);
    assert_eq!(layout.clusters, None);
    assert_eq!(
        (layout.user_buffer.size, layout.heapmeta.size),
        (0x80, 0x200)
    );
    assert_eq!(layout.preempt.map(|span| span.size), [0x540, 0x280, 0x20]);
    let [p1, p2, p3] = layout.preempt.map(|span| span.offset);
    assert_eq!((p2 - p1, p3 - p2), (0x540, 0x280));
    assert_eq!((layout.tilemap.size, layout.aux_fb.size), (15360, 0x8000));
    for span in [
        layout.user_buffer,
        layout.heapmeta,
        layout.tilemap,
        layout.aux_fb,
    ] {
        assert_eq!(span.offset % ALIGN, 0);
    }
}

#[test]
fn layers_have_metadata() {
    let layout = Layout::new(&tiling(64, 64, 2, 1), &M1);
    assert_eq!(layout.heapmeta.size, 0x300);
}

#[test]
fn several_clusters() {
    let layout = Layout::new(&tiling(1920, 1080, 2, 4), &M1_MAX);
    assert_eq!(layout.user_buffer.size, 0x1_0080);
    // One for each cluster, and one more.
    assert_eq!(
        layout.preempt.map(|span| span.size),
        [5 * 0x540, 5 * 0x280, 5 * 0x20]
    );
    let clusters = layout.clusters.unwrap();
    assert_eq!(clusters.tilemaps.size, 16 * layout.tilemap.size);
    assert_eq!(clusters.layermeta.size, 16 * 0x100);
    // One block for each layer.
    assert_eq!(
        clusters.meta.map(|span| span.size),
        [2 * 0x44, 0x600, 0x1400, 0x300]
    );
    assert!(clusters
        .meta
        .iter()
        .all(|span| span.offset % META_ALIGN == 0));
}

/// Returns what renders know of a `chip` that has all its clusters, with its firmware of `abi`.
fn machine(chip: &Chip, abi: Abi) -> Machine {
    let buffers = &chip.buffers;
    Machine {
        abi,
        clusters: chip.max_clusters,
        clustering: buffers.clustering,
        preempt: buffers.preempt,
        tiling_control: buffers.tiling_control,
        core_mask: [0; 2],
    }
}

/// A chip, and sizes of a frame there.
type Sizes = (u32, u64, u64, u64, Option<[u64; 2]>);

/// The sizes on each chip of a frame of 1920 × 1080 pixels, worked out by hand: tile pointer cache,
/// user buffer, preemption buffer, and of several clusters the tile maps and the metadata.
const SIZES: [Sizes; 8] = [
    (0x8103, 0x6000, 0x80, 0x7e0, None),
    (0x8112, 0x6000, 0x80, 0x7e0, None),
    (0x6000, 0xc000, 0x1_0080, 0x17a0, Some([0x3_c000, 0x1d80])),
    (0x6001, 0x1_8000, 0x1_0080, 0x2760, Some([0x3_c000, 0x1d80])),
    (0x6002, 0x3_0000, 0x1_0080, 0x46e0, Some([0x3_c000, 0x1d80])),
    (0x6020, 0xc000, 0x1_0080, 0x1800, Some([0xf_0000, 0x3c80])),
    (0x6021, 0x1_8000, 0x1_0080, 0x2800, Some([0xf_0000, 0x3c80])),
    (0x6022, 0x3_0000, 0x1_0080, 0x4800, Some([0xf_0000, 0x3c80])),
];

#[test]
fn each_chip_has_its_sizes() {
    for chip in chips::ALL {
        let sizes = SIZES.iter().find(|sizes| sizes.0 == chip.chip_id);
        let &(_, tpc, user_buffer, preempt, clusters) = sizes.unwrap();
        for &(_, abi) in chip.firmwares {
            let what = format!("{:#x} {abi:?}", chip.chip_id);
            let tiling = tiling(1920, 1080, 1, chip.max_clusters);
            assert_eq!(tiling.tpc_size(), tpc, "{what}");
            let layout = Layout::new(&tiling, &machine(chip, abi));
            assert_eq!(layout.user_buffer.size, user_buffer, "{what}");
            let [first, .., last] = layout.preempt;
            let parts: u64 = layout.preempt.iter().map(|span| span.size).sum();
            let all = last.offset + last.size - first.offset;
            assert_eq!((parts, all), (preempt, preempt), "{what}");
            let of_clusters = layout.clusters.map(|clusters| {
                let [first, .., last] = clusters.meta;
                let meta = last.offset + last.size - first.offset;
                [clusters.tilemaps.size, meta]
            });
            assert_eq!(of_clusters, clusters, "{what}");
            if clusters.is_some() {
                assert_eq!(tiling.meta1_layer_stride(), 1, "{what}");
                assert_eq!(tiling.meta1_blocks(abi), 1, "{what}");
            }
        }
    }
}

/// The largest frame is more than any machine has, and is said to be.
#[test]
fn the_largest() {
    let layout = Layout::new(&tiling(16384, 16384, 2048, 1), &M1);
    assert!(layout.size > 2 << 30, "{:#x}", layout.size);
}
