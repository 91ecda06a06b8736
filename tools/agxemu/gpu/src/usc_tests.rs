// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;
use crate::flat::Flat;

fn list(words: &[&[u8]]) -> Flat {
    Flat::default().with(0x1000, &words.concat())
}

const SHADER: &[u8] = &[0x0d, 0x0c, 0x00, 0x01, 0x20, 0x00];
const NO_PRESHADER: &[u8] = &[0x88, 0x00];

#[test]
fn every_record_is_decoded() {
    // 4 halves at u8 from 0x10_2030_4050.
    let uniform = 0x1d_u64 | (8 << 8) | (4 << 20) | ((0x10_2030_4050_u64 >> 2) << 26);
    let high = 0x3d_u64 | (1 << 8) | ((0x2000_u64 >> 2) << 26);
    let texture = 0xdd_u64 | (3 << 8) | (2 << 20) | ((0x8000_u64 >> 3) << 27);
    let sampler = 0x9d_u64 | (1 << 20) | ((0x9000_u64 >> 3) << 27);
    let shared = 0x4d_u32 | (1 << 8) | (0x24 << 10) | (16 << 24);
    let registers = 0x8d_u32 | (6 << 8) | (1 << 24);
    let preshader = 0x38_u64 | (0xc0_8000 << 8) | (0x1234_5680 << 32);
    let mem = list(&[
        &uniform.to_le_bytes(),
        &high.to_le_bytes(),
        &texture.to_le_bytes(),
        &sampler.to_le_bytes(),
        &shared.to_le_bytes(),
        SHADER,
        &registers.to_le_bytes(),
        &[0x58, 0xf3, 0x02, 0x00],
        &preshader.to_le_bytes(),
    ]);
    let p = Pipeline::decode(&mem, 0x1000).unwrap();
    assert_eq!(p.fragment, Some(0x0002_f358));
    assert!(p.early_z());
    assert_eq!(
        p.uniforms,
        [
            Binding {
                start: 8,
                count: 4,
                address: 0x10_2030_4050
            },
            Binding {
                start: 257,
                count: 64,
                address: 0x2000
            },
        ]
    );
    assert_eq!(
        p.textures,
        [Binding {
            start: 3,
            count: 2,
            address: 0x8000
        }]
    );
    assert_eq!(
        p.samplers,
        [Binding {
            start: 0,
            count: 1,
            address: 0x9000
        }]
    );
    let shared = SharedMemory {
        bytes: 4096,
        block: None,
        samples: 1,
        stride: 0,
    };
    assert_eq!(p.shared, Some(shared));
    assert_eq!(p.shader, Some(0x20_0100));
    assert_eq!(p.gprs, Some(48));
    assert_eq!(p.preshader, Some(0x1234_5680));
}

#[test]
fn unused_shared_memory_is_none() {
    // How "no threadgroup memory" is written: layout 0x24, 65536 bytes, not used.
    let none = 0x4d_u32 | (0x24 << 10);
    let p = Pipeline::decode(&list(&[&none.to_le_bytes(), SHADER, NO_PRESHADER]), 0x1000).unwrap();
    assert_eq!(p.shared, None);
    assert_eq!(p.preshader, None);
}

#[test]
fn malformed_lists_are_refused() {
    let text = |mem: &Flat| match Pipeline::decode(mem, 0x1000) {
        Err(Error::Malformed(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        text(&list(&[SHADER, &[0x42]])),
        "unknown USC word 0x42 at 0x1006"
    );
    assert_eq!(
        text(&list(&[NO_PRESHADER])),
        "USC words at 0x1000 name no shader"
    );
    let layout = 0x4d_u32 | (1 << 8) | (0x25 << 10);
    assert_eq!(
        text(&list(&[&layout.to_le_bytes()])),
        "USC word at 0x1000: threadgroup memory layout 0x25"
    );
    // Bits of the fragment properties beside early tests: discard without a test, and others.
    for bit in [9, 10, 11, 12, 16, 17, 24, 31] {
        let word = 0x0002_f258_u32 ^ 1 << bit;
        assert_eq!(
            text(&list(&[&word.to_le_bytes()])),
            format!("USC word at 0x1000: fragment properties {word:#x}")
        );
    }
    let endless = 0x0002_f258_u32.to_le_bytes().repeat(MAX_RECORDS + 1);
    assert_eq!(text(&list(&[&endless])), "USC words at 0x1000 do not end");
}

#[test]
fn a_list_that_runs_off_its_page_faults() {
    let mem = list(&[SHADER, &[0x1d, 0, 0]]);
    match Pipeline::decode(&mem, 0x1000) {
        Err(Error::Fault(fault)) => {
            assert_eq!(fault.unit, Unit::Ipp);
            assert_eq!(fault.access.va, 0x1009);
        }
        other => panic!("{other:?}"),
    }
}
