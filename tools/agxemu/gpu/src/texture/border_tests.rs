// SPDX-License-Identifier: MIT OR Apache-2.0

//! What samples find beyond the edge of a texture.

use agx_isa::exec::host::{Dim, TextureOp, TextureResult};
use agx_isa::exec::Host;

use super::tests::{all, descriptor, request, AT, D2, MAX_LOD};
use crate::host::GpuHost;
use crate::paged::Paged;

const RGBA4: u64 = 0x0c;
const TRANSPARENT: u64 = 0;
const BLACK: u64 = 1;
const WHITE: u64 = 2;
const CUSTOM: u64 = 3;

/// Samples left of a texture of 16 bits, whose channels are taken in the order of `swizzle`.
fn outside(swizzle: u64, border: u64, custom: Option<[u32; 4]>) -> [f32; 4] {
    let memory = Paged::default();
    let mut host = GpuHost::new(&memory, false);
    let texture = descriptor(&[
        (0, 3, D2),
        (4, 5, 2),
        (6, 12, RGBA4),
        (16, 27, swizzle),
        (28, 41, 15),
        (42, 55, 15),
        (66, 101, AT >> 4),
    ]);
    let sampler = [MAX_LOD, (29, 34, 0o33), (55, 56, border)];
    let mut request = request(TextureOp::Sample, Dim::D2, texture, &sampler);
    if let Some(channels) = custom {
        request.sampler.extended = true;
        for (to, channel) in request.sampler.bytes[8..].chunks_exact_mut(4).zip(channels) {
            to.copy_from_slice(&channel.to_le_bytes());
        }
    }
    request.coordinates = [(-1.0f32).to_bits(), 0, 0, 0].map(all);
    let mut result = TextureResult {
        numeric: Default::default(),
        channels: [all(0); 4],
        residency: all(1),
    };
    host.texture(&request, &mut result).expect("a texel");
    result.channels.map(|channel| f32::from_bits(channel[0]))
}

/// The border has the order of channels in memory, as texels have: where alpha is the lowest of
/// them, opaque black is red. Mesa replaces it there if it can.
#[test]
fn opaque_black_is_in_the_order_of_memory() {
    assert_eq!(outside(0o3210, BLACK, None), [0.0, 0.0, 0.0, 1.0]);
    assert_eq!(outside(0o0123, BLACK, None), [1.0, 0.0, 0.0, 0.0]);
    // One for alpha comes from the swizzle, whatever the border is.
    assert_eq!(outside(0o4210, TRANSPARENT, None), [0.0, 0.0, 0.0, 1.0]);
    assert_eq!(outside(0o0123, WHITE, None), [1.0; 4]);
}

#[test]
fn custom_borders_are_in_the_order_of_memory() {
    let colour = Some([15, 3, 6, 9]);
    assert_eq!(outside(0o3210, CUSTOM, colour), [1.0, 0.2, 0.4, 0.6]);
    assert_eq!(outside(0o0123, CUSTOM, colour), [0.6, 0.4, 0.2, 1.0]);
}
