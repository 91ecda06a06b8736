// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sparse images: pages that are there and pages that are not.

use agx_isa::exec::host::{Dim, HostFault, TextureOp, TextureResult};
use agx_isa::exec::Host;

use super::descriptor::{Image, Place};
use super::tests::{all, descriptor, request, texture, AT, D2, D2_ARRAY, LINEAR, MAX_LOD};
use crate::host::GpuHost;
use crate::paged::Paged;

/// Where pages of the image are.
const PAGES: u64 = AT + 0x10_0000;
const PAGE: u64 = 0x4000;

/// As [`texture`], with a page map at its address.
fn sparse(dim: u64, size: u64, layers: u64) -> [u8; 24] {
    let mut bytes = texture(dim, size, 1, layers);
    let mode = descriptor(&[(104, 105, 3)]);
    bytes
        .iter_mut()
        .zip(mode)
        .for_each(|(to, bits)| *to |= bits);
    bytes
}

/// Returns the four tiles of 64 texels squared, of which the second and the last are there.
fn memory() -> Paged {
    let memory = Paged::default();
    memory.map(AT, 1, true);
    memory.map(PAGES, 2, true);
    let mut host = GpuHost::new(&memory, false);
    for (entry, page) in [(1, PAGES), (3, PAGES + PAGE)] {
        let word = (page / PAGE) as u32 | 3 << 30;
        host.store(AT + entry * 4, &word.to_le_bytes())
            .expect("the map");
        host.store(page, &[0xff; PAGE as usize]).expect("the page");
    }
    memory
}

fn result() -> TextureResult {
    TextureResult {
        numeric: Default::default(),
        channels: [all(7); 4],
        residency: all(7),
    }
}

#[test]
fn pages_that_are_not_there_read_as_zeros() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    let mut fetch = request(TextureOp::Fetch, Dim::D2, sparse(D2, 128, 1), &[]);
    for (x, y, there) in [
        (0, 0, false),
        (64, 0, true),
        (127, 63, true),
        (63, 127, false),
        (64, 64, true),
    ] {
        fetch.coordinates = [all(x), all(y), all(0), all(0)];
        let mut result = result();
        host.texture(&fetch, &mut result).expect("a texel");
        let value = if there { 1.0f32 } else { 0.0 };
        assert_eq!(
            result.channels.map(|c| f32::from_bits(c[0])),
            [value; 4],
            "{x} {y}"
        );
        assert_eq!(result.residency[0], u32::from(!there), "{x} {y}");
    }
    // Outside of the image there is no page to be missed.
    fetch.coordinates = [all(128), all(0), all(0), all(0)];
    let mut result = result();
    host.texture(&fetch, &mut result).expect("a texel");
    assert_eq!(result.residency[0], 0);
}

#[test]
fn one_missing_page_is_enough() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    let mut sample = request(
        TextureOp::Sample,
        Dim::D2,
        sparse(D2, 128, 1),
        &[LINEAR, MAX_LOD],
    );
    // Right between the first tile, which is missing, and the second.
    sample.coordinates = [
        all(0.5f32.to_bits()),
        all(0.25f32.to_bits()),
        all(0),
        all(0),
    ];
    let mut edge = result();
    host.texture(&sample, &mut edge).expect("a texel");
    assert_eq!(
        (f32::from_bits(edge.channels[0][0]), edge.residency[0]),
        (0.5, 1)
    );
    sample.coordinates[0] = all(0.75f32.to_bits());
    let mut inside = result();
    host.texture(&sample, &mut inside).expect("a texel");
    assert_eq!(
        (f32::from_bits(inside.channels[0][0]), inside.residency[0]),
        (1.0, 0)
    );
}

#[test]
fn layers_start_folios_of_the_map() {
    // A layer has 16 megabytes: 1024 pages, four folios.
    let image = Image::texture(&sparse(D2_ARRAY, 2048, 3)).expect("an image");
    let entry = |layer, tile: u32| {
        let (x, y) = (tile % 32 * 64 + 1, tile / 32 * 64);
        let place = image.place(0, x, y, layer, 0);
        assert!(
            matches!(place, Some(Place::Mapped { offset: 4, .. })),
            "{place:?}"
        );
        match place {
            Some(Place::Mapped { entry, .. }) => (entry - AT) / 4,
            _ => 0,
        }
    };
    assert_eq!(
        [entry(0, 255), entry(0, 256), entry(0, 1023)],
        [255, 512, 1791]
    );
    assert_eq!([entry(1, 0), entry(2, 300)], [2048, 4096 + 512 + 44]);
}

#[test]
fn maps_are_memory_like_any_other() {
    let memory = Paged::default();
    let mut host = GpuHost::new(&memory, false);
    let mut fetch = request(TextureOp::Fetch, Dim::D2, sparse(D2, 128, 1), &[]);
    let error = host.texture(&fetch, &mut result());
    assert!(matches!(error, Err(HostFault::Memory(_))), "{error:?}");
    // An entry may name a page that is not mapped.
    memory.map(AT, 1, true);
    let word = (PAGES / PAGE) as u32 | 1 << 31;
    host.store(AT, &word.to_le_bytes()).expect("the map");
    let error = host.texture(&fetch, &mut result());
    assert!(matches!(error, Err(HostFault::Memory(_))), "{error:?}");
    // Linear images have no tiles that a map could be of.
    fetch.texture[0] &= !0x30;
    let error = host.texture(&fetch, &mut result());
    assert!(matches!(error, Err(HostFault::Unsupported(_))), "{error:?}");
}
