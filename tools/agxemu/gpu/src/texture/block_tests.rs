// SPDX-License-Identifier: MIT OR Apache-2.0

//! What stores of image blocks make of the tile's bits.

use agx_isa::exec::host::{BlockPlace, BlockWrite, Dim};
use agx_isa::exec::{format::Format, Dispatch, Host, Tile};

use super::tests::{descriptor, AT};
use crate::host::GpuHost;
use crate::paged::Paged;

const LINEAR: u64 = 0;
const IDENTITY: u64 = 0b11_10_01_00;
/// Memory gets blue, green, red, alpha.
const BGRA: u64 = 0b11_00_01_10;
const PITCH: u64 = 0x100;

const UNORM: u64 = 0;
const UINT: u64 = 2;
const FLOAT: u64 = 4;

/// Returns the texel of `N` bytes after the store of a block whose samples all hold `sample`.
fn stored<const N: usize>(
    channels: u64,
    kind: u64,
    swizzle: u64,
    format: Format,
    sample: &[u8],
) -> [u8; N] {
    let memory = Paged::default();
    memory.map(AT, 1, true);
    let mut host = GpuHost::new(&memory, false);
    let image = descriptor(&[
        (0, 3, 2),
        (4, 5, LINEAR),
        (6, 12, channels),
        (13, 15, kind),
        (16, 23, swizzle),
        (24, 37, 3),
        (38, 51, 3),
        (64, 99, AT >> 4),
        (104, 124, PITCH - 4),
        // Block stores do not look at this one.
        (125, 125, 1),
    ]);
    let dispatch = Dispatch {
        tile: Tile {
            width: 4,
            height: 4,
            samples: 1,
            stride: 16,
        },
        corner: Some([2, 2]),
        ..Dispatch::default()
    };
    let mut local = vec![0; 256];
    for at in local.chunks_exact_mut(16) {
        at[..sample.len()].copy_from_slice(sample);
    }
    let block = BlockWrite {
        dim: Dim::D2,
        image,
        place: BlockPlace::Tile(0),
        lod: 0,
        offset: 0,
        format,
        round_to_zero: false,
    };
    host.block_write(&block, &dispatch, &local)
        .expect("a block");
    let texel = |x: u64, y: u64| memory.get(AT + y * PITCH + x * N as u64, N);
    // The tile's corner and the image's edge bound what is written.
    for (x, y) in [(1, 2), (2, 1), (4, 2), (2, 4)] {
        assert_eq!(texel(x, y), [0; N], "{x} {y}");
    }
    assert_eq!(texel(3, 3), texel(2, 2));
    texel(2, 2).try_into().expect("a texel")
}

fn halves(values: &[f32]) -> Vec<u8> {
    let half = |v: &f32| (Format::F16.pack(v.to_bits(), 0, true) as u16).to_le_bytes();
    values.iter().flat_map(half).collect()
}

#[test]
fn channels_are_swizzled() {
    let bytes = [1, 2, 3, 4];
    assert_eq!(
        stored(0x28, UNORM, BGRA, Format::Unorm8, &bytes),
        [3, 2, 1, 4]
    );
    assert_eq!(stored(0x28, UINT, BGRA, Format::I8, &bytes), [3, 2, 1, 4]);
    // Alpha into red, as an A8 target has it.
    assert_eq!(stored(0x00, UNORM, 3, Format::Unorm8, &bytes), [4]);
    let word = (1u32 | 2 << 10 | 1000 << 20 | 3 << 30).to_le_bytes();
    let swapped = (1000u32 | 2 << 10 | 1 << 20 | 3 << 30).to_le_bytes();
    assert_eq!(stored(0x26, UNORM, BGRA, Format::Rgb10A2, &word), swapped);
    assert_eq!(stored(0x26, UNORM, IDENTITY, Format::Rgb10A2, &word), word);
}

#[test]
fn half_floats_become_small_channels() {
    let colour = halves(&[1.0, 0.5, 0.25, 1.0]);
    // Five, six and five bits; the swizzle of a 565 target swaps red and blue.
    let word = u16::from_le_bytes(stored(0x0b, UNORM, IDENTITY, Format::I16, &colour));
    assert_eq!(word, 31 | 32 << 5 | 8 << 11);
    let word = u16::from_le_bytes(stored(0x0b, UNORM, BGRA, Format::I16, &colour));
    assert_eq!(word, 8 | 32 << 5 | 31 << 11);
    let word = u16::from_le_bytes(stored(0x0c, UNORM, IDENTITY, Format::I16, &colour));
    assert_eq!(word, 0xf | 8 << 4 | 4 << 8 | 0xf << 12);
    // The single bit is the last one.
    let word = u16::from_le_bytes(stored(0x0e, UNORM, IDENTITY, Format::I16, &colour));
    assert_eq!(word, 31 | 16 << 5 | 8 << 10 | 1 << 15);
    let word = u16::from_le_bytes(stored(0x0e, UNORM, BGRA, Format::I16, &colour));
    assert_eq!(word, 8 | 16 << 5 | 31 << 10 | 1 << 15);
    // What lies outside 0…1 is clamped.
    let wild = halves(&[-3.0, 7.0, f32::NAN, 1.0]);
    let word = u16::from_le_bytes(stored(0x0c, UNORM, IDENTITY, Format::I16, &wild));
    assert_eq!(word, 0xf << 4 | 0xf << 12);
    // Channels of 16 bits are copied, be they floats or not.
    let raw = [1, 0xfc, 2, 0x80, 3, 0, 4, 0x7c];
    assert_eq!(stored(0x32, FLOAT, IDENTITY, Format::I16, &raw), raw);
    assert_eq!(stored(0x32, UNORM, IDENTITY, Format::Unorm16, &raw), raw);
}

#[test]
fn integers_are_cut_into_fields() {
    let raw: Vec<u8> = [0x7ffu16, 2, 3, 5]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let word = u32::from_le_bytes(stored(0x26, UINT, IDENTITY, Format::I16, &raw));
    assert_eq!(word, 0x3ff | 2 << 10 | 3 << 20 | 1 << 30);
}

#[test]
fn encoded_bits_are_copied() {
    // Colours of sRGB are encoded in the tile.
    let bytes = [10, 100, 200, 50];
    assert_eq!(
        stored(0x28, UNORM, BGRA, Format::Srgba8, &bytes),
        [200, 100, 10, 50]
    );
    let word = [0x12, 0x34, 0x56, 0x78];
    assert_eq!(stored(0x25, FLOAT, IDENTITY, Format::Rg11B10, &word), word);
    assert_eq!(stored(0x27, FLOAT, IDENTITY, Format::Rgb9E5, &word), word);
    let wide: Vec<u8> = (0..16).collect();
    assert_eq!(
        stored::<16>(0x38, FLOAT, IDENTITY, Format::I32, &wide)[..],
        wide
    );
}

#[test]
fn layers_come_from_the_register() {
    for (dim, code, word) in [(Dim::D2Array, 3, 0x7_0002), (Dim::D2MsArray, 8, 0x2_0000)] {
        let memory = Paged::default();
        memory.map(AT, 4, true);
        let mut host = GpuHost::new(&memory, false);
        let image = descriptor(&[
            (0, 3, code),
            (4, 5, 2),
            (6, 12, 0x28),
            (16, 23, IDENTITY),
            (24, 37, 31),
            (38, 51, 31),
            (64, 99, AT >> 4),
            (108, 121, 3),
            (124, 124, 1),
        ]);
        let samples = if code == 8 { 2 } else { 1 };
        let dispatch = Dispatch {
            tile: Tile {
                width: 1,
                height: 1,
                samples,
                stride: 8,
            },
            corner: Some([0, 0]),
            ..Dispatch::default()
        };
        let local = [1, 2, 3, 4, 0, 0, 0, 0, 5, 6, 7, 8, 0, 0, 0, 0];
        let block = BlockWrite {
            dim,
            image,
            place: BlockPlace::Tile(word),
            lod: 0,
            offset: 0,
            format: Format::Unorm8,
            round_to_zero: false,
        };
        host.block_write(&block, &dispatch, &local)
            .expect("a block");
        let second = if samples == 2 { [5, 6, 7, 8] } else { [0; 4] };
        let layer = memory.get(AT + 2 * 0x4000, 8);
        assert_eq!((&layer[..4], &layer[4..]), (&[1, 2, 3, 4][..], &second[..]));
        assert_eq!(memory.get(AT, 8), [0; 8]);
    }
}
