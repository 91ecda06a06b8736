// SPDX-License-Identifier: MIT OR Apache-2.0

//! Compressed images: squares of one colour are read as such, and become raw when they are written.

use agx_isa::exec::host::{BlockPlace, BlockWrite, Dim, ImageWrite, TextureOp, TextureResult};
use agx_isa::exec::{format::Format, Dispatch, Host, Tile};

use super::tests::{all, descriptor, request, AT};
use crate::host::GpuHost;
use crate::paged::Paged;

/// Behind the texels of 64 by 64 pixels.
const METADATA: u64 = AT + 0x20000;
const SOLID: [u8; 8] = [3; 8];
const RAW: [u8; 8] = [0x7f; 8];
const COLOUR: [u8; 4] = [10, 20, 30, 40];

/// Returns the two layers of 64 by 64 pixels of four bytes, tiled; for reading and for writing.
fn images(samples: u64) -> [[u8; 24]; 2] {
    let dim = if samples > 1 { 8 } else { 3 };
    let texture = descriptor(&[
        (0, 3, dim),
        (4, 5, 2),
        (6, 12, 0x28),
        (16, 27, 0o3210),
        (28, 41, 63),
        (42, 55, 63),
        (64, 64, samples / 4),
        (66, 101, AT >> 4),
        (103, 103, 1),
        (110, 123, 1),
        (126, 127, 3),
        (128, 191, METADATA >> 4),
    ]);
    let target = descriptor(&[
        (0, 3, dim),
        (4, 5, 2),
        (6, 12, 0x28),
        (16, 23, 0b11_10_01_00),
        (24, 37, 63),
        (38, 51, 63),
        (56, 56, samples / 4),
        (59, 59, 1),
        (64, 99, AT >> 4),
        (108, 121, 1),
        (124, 124, 1),
        (127, 127, 1),
        (128, 191, METADATA >> 4),
    ]);
    [texture, target]
}

/// Returns the memory of noise, where the square that starts with texel `first` of layer 1 is of
/// one colour.
fn memory(samples: u64, first: u64, entry: u64) -> Paged {
    let memory = Paged::default();
    memory.map(AT, 16, true);
    let noise: Vec<u8> = (0..0x20000u32).map(|n| (n * 7 + n / 256) as u8).collect();
    memory.put(AT, &noise);
    memory.put(METADATA, &[0x7f; 0x1000]);
    let layer = 0x4000 * samples;
    // As the driver's clear does it: eight copies of the texel with all of its samples.
    let copies = COLOUR.repeat(8 * samples as usize);
    memory.put(AT + layer + first * 4 * samples, &copies);
    let squares = 16 * samples;
    memory.put(METADATA + squares * 8 + entry * 8, &SOLID);
    memory
}

fn fetch(
    host: &mut GpuHost<'_>,
    texture: [u8; 24],
    dim: Dim,
    x: u32,
    y: u32,
    last: u32,
) -> [u8; 4] {
    let mut fetch = request(TextureOp::Fetch, dim, texture, &[]);
    fetch.coordinates = [all(x), all(y), all(last), all(0)];
    let mut result = TextureResult {
        numeric: Default::default(),
        channels: [all(0); 4],
        residency: all(0),
    };
    host.texture(&fetch, &mut result).expect("a texel");
    result
        .channels
        .map(|c| (f32::from_bits(c[0]) * 255.0).round() as u8)
}

#[test]
fn squares_of_one_colour_are_read() {
    // Square (1, 2) of the layer: texel (16, 32) is number 0b1001 << 8 in Morton order.
    let memory = memory(1, 0b1001 << 8, 0b1001);
    let mut host = GpuHost::new(&memory, false);
    let [texture, _] = images(1);
    let mut read = |x, y, layer| fetch(&mut host, texture, Dim::D2Array, x, y, layer);
    for (x, y) in [(16, 32), (31, 47), (20, 40)] {
        assert_eq!(read(x, y, 1), COLOUR, "{x} {y}");
        assert_ne!(read(x, y, 0), COLOUR);
    }
    for (x, y) in [(15, 32), (32, 32), (16, 31), (16, 48)] {
        assert_ne!(read(x, y, 1), COLOUR, "{x} {y}");
    }
}

#[test]
fn squares_of_samples_are_smaller() {
    // Pixels (8, 0) to (15, 7) of layer 1, all four samples.
    let memory = memory(4, 64, 1);
    let mut host = GpuHost::new(&memory, false);
    let [texture, _] = images(4);
    let mut read =
        |x, y, sample: u32| fetch(&mut host, texture, Dim::D2MsArray, x, y, 1 << 16 | sample);
    for sample in 0..4 {
        assert_eq!(read(8, 0, sample), COLOUR);
        assert_eq!(read(15, 7, sample), COLOUR);
        assert_ne!(read(16, 0, sample), COLOUR);
        assert_ne!(read(8, 8, sample), COLOUR);
        assert_ne!(read(7, 7, sample), COLOUR);
    }
}

/// Stores red to one texel of layer 1.
fn store(host: &mut GpuHost<'_>, x: u32, y: u32) {
    let [_, image] = images(1);
    let one = 1.0f32.to_bits();
    let write = ImageWrite {
        dim: Dim::D2Array,
        image,
        mask: 1,
        coordinates: [all(x), all(y), all(1), all(0)],
        lod: all(0),
        data: [all(one), all(0), all(0), all(one)],
        wide: true,
        round_to_zero: false,
    };
    host.image_write(&write).expect("a store");
}

#[test]
fn one_texel_makes_the_others_of_its_square_real() {
    let memory = memory(1, 0b1001 << 8, 0b1001);
    let mut host = GpuHost::new(&memory, false);
    let [texture, _] = images(1);
    store(&mut host, 20, 40);
    assert_eq!(memory.get(METADATA + 16 * 8 + 9 * 8, 8), RAW);
    let mut read = |x, y| fetch(&mut host, texture, Dim::D2Array, x, y, 1);
    assert_eq!(read(20, 40), [255, 0, 0, 255]);
    for (x, y) in [(16, 32), (31, 47), (21, 40), (20, 41)] {
        assert_eq!(read(x, y), COLOUR, "{x} {y}");
    }
    // The neighbours are what they were.
    assert_eq!(memory.get(METADATA + 16 * 8 + 8 * 8, 8), RAW);
}

/// Threads that store to a square of one colour at the same time lose none of what they store.
#[test]
fn a_square_is_made_real_once() {
    const THREADS: u32 = 4;
    for _ in 0..400 {
        let memory = memory(1, 0b1001 << 8, 0b1001);
        let together = std::sync::Barrier::new(THREADS as usize);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (memory, together) = (&memory, &together);
                scope.spawn(move || {
                    let mut host = GpuHost::new(memory, false);
                    together.wait();
                    store(&mut host, 16 + 4 * thread, 32);
                });
            }
        });
        let mut host = GpuHost::new(&memory, false);
        let [texture, _] = images(1);
        for thread in 0..THREADS {
            let stored = fetch(&mut host, texture, Dim::D2Array, 16 + 4 * thread, 32, 1);
            assert_eq!(stored, [255, 0, 0, 255], "texel {thread}");
        }
    }
}

#[test]
fn blocks_write_whole_squares_or_make_them_real() {
    for (corner, rest) in [
        ([16, 32], None),
        ([16, 40], Some((16, 39))),
        ([24, 32], Some((16, 33))),
    ] {
        let memory = memory(1, 0b1001 << 8, 0b1001);
        let mut host = GpuHost::new(&memory, false);
        let [texture, image] = images(1);
        let dispatch = Dispatch {
            tile: Tile {
                width: 16,
                height: 16,
                samples: 1,
                stride: 8,
            },
            corner: Some(corner),
            ..Dispatch::default()
        };
        let block = BlockWrite {
            dim: Dim::D2Array,
            image,
            place: BlockPlace::Tile(1),
            lod: 0,
            offset: 0,
            format: Format::Unorm8,
            round_to_zero: false,
        };
        let local = [1u8, 2, 3, 4, 0, 0, 0, 0].repeat(256);
        host.block_write(&block, &dispatch, &local)
            .expect("a block");
        let mut read = |x, y| fetch(&mut host, texture, Dim::D2Array, x, y, 1);
        let [x, y] = corner;
        assert_eq!(read(x, y), [1, 2, 3, 4]);
        assert_eq!(read(x + 15, y + 15), [1, 2, 3, 4]);
        if let Some((x, y)) = rest {
            assert_eq!(read(x, y), COLOUR);
        }
        assert_eq!(memory.get(METADATA + 16 * 8 + 9 * 8, 8), RAW);
    }
}

#[test]
fn metadata_that_cannot_be_read_is_a_fault() {
    let memory = Paged::default();
    memory.map(AT, 8, true);
    let mut host = GpuHost::new(&memory, false);
    let [texture, image] = images(1);
    let mut fetch = request(TextureOp::Fetch, Dim::D2Array, texture, &[]);
    fetch.coordinates = [all(0); 4];
    let mut result = TextureResult {
        numeric: Default::default(),
        channels: [all(0); 4],
        residency: all(0),
    };
    assert!(host.texture(&fetch, &mut result).is_err());
    let write = ImageWrite {
        dim: Dim::D2Array,
        image,
        mask: 1,
        coordinates: [all(0); 4],
        lod: all(0),
        data: [all(0); 4],
        wide: true,
        round_to_zero: false,
    };
    assert!(host.image_write(&write).is_err());
}
