// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;
use crate::flat::Flat;

const BASE: u64 = 0x12_0000_0100;
const STOP: u32 = 6 << 29;

fn blocks(mem: &Flat) -> (Vec<(u64, Block)>, Result<(), End>) {
    let mut seen = Vec::new();
    let end = walk(mem, BASE, &mut |at, block| {
        seen.push((at - BASE, block));
        Ok(())
    });
    (seen, end)
}

fn stream(words: &[u32]) -> (Vec<(u64, Block)>, Result<(), End>) {
    blocks(&Flat::default().words(BASE, words))
}

fn refusal(words: &[u32]) -> String {
    match stream(words).1 {
        Err(End::Illegal(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn hang(mem: &Flat) -> String {
    match blocks(mem).1 {
        Err(End::Hang(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_blocks_of_a_usual_stream_follow_each_other() {
    let words = [
        0x2000_0008, // barrier
        0x0000_0611,
        0x2233_4440, // record of six words
        0x4000_002e,
        0x0000_1234,
        0x0000_5641,
        0x0000_1515,
        0x0000_0042,
        0xdead_beef, // state of four words, and one of padding
        0x4000_0001,
        0x0000_ffff, // restart index without padding
        0x61c0_0600,
        3,
        2,
        7, // three vertices from 7, two instances
        STOP,
    ];
    let (seen, end) = stream(&words);
    assert_eq!(end, Ok(()));
    let state = StateUpdate {
        restart: None,
        shader_counts: Some(0x1234),
        shader: Some(0x5641),
        outputs: Some(0x15),
        flags: Some(0x42),
    };
    let restart = StateUpdate {
        restart: Some(0xffff),
        ..StateUpdate::default()
    };
    let draw = IndexList {
        topology: Topology::Triangles,
        restart: false,
        indices: None,
        arguments: Arguments::Direct {
            count: 3,
            instances: 2,
            start: 7,
        },
    };
    let record = Block::Ppp {
        address: 0x11_2233_4440,
        words: 6,
    };
    let expected = [
        (0, Block::Barrier(8)),
        (4, record),
        (12, Block::State(state)),
        (36, Block::State(restart)),
        (44, Block::Draw(draw)),
    ];
    assert_eq!(seen, expected);
    let text: Vec<_> = seen.iter().map(|(_, block)| block.to_string()).collect();
    assert_eq!(text[1], "PPP record 0x1122334440, 6 words");
    assert_eq!(
        text[2],
        "state counts=0x1234 shader=0x5641 outputs=0x15 flags=0x42"
    );
    assert_eq!(text[4], "draw Triangles, 3 from 0x7, 2 instances");
}

#[test]
fn every_form_of_an_index_list_is_read() {
    let words = [
        // Indexed: 32-bit indices with restart.
        0x61f5_0912,
        0x3456_7890,
        10,
        1,
        0xffff_fffe,
        25,
        // Indirect.
        0x6400_0000,
        0x13,
        0x1000,
        // Indirect and indexed with 16-bit indices.
        0x6432_0b14,
        0x20,
        0x15,
        0x3000,
        6,
        STOP,
    ];
    let (seen, end) = stream(&words);
    assert_eq!(end, Ok(()));
    let indices = |address, bytes, size| {
        Some(IndexBuffer {
            address,
            bytes,
            size,
        })
    };
    let expected = [
        IndexList {
            topology: Topology::TriangleStrip,
            restart: true,
            indices: indices(0x12_3456_7890, 100, 4),
            arguments: Arguments::Direct {
                count: 10,
                instances: 1,
                start: -2_i32 as u32,
            },
        },
        IndexList {
            topology: Topology::Points,
            restart: false,
            indices: None,
            arguments: Arguments::Indirect(0x13_0000_1000),
        },
        IndexList {
            topology: Topology::TriangleFan,
            restart: false,
            indices: indices(0x14_0000_0020, 24, 2),
            arguments: Arguments::Indirect(0x15_0000_3000),
        },
    ];
    let at = [0, 24, 36];
    let expected = at.into_iter().zip(expected.map(Block::Draw));
    assert_eq!(seen, expected.collect::<Vec<_>>());
}

#[test]
fn links_jump_and_calls_return_to_what_follows_them() {
    let far = 0x12_0000_9000;
    let mem = Flat::default()
        .words(BASE, &[0x9000_0012, 0x9000, 0x8000_0012, 0xa000])
        // A barrier that returns.
        .words(far, &[0x2800_0008])
        .words(0x12_0000_a000, &[STOP]);
    let (seen, end) = blocks(&mem);
    assert_eq!(end, Ok(()));
    let seen: Vec<_> = seen.into_iter().map(|(_, block)| block).collect();
    let expected = [
        Block::Jump(far),
        Block::Barrier(0x0800_0008),
        Block::Jump(BASE + 8),
        Block::Jump(0x12_0000_a000),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn streams_that_do_not_end_hang() {
    let one = |words: &[u32]| hang(&Flat::default().words(BASE, words));
    assert_eq!(
        one(&[0x2000_0008, 0x8000_0012, 0x100]),
        "endless stream: comes back to 0x1200000100"
    );
    assert_eq!(
        one(&[0x9000_0012, 0x100]),
        "call at 0x1200000100 deeper than 16"
    );
    assert_eq!(one(&[0x2800_0000]), "return at 0x1200000100 without a call");
    assert_eq!(
        one(&[0x8000_0012, 0x102]),
        "target of a jump 0x1200000102 is not word aligned"
    );
    assert_eq!(
        one(&[0xe000_0000]),
        "undefined block type 7 (0xe0000000) at 0x1200000100"
    );
}

#[test]
fn a_stream_that_runs_off_its_page_faults() {
    let end = stream(&[0x61c0_0600, 3]).1;
    let Err(End::Fault(fault)) = end else {
        panic!("{end:?}");
    };
    assert_eq!((fault.access.va, fault.unit), (BASE + 8, Unit::VdmStream));
}

#[test]
fn what_has_no_known_meaning_is_refused_by_its_place() {
    assert_eq!(
        refusal(&[0x2000_0008, 0x2000_0080]),
        "bit 7 of the word 0x20000080 at 0x1200000104 has no known meaning"
    );
    // One unknown bit in each word of each block.
    for (words, offset, bit) in [
        (&[0x0001_0100, 0][..], 0, 16),
        (&[0x4000_0010, 0], 0, 4),
        (&[0x4000_0002, 0x1_0000], 4, 16),
        (&[0x4000_0004, 4], 4, 2),
        (&[0x4000_0008, 0x1_0404], 4, 16),
        (&[0x4000_0020, 8], 4, 3),
        (&[0x6200_0600, 0, 0], 0, 25),
        (&[0x6800_0600, 0, 0], 0, 27),
        (&[0x6400_0600, 0x100, 0], 4, 8),
        (&[0x6400_0600, 0, 1], 8, 0),
        (&[0x8000_0100, 0], 0, 8),
        (&[0xc000_0001], 0, 0),
    ] {
        let text = refusal(words);
        let place = format!("at {:#x} ", BASE + offset);
        assert!(
            text.starts_with(&format!("bit {bit} ")) && text.contains(&place),
            "{words:x?}: {text}"
        );
    }
    for (words, what) in [
        (&[0xa000_0000][..], "tessellation"),
        (&[0x4000_0008, 0x0405], "two record sizes"),
        (&[0x4000_0020, 3], "provoking vertex 3"),
        (&[0x4000_0020, 0x10], "discard in one of two bits"),
        (&[0x4000_0020, 0x22], "discard in one of two bits"),
        (&[0x61c0_0200, 3, 1, 0], "unknown primitive"),
        (&[0x61f6_0600, 0, 3, 1, 0, 9], "unknown index size"),
        (&[0x61f8_0600, 0, 3, 1, 0, 9], "unknown index size"),
        (&[0x61e0_0600, 0, 3, 1, 0, 9], "part of an index buffer"),
        (&[0x61c0_0601, 3, 1, 0], "part of an index buffer"),
        (&[0x60c0_0600, 3, 1], "neither direct nor indirect"),
        (&[0x6440_0600, 3, 0, 0], "neither direct nor indirect"),
    ] {
        let text = refusal(words);
        assert!(text.contains(what), "{words:x?}: {text}");
    }
}
