// SPDX-License-Identifier: MIT OR Apache-2.0

//! Texels through descriptors, written and read back.

use agx_isa::exec::host::{
    BlockPlace, BlockWrite, Dim, HostFault, ImageWrite, Lod, LodMode, Sampler, TextureOp,
    TextureRequest, TextureResult,
};
use agx_isa::exec::{format::Format, Dispatch, Host, Lanes, Tile};

use crate::host::GpuHost;
use crate::paged::Paged;

pub const AT: u64 = 0x12_0000_0000;

/// Returns bits of a descriptor: first, last, value.
pub fn descriptor(fields: &[(u32, u32, u64)]) -> [u8; 24] {
    let mut bytes = [0; 24];
    for &(low, high, value) in fields {
        for bit in low..=high {
            let set = (value >> (bit - low)) & 1;
            bytes[bit as usize / 8] |= (set as u8) << (bit % 8);
        }
    }
    bytes
}

pub const D2: u64 = 2;
pub const D2_ARRAY: u64 = 3;
const CUBE: u64 = 6;
const CUBE_ARRAY: u64 = 7;
const TILED: u64 = 2;
const RGBA8: u64 = 0x28;

/// Returns the tiled RGBA8 of `size` squared, for writing level `level` of `levels`.
pub fn target(dim: u64, size: u64, level: u64, levels: u64, layers: u64) -> [u8; 24] {
    descriptor(&[
        (0, 3, dim),
        (4, 5, TILED),
        (6, 12, RGBA8),
        (16, 23, 0b11_10_01_00),
        (24, 37, size - 1),
        (38, 51, size - 1),
        (64, 99, AT >> 4),
        (100, 103, level),
        (104, 107, levels - 1),
        (108, 121, layers - 1),
        (124, 124, 1),
    ])
}

pub fn texture(dim: u64, size: u64, levels: u64, layers: u64) -> [u8; 24] {
    descriptor(&[
        (0, 3, dim),
        (4, 5, TILED),
        (6, 12, RGBA8),
        (16, 27, 0o3210),
        (28, 41, size - 1),
        (42, 55, size - 1),
        (60, 63, levels - 1),
        (66, 101, AT >> 4),
        (110, 123, layers - 1),
        (126, 126, 1),
    ])
}

pub fn memory() -> Paged {
    let memory = Paged::default();
    memory.map(AT, 12, true);
    memory
}

pub fn all(value: u32) -> Lanes {
    [value; 32]
}

/// Writes red = x, green = y, blue = layer (in 255ths) everywhere.
pub fn paint(host: &mut GpuHost<'_>, image: [u8; 24], dim: Dim, size: u32, layers: u32) {
    let float = |n: u32| (n as f32 / 255.0).to_bits();
    for layer in 0..layers {
        for y in 0..size {
            for first in (0..size).step_by(32) {
                let x: Lanes = std::array::from_fn(|lane| first + lane as u32);
                let request = ImageWrite {
                    dim,
                    image,
                    // Lanes beyond the edge write nothing.
                    mask: u32::MAX,
                    coordinates: [x, all(y), all(layer), all(0)],
                    lod: all(0),
                    data: [
                        x.map(float),
                        all(float(y)),
                        all(float(layer)),
                        all(float(255)),
                    ],
                    wide: true,
                    round_to_zero: false,
                };
                host.image_write(&request).expect("a store");
            }
        }
    }
}

pub fn request(
    op: TextureOp,
    dim: Dim,
    texture: [u8; 24],
    sampler: &[(u32, u32, u64)],
) -> TextureRequest {
    TextureRequest {
        op,
        dim,
        texture,
        sampler: Sampler {
            bytes: descriptor(sampler),
            extended: false,
        },
        mask: 1,
        coordinates: [all(0); 4],
        lod: Lod {
            mode: LodMode::Explicit,
            value: all(0),
            min: None,
            dx: [all(0); 3],
            dy: [all(0); 3],
        },
        compare: None,
        offset: None,
        gather: None,
        query_lod: false,
    }
}

/// Returns channels of lane 0, as they were painted.
pub fn read(host: &mut GpuHost<'_>, request: &TextureRequest) -> [f32; 4] {
    let mut result = TextureResult {
        numeric: Default::default(),
        channels: [all(0); 4],
        residency: all(1),
    };
    host.texture(request, &mut result).expect("a texel");
    assert_eq!(result.residency[0], 0);
    result
        .channels
        .map(|c| (f32::from_bits(c[0]) * 255.0 * 64.0).round() / 64.0)
}

pub const LINEAR: (u32, u32, u64) = (23, 26, 0b0101);
pub const MAX_LOD: (u32, u32, u64) = (10, 19, 0x3ff);

#[test]
fn fetches_find_what_stores_left() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    paint(
        &mut host,
        target(D2_ARRAY, 40, 1, 3, 2),
        Dim::D2Array,
        20,
        2,
    );
    let mut fetch = request(
        TextureOp::Fetch,
        Dim::D2Array,
        texture(D2_ARRAY, 40, 3, 2),
        &[],
    );
    fetch.lod.value = all(1);
    for (x, y, layer) in [(0, 0, 0), (19, 7, 1), (3, 19, 0)] {
        fetch.coordinates = [all(x), all(y), all(layer), all(0)];
        let want = [x as f32, y as f32, layer as f32, 255.0];
        assert_eq!(read(&mut host, &fetch), want);
    }
    // Outside in each direction, and a level that is not there.
    for (x, y, layer, level) in [(20, 0, 0, 1), (0, 20, 0, 1), (0, 0, 2, 1), (1, 1, 0, 3)] {
        fetch.coordinates = [all(x), all(y), all(layer), all(0)];
        fetch.lod.value = all(level);
        assert_eq!(read(&mut host, &fetch), [0.0; 4]);
    }
}

#[test]
fn samples_are_filtered_and_wrapped() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    paint(&mut host, target(D2, 32, 0, 1, 1), Dim::D2, 32, 1);
    let at = |x: f32, y: f32| [x, y, 0.0, 0.0].map(|c| all((c / 32.0).to_bits()));
    let t = texture(D2, 32, 1, 1);
    let mut nearest = request(TextureOp::Sample, Dim::D2, t, &[MAX_LOD, (29, 31, 1)]);
    nearest.coordinates = at(33.9, 40.0);
    assert_eq!(read(&mut host, &nearest), [1.0, 31.0, 0.0, 255.0]);
    let mut linear = request(TextureOp::Sample, Dim::D2, t, &[MAX_LOD, LINEAR]);
    linear.coordinates = at(10.25, 3.0);
    assert_eq!(read(&mut host, &linear), [9.75, 2.5, 0.0, 255.0]);
    linear.offset = Some(all(0x1f));
    assert_eq!(read(&mut host, &linear), [8.75, 3.5, 0.0, 255.0]);
    let border = &[MAX_LOD, (29, 34, 0o33), (55, 56, 2)];
    let mut outside = request(TextureOp::Sample, Dim::D2, t, border);
    outside.coordinates = at(-1.0, 5.0);
    assert_eq!(read(&mut host, &outside), [255.0; 4]);
    let mut gather = request(TextureOp::Sample, Dim::D2, t, &[MAX_LOD]);
    gather.coordinates = at(8.0, 9.0);
    gather.gather = Some(0);
    assert_eq!(read(&mut host, &gather), [7.0, 8.0, 8.0, 7.0]);
    // Greater than a reference of 9.5: the texels at 10 and 11 of four.
    let mut shadow = request(
        TextureOp::Sample,
        Dim::D2,
        t,
        &[MAX_LOD, LINEAR, (39, 42, 0b1010)],
    );
    shadow.coordinates = at(10.0, 9.0);
    shadow.compare = Some(all((9.5f32 / 255.0).to_bits()));
    assert_eq!(read(&mut host, &shadow)[0], 127.5);
    // Nothing is less than 0, or greater than 1, in a format of fractions: all are equal to it.
    let border = &[MAX_LOD, (29, 34, 0o33), (55, 56, 2)];
    for (compare, reference) in [(0, 1.1f32), (1, -0.1)] {
        let mut beyond = request(TextureOp::Sample, Dim::D2, t, border);
        beyond.sampler.bytes =
            descriptor(&[border[0], border[1], border[2], (39, 42, 8 | compare)]);
        beyond.coordinates = at(if compare == 0 { -1.0 } else { 0.0 }, 5.0);
        beyond.compare = Some(all(reference.to_bits()));
        assert_eq!(read(&mut host, &beyond)[0], 255.0, "{compare} {reference}");
    }
    // Channels are chosen behind the comparison: 0, 0, 0, red; then one, red, red, 0.
    for (swizzle, want) in [
        (0o0555, [0.0, 0.0, 0.0, 127.5]),
        (0o5004, [255.0, 127.5, 127.5, 0.0]),
    ] {
        let bits = u32::from_le_bytes([t[0], t[1], t[2], t[3]]) & !(0o7777 << 16);
        shadow.texture[..4].copy_from_slice(&(bits | swizzle << 16).to_le_bytes());
        assert_eq!(read(&mut host, &shadow), want);
    }
}

#[test]
fn levels_are_chosen_and_mixed() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    paint(&mut host, target(D2, 32, 0, 2, 1), Dim::D2, 32, 1);
    paint(&mut host, target(D2, 32, 1, 2, 1), Dim::D2, 16, 1);
    let t = texture(D2, 32, 2, 1);
    let mut mixed = request(
        TextureOp::Sample,
        Dim::D2,
        t,
        &[MAX_LOD, LINEAR, (27, 28, 2)],
    );
    mixed.coordinates = [all(0.5f32.to_bits()); 4];
    for (half, want) in [(0x0000, 15.5), (0x3800, 11.5), (0x3c00, 7.5), (0x4400, 7.5)] {
        mixed.lod.value = all(half);
        assert_eq!(read(&mut host, &mixed)[0], want, "{half:#x}");
    }
    // Neighbours of a quad two texels apart: the second level.
    mixed.lod.mode = LodMode::Auto;
    mixed.coordinates[0] = std::array::from_fn(|l| (0.5 + (l & 1) as f32 / 16.0).to_bits());
    assert_eq!(read(&mut host, &mixed)[0], 7.5);
    mixed.query_lod = true;
    assert_eq!(read(&mut host, &mixed)[0], 255.0);
}

/// The level that a sample would read, and what was computed.
#[test]
fn a_query_gives_the_level_that_is_read() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    let t = texture(D2, 32, 2, 1);
    let mips = |mip: u64| [MAX_LOD, LINEAR, (27, 28, mip)];
    // Not of several levels, the nearest one, a mixture; the texture has two levels.
    for (mip, apart, want) in [
        (0, 8.0, [0.0, 3.0]),
        (1, 1.3, [0.0, 1.3f32.log2()]),
        (1, 1.9, [1.0, 1.9f32.log2()]),
        (1, 8.0, [1.0, 3.0]),
        (2, 1.3, [1.3f32.log2(); 2]),
        (2, 8.0, [1.0, 3.0]),
        (2, 0.5, [0.0, -1.0]),
    ] {
        let mut query = request(TextureOp::Sample, Dim::D2, t, &mips(mip));
        query.lod.mode = LodMode::Auto;
        query.query_lod = true;
        query.coordinates[0] = std::array::from_fn(|l| (apart / 32.0 * (l & 1) as f32).to_bits());
        let mut result = TextureResult {
            numeric: Default::default(),
            channels: [all(0); 4],
            residency: all(1),
        };
        host.texture(&query, &mut result).expect("a level");
        let got = [0, 1].map(|c| f32::from_bits(result.channels[c][0]));
        assert!(
            got.iter()
                .zip(want)
                .all(|(got, want)| (got - want).abs() < 1e-5),
            "{mip} {apart}: {got:?}"
        );
    }
}

#[test]
fn cubes_go_on_beyond_their_edges() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    paint(
        &mut host,
        target(D2_ARRAY, 16, 0, 1, 6),
        Dim::D2Array,
        16,
        6,
    );
    // Descriptors have the number of cubes.
    let t = texture(CUBE, 16, 1, 1);
    let mut cube = request(TextureOp::Sample, Dim::Cube, t, &[MAX_LOD, LINEAR]);
    let direction = |d: [f32; 3]| [d[0], d[1], d[2], 0.0].map(|c| all(c.to_bits()));
    cube.coordinates = direction([0.0, 0.0, -2.0]);
    assert_eq!(read(&mut host, &cube), [7.5, 7.5, 5.0, 255.0]);
    // Half way between +X (face 0) and +Z (face 4).
    cube.coordinates = direction([1.0, 0.0, 1.0]);
    assert_eq!(read(&mut host, &cube)[2], 2.0);
    // The nearest is a face's own, at the place along the edge.
    let mut cube = request(TextureOp::Sample, Dim::Cube, t, &[MAX_LOD]);
    cube.coordinates = direction([1.0, 0.0, 1.0]);
    assert_eq!(read(&mut host, &cube), [15.0, 8.0, 4.0, 255.0]);
}

/// The level depends on how fast the direction changes, and not on a neighbour that sees another
/// face.
#[test]
fn levels_of_cubes_do_not_jump_at_edges() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    let t = texture(CUBE, 32, 6, 1);
    let mut cube = request(TextureOp::Sample, Dim::Cube, t, &[MAX_LOD, LINEAR]);
    cube.lod.mode = LodMode::Auto;
    cube.query_lod = true;
    cube.coordinates[0] = all(1.0f32.to_bits());
    for (step, want) in [(1.0 / 128.0, -3.0), (1.0 / 16.0, 0.0), (0.5, 3.0)] {
        cube.coordinates[2] = std::array::from_fn(|l| (1.0 - step * (l & 1) as f32).to_bits());
        let mut result = TextureResult {
            numeric: Default::default(),
            channels: [all(0); 4],
            residency: all(1),
        };
        host.texture(&cube, &mut result).expect("a level");
        assert_eq!(f32::from_bits(result.channels[1][0]), want);
    }
}

#[test]
fn arrays_of_cubes_have_six_layers_each() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    let target = target(D2_ARRAY, 16, 0, 1, 12);
    paint(&mut host, target, Dim::D2Array, 16, 12);
    let t = texture(CUBE_ARRAY, 16, 1, 2);
    let mut cube = request(TextureOp::Sample, Dim::CubeArray, t, &[MAX_LOD, LINEAR]);
    for (cube_number, face) in [(0, 5), (1, 0), (1, 5)] {
        let [x, z]: [f32; 2] = if face == 0 { [2.0, 0.0] } else { [0.0, -2.0] };
        cube.coordinates = [x.to_bits(), 0, z.to_bits(), cube_number].map(all);
        let layer = read(&mut host, &cube)[2];
        assert_eq!(layer, (6 * cube_number + face) as f32);
    }
}

#[test]
fn blocks_are_stored_as_far_as_the_image_goes() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    let dispatch = Dispatch {
        tile: Tile {
            width: 32,
            height: 32,
            samples: 1,
            stride: 8,
        },
        ..Dispatch::default()
    };
    let mut local = vec![0; 32 * 32 * 8];
    for (texel, bytes) in local.chunks_exact_mut(8).enumerate() {
        bytes[4..].copy_from_slice(&[(texel % 32) as u8, (texel / 32) as u8, 7, 9]);
    }
    let mut block = BlockWrite {
        dim: Dim::D2,
        image: target(D2, 40, 0, 1, 1),
        place: BlockPlace::Explicit([32, 16, 0, 0]),
        lod: 0,
        offset: 4,
        format: Format::Unorm8,
        round_to_zero: false,
    };
    host.block_write(&block, &dispatch, &local)
        .expect("a block");
    let mut fetch = request(TextureOp::Fetch, Dim::D2, texture(D2, 40, 1, 1), &[]);
    for (x, y, want) in [(33, 18, [1.0, 2.0]), (39, 39, [7.0, 23.0])] {
        fetch.coordinates = [all(x), all(y), all(0), all(0)];
        let got = read(&mut host, &fetch);
        assert_eq!(got, [want[0], want[1], 7.0, 9.0]);
    }
    fetch.coordinates = [all(31), all(18), all(0), all(0)];
    assert_eq!(read(&mut host, &fetch), [0.0; 4]);
    block.place = BlockPlace::Tile(0);
    let refused = host.block_write(&block, &dispatch, &local);
    assert!(matches!(refused, Err(HostFault::Unsupported(_))));
}

#[test]
fn what_is_not_supported_is_said() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    let mut result = TextureResult {
        numeric: Default::default(),
        channels: [all(0); 4],
        residency: all(0),
    };
    let mut compressed = texture(D2, 32, 1, 1);
    compressed[0] &= 0x3f;
    compressed[1] |= 0x1d;
    let fetch = request(TextureOp::Fetch, Dim::D2, compressed, &[]);
    let refused = host.texture(&fetch, &mut result);
    let Err(HostFault::Unsupported(text)) = refused else {
        panic!("{refused:?}");
    };
    assert!(text.starts_with("texture channels 0x"), "{text}");
    // And memory that is not there is a fault of the lane.
    let mut fetch = request(TextureOp::Fetch, Dim::D2, texture(D2, 2048, 1, 1), &[]);
    fetch.coordinates = [all(2000); 4];
    let refused = host.texture(&fetch, &mut result);
    assert!(
        matches!(refused, Err(HostFault::Memory(fault)) if fault.lane == 0 && !fault.fault.write)
    );
}
