// SPDX-License-Identifier: MIT OR Apache-2.0

//! The emulator's code knows no chip, generation or version: what differs between them is data of
//! [`super::Chip`], and columns of `agx_abi`.

use std::fs;
use std::path::Path;

use names::{sources, Forbidden};

#[path = "../../../../../rust/agx_abi/tests/names/mod.rs"]
mod names;

const FORBIDDEN: Forbidden = Forbidden {
    text: &[
        "Abi::nth(",
        "chip.id ==",
        "chip.id !=",
        "match chip.id",
        "match part.chip.id",
        "chip.name ==",
        "chip.name {",
        "chip.gpu ==",
        "firmware.name ==",
    ],
    values: &["abi", "ABI", "core_id", "numbers", "address_bits", "dies"],
};

/// Returns whether a file or a directory is one of the tables, or is for tests.
fn is_left_out(name: &str) -> bool {
    ["chip", "chip.rs", "tests"].contains(&name) || name.contains("_tests")
}

#[test]
fn only_tables_name_chips() {
    let emulator = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    for part in fs::read_dir(emulator).unwrap() {
        let directory = part.unwrap().path().join("src");
        if directory.is_dir() {
            all.extend(sources(&directory, &[".rs"], is_left_out));
        }
    }
    assert!(all.len() > 150, "only {} sources were found", all.len());
    FORBIDDEN.check(&all);
}

#[test]
fn names_are_found() {
    for line in [
        "match chip.id {",
        "b.set(B::UNK_454, u32::from(chip.id != 0x6020));",
        "&[\"apple,t8103-pmgr\", \"apple,pmgr\"],",
        "if mem.abi == Abi::ANY {",
        "if abi as usize > 1 {",
        "set(P::UNK_G14, word)",
        "*chip = 0x6021;",
    ] {
        assert_eq!(FORBIDDEN.lines(line), [line]);
    }
    for line in ["set(P::UNK_54, word)", "a(); // G13", "// G13"] {
        assert!(FORBIDDEN.lines(line).is_empty(), "{line}");
    }
}

#[test]
fn comparisons_are_found() {
    FORBIDDEN.check_comparisons();
    for line in [
        "match mem.abi {",
        "if firmware.numbers == [1, 2, 3] {",
        "if chip.core_id != 11 {",
    ] {
        assert!(FORBIDDEN.compares(line), "{line}");
    }
}
