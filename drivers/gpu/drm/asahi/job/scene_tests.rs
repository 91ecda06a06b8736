// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests of the layout of scenes.

use super::*;
use crate::job::render::Framebuffer;

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

/// All parts, in the order in which they stand.
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
    for (machine, clusters) in [(M1, 1), (M1_MAX, 4), (M1_MAX, 1)] {
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

/// The largest frame is more than any machine has, and is said to be.
#[test]
fn the_largest() {
    let layout = Layout::new(&tiling(16384, 16384, 2048, 1), &M1);
    assert!(layout.size > 2 << 30, "{:#x}", layout.size);
}
