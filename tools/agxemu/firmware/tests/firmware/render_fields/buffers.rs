// SPDX-License-Identifier: MIT OR Apache-2.0

//! Buffers, barriers and scenes that do not belong to a render.

use agx_abi::buffer::BlockControl;
use agx_abi::microsequence::{FinalizeVertex, StartVertex};
use agx_abi::tiling::Tiling;

use super::{check, V};
use crate::support::buffer::Buffer;
use crate::support::gpu::Answer;
use crate::support::render::{driver, shot, Render, Shot};

#[test]
fn a_fragment_command_needs_its_barrier() {
    let (mut d, gpu) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    gpu.answer(&[Answer::Runs]);
    let made = r.make(&mut d, &shot());
    r.vertex.push(&d, made.set_up.unwrap());
    r.vertex.push(&d, made.vertex.at);
    r.fragment.push(&d, made.fragment.at);
    d.pending(1);
    r.vertex.submit(&mut d).unwrap();
    let panic = r.fragment.submit(&mut d).unwrap_err().0;
    let reason = "no barrier before it waits for its vertex command, 4:0x4000100";
    assert!(panic.contains(reason), "{panic}");
}

#[test]
fn buffers_have_to_be_set_up() {
    check(&[
        ("buffer slot 7 was never set up", |b| b.made.set_up = None),
        ("8 blocks, set up with 0x9", |b| {
            let blocks = agx_abi::queue::InitBuffer::BLOCK_COUNT;
            b.d.mem.set(b.made.set_up.unwrap(), blocks, 9);
        }),
    ]);

    let (mut d, _) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    r.run(&mut d, &shot()).unwrap();
    // More blocks than at the set-up may be there already, for the next one.
    r.buffer.list(&mut d, 1);
    r.run(&mut d, &shot()).unwrap();
    // Fewer may not.
    d.mem.set(r.buffer.control, BlockControl::TOTAL, 7);
    let panic = r.run(&mut d, &shot()).unwrap_err().0;
    assert!(panic.contains("has 0x7 blocks, set up with 0x8"), "{panic}");

    // Another buffer in the slot.
    let (mut d, _) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    r.run(&mut d, &shot()).unwrap();
    r.buffer = Buffer::new(&mut d, 1, 7, 8);
    let panic = r.run(&mut d, &shot()).unwrap_err().0;
    assert!(panic.contains("buffer slot 7 was set up for"), "{panic}");

    // A frame that is too large for its buffer.
    let (mut d, _) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    let large = Shot {
        tiling: Tiling::new(1920, 1080, 1, [32, 32], 1).unwrap(),
        ..shot()
    };
    let panic = r.run(&mut d, &large).unwrap_err().0;
    assert!(
        panic.contains("buffer of 8 blocks, the frame needs 16"),
        "{panic}"
    );
}

#[test]
fn a_slot_keeps_its_buffer_while_there_are_scenes() {
    let (mut d, gpu) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    gpu.answer(&[Answer::Bins(1, 1), Answer::Runs]);
    r.run(&mut d, &shot()).unwrap();
    // The same buffer may be set up again, with more blocks that its information does not say yet.
    r.buffer.list(&mut d, 4);
    r.rebind = true;
    r.run(&mut d, &shot()).unwrap();
    r.buffer = Buffer::new(&mut d, 1, 7, 8);
    r.rebind = true;
    let panic = r.run(&mut d, &shot()).unwrap_err().0;
    assert!(panic.contains("while scenes of"), "{panic}");
}

#[test]
fn a_scene_has_one_render_at_a_time() {
    let (mut d, gpu) = driver(&[]);
    let mut r = Render::new(&mut d, 7, 2, 1, [4, 5]);
    gpu.answer(&[Answer::Bins(1, 1), Answer::Runs]);
    let first = r.run(&mut d, &shot()).unwrap();
    let second = r.make(&mut d, &shot());
    d.mem.set(second.vertex.at, V::SCENE, first.scene);
    let start = second.vertex.microsequence;
    d.mem.set(start, StartVertex::SCENE, first.scene);
    let finish = start + second.vertex.finalize;
    d.mem.set(finish, FinalizeVertex::SCENE, first.scene);
    r.push(&d, &second);
    d.pending(1);
    let panic = r.submit(&mut d).unwrap_err().0;
    assert!(
        panic.contains("is in use, its fragment half is not done"),
        "{panic}"
    );
}
