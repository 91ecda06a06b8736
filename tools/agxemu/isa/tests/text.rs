// SPDX-License-Identifier: MIT OR Apache-2.0

//! Instructions as text: the public vectors, and that whatever is decoded can be written.

use agx_isa::decode;
use agx_isa::table::TABLE;

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn public_vectors_agree() {
    let dir = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../../shared/isa-vectors"
    );
    let dir = std::env::var("AGX_ISA_VECTORS").unwrap_or_else(|_| dir.into());
    let Ok(files) = std::fs::read_dir(&dir) else {
        println!("skipped: no vectors in ../shared/isa-vectors");
        return;
    };
    let (mut seen, mut wrong) = (0, Vec::new());
    for file in files {
        let vectors = std::fs::read_to_string(file.expect("entry").path()).expect("vectors");
        for line in vectors.lines().filter(|l| !l.is_empty()) {
            let (hex, want) = line.split_once(' ').expect("bytes and text");
            let found = decode(&bytes(hex)).unwrap_or_else(|e| panic!("{line}: {e}"));
            let text = found.to_string();
            seen += 1;
            if text != want.trim() || found.length * 2 != hex.len() {
                wrong.push(format!("{hex}: {text:?}, want {:?}", want.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{seen} vectors agree in text and length");
    assert!(seen > 0);
}

#[test]
fn known_texts() {
    // Made by hand from the table.
    for (hex, want) in [
        ("8800", "stop"),
        ("0800", "trap"),
        ("520600000000", "pop_exec 0"),
        ("420000000000", "update_exec"),
        ("f596", "memory_barrier"),
        ("f577", "barrier_0x77"),
    ] {
        let found = decode(&bytes(hex)).expect(hex);
        assert_eq!(found.to_string(), want, "{hex}");
    }
}

/// Whatever the bits, writing does not panic.
#[test]
fn everything_can_be_written() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for entry in TABLE {
        for _ in 0..500 {
            let mut word = u128::from(next()) << 64 | u128::from(next());
            for &(low, high, value) in entry.pattern {
                let mask = ((1u128 << (high - low + 1)) - 1) << low;
                word = word & !mask | u128::from(value) << low;
            }
            let raw = word.to_le_bytes();
            if let Ok(found) = decode(&raw[..12]) {
                assert!(!found.to_string().is_empty());
            }
        }
    }
    for _ in 0..200_000 {
        let raw = (u128::from(next()) << 64 | u128::from(next())).to_le_bytes();
        let length = raw[15] as usize % 13;
        if let Ok(found) = decode(&raw[..length]) {
            assert!(!found.to_string().is_empty());
        }
    }
}
