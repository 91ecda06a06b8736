// SPDX-License-Identifier: MIT OR Apache-2.0

//! Places of texels and of blocks in images of each order.

use super::layout::*;

fn shape(order: Order, bytes: u64, width: u32, height: u32) -> Shape {
    Shape {
        order,
        bytes,
        width,
        height,
        block: [1, 1],
        mipmapped: true,
        page_aligned: true,
        depth: 1,
        named: 1,
    }
}

#[test]
fn tiles_are_pages() {
    let sizes = [1, 2, 4, 8, 16, 32, 64].map(largest_tile);
    let want = [
        [128, 128],
        [128, 64],
        [64, 64],
        [64, 32],
        [32, 32],
        [32, 16],
        [16, 16],
    ];
    assert_eq!(sizes, want);
}

#[test]
fn every_texel_has_a_place_of_its_own() {
    let orders = [Order::Tiled, Order::Twiddled];
    for (order, bytes, width, height) in orders.into_iter().flat_map(|o| {
        [
            (o, 4, 130, 70),
            (o, 1, 33, 257),
            (o, 8, 100, 3),
            (o, 16, 1, 1),
        ]
    }) {
        let shape = shape(order, bytes, width, height);
        let layout = shape.layout();
        let mut seen = std::collections::HashSet::new();
        for layer in 0..2u64 {
            for level in 0..shape.count() {
                for y in 0..minify(height, level) {
                    for x in 0..minify(width, level) {
                        let at = layer * layout.layer + layout.offset(level, x, y);
                        assert_eq!(at % bytes, 0);
                        let end = (layer + 1) * layout.layer;
                        assert!(at + bytes <= end, "{shape:?} {level} {x} {y}");
                        assert!(seen.insert(at), "{shape:?} {layer} {level} {x} {y}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_block_has_a_place_of_its_own() {
    for (order, block, width, height) in [Order::Tiled, Order::Twiddled].into_iter().flat_map(|o| {
        [
            (o, [4, 4], 96, 72),
            (o, [4, 4], 1000, 700),
            (o, [12, 10], 900, 333),
            (o, [5, 4], 3, 2),
        ]
    }) {
        let shape = Shape {
            block,
            ..shape(order, 16, width, height)
        };
        let layout = shape.layout();
        let mut seen = std::collections::HashSet::new();
        for level in 0..shape.count() {
            for y in 0..minify(height, level).div_ceil(block[1]) {
                for x in 0..minify(width, level).div_ceil(block[0]) {
                    let at = layout.offset(level, x, y);
                    assert!(at + 16 <= layout.layer, "{shape:?} {level} {x} {y}");
                    assert!(seen.insert(at), "{shape:?} {level} {x} {y}");
                }
            }
        }
    }
}

#[test]
fn levels_of_a_tiled_image() {
    // 256x256 of four bytes: 4x4 tiles, 2x2, one, then a chain of powers of two.
    let layout = shape(Order::Tiled, 4, 256, 256).layout();
    let starts: Vec<u64> = (0..5).map(|l| layout.offset(l, 0, 0)).collect();
    assert_eq!(starts, [0, 0x40000, 0x50000, 0x54000, 0x55000]);
    // A page of 64x64 texels to the right, and one tile row down.
    assert_eq!(layout.offset(0, 64, 0), 0x4000);
    assert_eq!(layout.offset(0, 0, 64), 0x10000);
    assert_eq!(layout.offset(0, 3, 5), (0b100111) * 4);
    assert_eq!(layout.layer % 0x4000, 0);
}

#[test]
fn levels_of_a_3d_image_that_is_seen_as_layers() {
    for order in [Order::Tiled, Order::Twiddled] {
        let flat = shape(order, 1, 4, 1);
        let deep = Shape { depth: 10, ..flat }.layout();
        let layers = Shape { named: 4, ..flat }.layout();
        let starts = [0, 1, 2, 3].map(|level| layers.offset(level, 0, 0));
        assert_eq!(starts, [0, 128, 256, 384]);
        assert_eq!(starts, [0, 1, 2, 3].map(|level| deep.offset(level, 0, 0)));
        assert_eq!(layers.layer(), flat.layout().layer());
    }
}

#[test]
fn squares_follow_each_other() {
    for (order, bytes, width, height) in [
        (Order::Tiled, 4, 130, 70),
        (Order::Tiled, 64, 40, 40),
        (Order::Tiled, 1, 17, 300),
        (Order::Twiddled, 8, 100, 33),
    ] {
        let shape = shape(order, bytes, width, height);
        let layout = shape.layout();
        for level in (0..shape.count()).filter(|&level| layout.has_squares(level)) {
            let [x, y] = [16, minify(height, level) & !15];
            let first = layout.offset(level, x, y);
            for (n, [right, down]) in SQUARE_PLACES.iter().enumerate() {
                let at = layout.offset(level, x + u32::from(*right), y + u32::from(*down));
                assert_eq!(at, first + n as u64 * bytes, "{shape:?} {level} {n}");
            }
        }
        assert!(layout.has_squares(0));
    }
    assert!(!shape(Order::Tiled, 4, 100, 8).layout().has_squares(0));
}

#[test]
fn linear_images() {
    let order = Order::Linear {
        stride: 0x200,
        layer: 0x10000,
    };
    let layout = shape(order, 4, 100, 100).layout();
    assert_eq!(layout.layer(), 0x10000);
    assert_eq!(layout.offset(0, 3, 5), 5 * 0x200 + 12);
}
