// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tests of the tiler's numbers, against figures that were worked out by hand.

use super::*;
use agx_abi::Abi;

const ABI: Abi = Abi::G13V13_5;

fn framebuffer(width: u16, height: u16, utile: (u8, u8)) -> Framebuffer {
    Framebuffer {
        width,
        height,
        layers: 1,
        samples: 1,
        sample_size: 8,
        utile,
    }
}

fn cut(framebuffer: Framebuffer, clusters: u32) -> Tiling {
    framebuffer.tiling().unwrap().with_clusters(clusters)
}

fn tiles(t: &Tiling) -> (u32, u32) {
    (t.tiles_x(), t.tiles_y())
}

fn macrotile(t: &Tiling) -> (u32, u32) {
    (t.tiles_per_mtile_x(), t.tiles_per_mtile_y())
}

fn macrotile_in_utiles(t: &Tiling) -> (u32, u32) {
    (t.utiles_per_mtile_y(), t.utiles_per_mtile_x())
}

fn utiles(t: &Tiling) -> (u32, u32) {
    (t.utiles_per_tile_x(), t.utiles_per_tile_y())
}

fn te_mtile(t: &Tiling) -> [u32; 2] {
    [t.te_mtile1(), t.te_mtile2()]
}

#[test]
fn full_hd() {
    // 60 × 34 tiles: 15 × 9 for a macrotile, and in fours 16 × 12.
    let t = cut(framebuffer(1920, 1080, (32, 32)), 1);
    assert_eq!(
        (tiles(&t), utiles(&t), macrotile(&t)),
        ((60, 34), (1, 1), (16, 12))
    );
    assert_eq!((t.tiles(), t.tiles_per_mtile()), (2040, 192));
    // 192 × 5 = 960 bytes, 240 words, 16 of them.
    assert_eq!((t.rgn_size(), t.tilemap_size()), (240, 15360));
    // 192 × 8 = 1536 bytes, 384 words, 16 of them.
    assert_eq!((t.tpc_stride(), t.tpc_size()), (384, 24576));
    // 2040 / 128 = 15.9, and in eights 16.
    assert_eq!(t.min_tvb_blocks(), 16);
    assert_eq!(t.te_screen(), 33 << 12 | 59);
    assert_eq!(
        te_mtile(&t),
        [48 | 32 << 9 | 16 << 18, 36 | 24 << 9 | 12 << 18]
    );
    assert_eq!(t.utile_config(), 2 << 12 | 2 << 14);
    assert_eq!(t.mtile_stride(), 960 << 24);
    assert_eq!(macrotile_in_utiles(&t), (12, 16));
    assert_eq!((t.layermeta_size(), t.render_target_max()), (0, 0x8000));
    assert_eq!((t.meta1_layer_stride(), t.meta1_blocks(ABI)), (0, 0));
    // 8 × 1024 bytes.
    assert_eq!(t.tib_blocks(8), 4);
}

#[test]
fn smaller_utiles_are_more() {
    let t = cut(framebuffer(1920, 1080, (32, 16)), 1);
    assert_eq!((utiles(&t), macrotile_in_utiles(&t)), ((1, 2), (24, 16)));
    assert_eq!((t.rgn_size(), t.tpc_stride()), (480, 768));
    assert_eq!(t.utile_config(), 2 << 12 | 1 << 14);

    let t = cut(framebuffer(1920, 1080, (16, 16)), 1);
    assert_eq!((utiles(&t), macrotile_in_utiles(&t)), ((2, 2), (24, 32)));
    assert_eq!((t.rgn_size(), t.tpc_stride()), (960, 1536));
    assert_eq!(t.utile_config(), 1 << 12 | 1 << 14);
    // The tiles are the same.
    assert_eq!((t.te_screen(), t.min_tvb_blocks()), (33 << 12 | 59, 16));
}

#[test]
fn one_pixel() {
    let t = cut(framebuffer(1, 1, (32, 32)), 1);
    assert_eq!((tiles(&t), macrotile(&t)), ((1, 1), (4, 4)));
    assert_eq!((t.rgn_size(), t.tilemap_size()), (20, 1280));
    assert_eq!((t.tpc_stride(), t.tpc_size()), (32, 2048));
    assert_eq!((t.min_tvb_blocks(), t.te_screen()), (8, 0));
}

/// A pixel more than a whole number of tiles is a tile more.
#[test]
fn edges_of_tiles() {
    for (pixels, count, of_macrotile) in [(32, 1, 4), (33, 2, 4), (512, 16, 4), (513, 17, 8)] {
        let t = cut(framebuffer(pixels, pixels, (32, 32)), 1);
        assert_eq!(
            (tiles(&t), macrotile(&t)),
            ((count, count), (of_macrotile, of_macrotile))
        );
    }
}

#[test]
fn samples() {
    for (samples, size, blocks) in [(1, 0u8, 0), (1, 1, 1), (2, 8, 8), (4, 8, 16)] {
        let t = cut(
            Framebuffer {
                samples,
                sample_size: size,
                ..framebuffer(64, 64, (32, 32))
            },
            1,
        );
        assert_eq!(t.utile_config() & 0xfff, u32::from(samples) / 2);
        assert_eq!(t.tib_blocks(size.into()), blocks);
    }
    let t = cut(
        Framebuffer {
            samples: 4,
            sample_size: 24,
            ..framebuffer(64, 64, (16, 16))
        },
        1,
    );
    assert_eq!(t.tib_blocks(24), 12);
}

#[test]
fn layers() {
    let one = cut(framebuffer(256, 256, (32, 32)), 1);
    let six = cut(
        Framebuffer {
            layers: 6,
            ..framebuffer(256, 256, (32, 32))
        },
        1,
    );
    assert_eq!(six.tilemap_size(), 6 * one.tilemap_size());
    assert_eq!(six.tpc_size(), 6 * one.tpc_size());
    assert_eq!(
        (six.layermeta_size(), six.render_target_max()),
        (0x100, 0xe005)
    );
    // Not more for them, as long as clusters do not share the work.
    assert_eq!(six.min_tvb_blocks(), one.min_tvb_blocks());
}

#[test]
fn clusters() {
    let of = |layers, clusters| {
        cut(
            Framebuffer {
                layers,
                ..framebuffer(1920, 1080, (32, 32))
            },
            clusters,
        )
    };
    assert_eq!(of(1, 8).tpc_size(), 8 * of(1, 1).tpc_size());
    assert_eq!(of(1, 8).tilemap_size(), of(1, 1).tilemap_size());
    // 60 × 36 tiles fit one block of the first metadata.
    assert_eq!(
        (of(5, 2).meta1_layer_stride(), of(5, 2).meta1_blocks(ABI)),
        (1, 5)
    );
    let large = cut(
        Framebuffer {
            layers: 3,
            ..framebuffer(4096, 4096, (16, 16))
        },
        2,
    );
    // 128 × 128 × 4 = 65536 over 6528.
    assert_eq!(
        (large.meta1_layer_stride(), large.meta1_blocks(ABI)),
        (11, 33)
    );
    assert_eq!(
        (of(1, 8).min_tvb_blocks(), of(5, 8).min_tvb_blocks()),
        (16, 17)
    );
    assert_eq!(
        (of(5, 1).min_tvb_blocks(), of(20, 8).min_tvb_blocks()),
        (16, 47)
    );
}

/// The largest that a client can ask for: nothing overflows.
#[test]
fn the_largest() {
    let t = cut(
        Framebuffer {
            width: MAX_PIXELS,
            height: MAX_PIXELS,
            layers: MAX_LAYERS,
            samples: 4,
            sample_size: 32,
            utile: (16, 16),
        },
        8,
    );
    assert_eq!((tiles(&t), macrotile(&t)), ((512, 512), (128, 128)));
    assert_eq!(t.rgn_size(), 81920);
    assert_eq!(t.tilemap_size(), 4 * 81920 * 16 * 2048);
    assert_eq!(t.tpc_size(), 4 * 131072 * 16 * 2048 * 8);
    assert_eq!(t.te_screen(), 511 << 12 | 511);
    assert_eq!(t.render_target_max(), 0xe7ff);
    assert_eq!(t.min_tvb_blocks(), 4103);
    assert_eq!(t.meta1_layer_stride(), 161);
    assert_eq!(macrotile_in_utiles(&t), (256, 256));
    assert_eq!(t.te_mtile1(), 384 | 256 << 9 | 128 << 18);
}
