// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;
use crate::flat::Flat;

const VA: u64 = 0x1000;

fn take(state: &mut State, words: &[u32]) -> Result<(), End> {
    let mem = Flat::default().words(VA, words);
    state.record(&mem, VA, words.len() as u32)
}

fn refusal(words: &[u32]) -> String {
    match take(&mut State::new(), words) {
        Err(End::Illegal(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn structures_follow_in_the_order_of_their_bits() {
    let float = |value: f32| value.to_bits();
    let mut words = vec![0x1def_1dff];
    words.extend([0x0001_c200, 0xe420_0200]); // fragment control
    words.extend([0x0720_0f11, 0x4720_0000, 0x0e00_ffff]); // front
    words.extend([0x0720_0f22, 0x1720_0000, 0x0600_ff00]); // back
    words.push(0x0007_0003);
    words.extend([0x8000_0001, 0, 0x8001_0002, 0]); // two regions
    words.push(0);
    for first in [1.0, 10.0] {
        words.extend((0..6).map(|i| float(first + i as f32)));
    }
    words.extend([float(1e-10), 0x0015_0005, 0x0003_0201, 0]);
    words.extend([0x0001_0481, 0x20]); // cull
    words.extend([0x0012_3457, 0x4041, 0x8084, 1]); // fragment shader
    words.extend([5 << 17, 0]);
    words.push(0);
    words.push(21);
    words.extend([0, 0]);
    // The presence bits of what is there.
    words[0] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 16, 17, 18, 19]
        .into_iter()
        .chain([21, 22, 23, 24, 25, 26, 27, 28])
        .fold(0, |all, bit| all | 1 << bit);
    let mut state = State::new();
    assert_eq!(take(&mut state, &words), Ok(()));
    let expected = DrawState {
        fragment_control: [0x0001_c200, 0xe420_0200],
        face: [0x0720_0f11, 0x0720_0f22],
        face2: [0x4720_0000, 0x1720_0000],
        stencil: [0x0e00_ffff, 0x0600_ff00],
        scissor: 3,
        depth_bias: 7,
        output_select: 0x0015_0005,
        varyings: [1, 2, 3],
        cull: [0x0001_0481, 0x20],
        fragment_shader: [0x0012_3457, 0x4041, 0x8084, 1],
        occlusion: 5,
        uvs_words: 21,
    };
    assert_eq!(state.draw, expected);
    assert_eq!(state.viewport_count, 2);
    let viewport = Viewport {
        offset: [10.0, 12.0, 14.0],
        scale: [11.0, 13.0, 15.0],
    };
    assert_eq!(state.viewports[1], viewport);
    assert_eq!(state.w_clamp, 1e-10);

    // What is not in the next record stays.
    assert_eq!(take(&mut state, &[1 << 24, 9 << 17]), Ok(()));
    let expected = DrawState {
        occlusion: 9,
        ..expected
    };
    assert_eq!(state.draw, expected);
    assert!(state.to_string().contains("query 9, record 21 words"));
}

#[test]
fn sizes_and_bits_are_checked() {
    for bit in [9, 20, 29, 30, 31] {
        let text = refusal(&[1 << bit, 0, 0]);
        assert!(
            text.starts_with(&format!("bit {bit} of the word")),
            "{text}"
        );
    }
    assert_eq!(
        refusal(&[1, 0x200, 0]),
        "PPP record at 0x1000 of 3 words has structures of 2 (0x00000001)"
    );
    assert_eq!(refusal(&[]), "empty PPP record at 0x1000");
    // The lowest unknown bit of each structure.
    for (bit, word, unknown) in [
        (0, 0x100, 8),
        (2, 1 << 16, 16),
        (2, 1 << 22, 22),
        (5, 1 << 23, 23),
        (6, 1, 0),
        (7, 1 << 28, 28),
        (17, 1 << 8, 8),
        (17, 1 << 17, 17),
        (18, 1 << 24, 24),
        (19, 1, 0),
        (21, 4, 2),
        (22, 1 << 9, 9),
        (22, 1 << 17, 17),
        (24, 1, 0),
        (25, 1, 0),
    ] {
        let text = refusal(&[1 << bit, word]);
        let expected = format!("bit {unknown} of the word {word:#010x} at 0x1004 ");
        assert!(text.starts_with(&expected), "{text}");
    }
    // Values of which only some have a meaning.
    for (bit, word, expected) in [
        (2, 3 << 18, "polygon mode 3 at 0x1004"),
        (5, 3 << 18, "polygon mode 3 at 0x1004"),
        (3, 3 << 28, "object type 3 at 0x1004"),
        (6, 5 << 28, "object type 5 at 0x1004"),
        (3, 15 << 28, "object type 15 at 0x1004"),
    ] {
        assert_eq!(refusal(&[1 << bit, word]), expected);
    }
    for object in [0, 1, 2, 4] {
        assert_eq!(take(&mut State::new(), &[1 << 3, object << 28]), Ok(()));
    }
    let text = refusal(&[1 << 23, 0, 0, 1, 0]);
    assert!(text.contains("at 0x100c "), "{text}");
    assert!(refusal(&[1 << 27, 256]).contains("record of 256 words"));
    for w in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let text = refusal(&[1 << 16, w.to_bits()]);
        assert!(text.contains("smallest w"), "{text}");
    }
}

#[test]
fn a_record_that_is_not_there_is_a_fault() {
    let mem = Flat::default().words(VA, &[1]);
    let end = State::new().record(&mem, VA, 2);
    let Err(End::Fault(fault)) = end else {
        panic!("{end:?}");
    };
    assert_eq!((fault.access.va, fault.unit), (VA + 4, Unit::Ppp));
}
