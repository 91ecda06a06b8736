// SPDX-License-Identifier: MIT OR Apache-2.0

use agx_isa::exec::host::Dim;

use super::*;
use crate::texture::tests::{memory, paint, read, request, target, texture, AT, D2};

/// What takes longer than an instruction costs more than one.
#[test]
fn textures_images_and_walks_have_a_cost() {
    let memory = memory();
    let mut host = GpuHost::new(&memory, false);
    paint(&mut host, target(D2, 32, 0, 1, 1), Dim::D2, 32, 1);
    assert_eq!(host.cost(), 32 * IMAGE_WRITE + WALK);
    assert_eq!(host.cost(), 0);
    let fetch = request(host::TextureOp::Fetch, Dim::D2, texture(D2, 32, 1, 1), &[]);
    assert_eq!(read(&mut host, &fetch)[3], 255.0);
    let cost = host.cost();
    assert!((TEXELS..2 * TEXELS).contains(&cost), "{cost}");
    // Eleven pages more.
    for page in 0..12 {
        host.load(AT + page * PAGE, &mut [0; 4]).expect("memory");
    }
    assert_eq!(host.cost(), 11 * WALK);
    // What is not there is looked for each time.
    for _ in 0..3 {
        assert!(host.load(AT - PAGE, &mut [0; 4]).is_err());
    }
    assert!(host.cost() >= 3 * WALK);
}
