// SPDX-License-Identifier: MIT OR Apache-2.0

//! The decoder: lengths, ambiguity, refusals.

use agx_isa::table::{Op, TABLE};
use agx_isa::{decode, DecodeError};

/// A word that matches `entry`, with `fill` in all bits that its pattern leaves open.
fn encode(entry: &agx_isa::table::Entry, fill: u128) -> [u8; 12] {
    let mut word = fill;
    for &(low, high, value) in entry.pattern {
        let mask = ((1u128 << (high - low + 1)) - 1) << low;
        word = word & !mask | u128::from(value) << low;
    }
    word.to_le_bytes()[..12].try_into().expect("12 bytes")
}

#[test]
fn every_entry_is_found_whatever_its_open_bits() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for entry in TABLE {
        for _ in 0..400 {
            let mut fill = 0;
            for _ in 0..2 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                fill = fill << 64 | u128::from(state);
            }
            // All bits up to the pattern's last one must be fetched: ask for the long form.
            let bytes = encode(entry, fill | 1 << entry.long_bit);
            let found = decode(&bytes).expect("an entry");
            assert_eq!(found.entry.op, entry.op, "{bytes:02x?}");
        }
    }
}

#[test]
fn unknown_and_cut_bytes_are_refused() {
    // simd_matrix_fmadd without the bit that it always has.
    let matrix = [0x6f, 0, 0, 0x08, 0, 0, 0, 0];
    assert_eq!(decode(&matrix).err(), Some(DecodeError::Unknown));
    assert_eq!(decode(&[]).err(), Some(DecodeError::Unknown));
    let immediate = [0x62, 0x01, 0, 0, 0];
    assert_eq!(decode(&immediate).err(), Some(DecodeError::Truncated(6)));
    assert_eq!(decode(&[0x88, 0]).expect("stop").entry.op, Op::Stop);
}

#[test]
fn public_vectors_have_the_length_of_the_table() {
    let dir = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../../shared/isa-vectors"
    );
    let dir = std::env::var("AGX_ISA_VECTORS").unwrap_or_else(|_| dir.into());
    let Ok(files) = std::fs::read_dir(&dir) else {
        println!("skipped: no vectors in ../shared/isa-vectors");
        return;
    };
    let mut seen = 0;
    for file in files {
        let text = std::fs::read_to_string(file.expect("entry").path()).expect("vectors");
        for line in text.lines().filter(|l| !l.is_empty()) {
            let hex = line.split_whitespace().next().expect("bytes");
            let byte = |i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex");
            let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
            let found = decode(&bytes).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert_eq!(found.length, bytes.len(), "{line}");
            seen += 1;
        }
    }
    println!("{seen} vectors agree in length");
    assert!(seen > 0);
}
