// SPDX-License-Identifier: MIT OR Apache-2.0

//! The emulator's code knows no chip, generation or version: what differs between them is data of
//! [`super::Chip`], and columns of `agx_abi`.

use std::fs;
use std::path::{Path, PathBuf};

/// What code outside the tables must not have: names, and comparisons of those of the emulator.
const NAMES: [&str; 31] = [
    "G13",
    "G14",
    "g13",
    "g14",
    "t8103",
    "t8112",
    "t600",
    "t602",
    "T8103",
    "T8112",
    "T600",
    "T602",
    "0x8103",
    "0x8112",
    "0x600",
    "0x602",
    "12.3",
    "12.4",
    "13.5",
    "[12, ",
    "[13, ",
    "Abi::ALL",
    "Abi::nth(",
    "chip.id ==",
    "chip.id !=",
    "match chip.id",
    "match part.chip.id",
    "chip.name ==",
    "chip.name {",
    "chip.gpu ==",
    "firmware.name ==",
];

/// Values that stand for them, which it hands on, and does not look at.
const VALUES: [&str; 6] = ["abi", "ABI", "core_id", "numbers", "address_bits", "dies"];

/// Returns whether `line` compares one of [`VALUES`], or matches it.
fn decides(line: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    VALUES.iter().any(|value| {
        line.match_indices(value).any(|(at, _)| {
            let (before, after) = (&line[..at], &line[at + value.len()..]);
            if before.ends_with(is_word) || after.starts_with(is_word) {
                return false;
            }
            let after = after.strip_prefix("()").unwrap_or(after).trim_start();
            // What it is a part of.
            let before = before
                .trim_end_matches(|c| is_word(c) || ".&*".contains(c))
                .trim_end();
            let opened = before.strip_suffix('(').unwrap_or(before).trim_end();
            ["==", "!=", "<=", ">=", "< ", "> ", "as usize"]
                .iter()
                .any(|o| after.starts_with(o))
                || ["==", "!="].iter().any(|o| before.ends_with(o))
                || ["match", "matches!"].iter().any(|m| opened.ends_with(m))
        })
    })
}

/// Returns the lines of `code` that name one, tests and comments apart.
fn naming(code: &str) -> Vec<&str> {
    let (code, tests) = code
        .split_once("#[cfg(test)]\nmod tests {")
        .unwrap_or((code, ""));
    assert!(
        tests.matches("\n}\n").count() <= 1,
        "there is code behind the tests"
    );
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| line.split(" // ").next().unwrap_or(line))
        .filter(|line| NAMES.iter().any(|name| line.contains(name)) || decides(line))
        .collect()
}

/// Returns the sources below `directory`, but those of the tables and of tests.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if ["chip", "chip.rs", "tests"].contains(&name) || name.contains("_tests") {
            continue;
        }
        if path.is_dir() {
            all.extend(sources(&path));
        } else if name.ends_with(".rs") {
            all.push(path);
        }
    }
    all
}

#[test]
fn only_tables_name_chips() {
    let emulator = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    for part in fs::read_dir(emulator).unwrap() {
        let directory = part.unwrap().path().join("src");
        if directory.is_dir() {
            all.extend(sources(&directory));
        }
    }
    assert!(all.len() > 150, "only {} sources were found", all.len());
    for path in all {
        let code = fs::read_to_string(&path).unwrap();
        let found = naming(&code);
        assert!(found.is_empty(), "{}: {found:#?}", path.display());
    }
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
    ] {
        assert_eq!(naming(line), [line]);
    }
    for line in ["set(P::UNK_54, word)", "a(); // G13", "// G13"] {
        assert!(naming(line).is_empty(), "{line}");
    }
}

#[test]
fn comparisons_are_found() {
    for line in [
        "if abi == OURS {",
        "if OURS == self.abi {",
        "if sequence.abi() != OURS {",
        "if abi as usize > 1 {",
        "if ABI > 1 {",
        "if abi <= last {",
        "match self.abi {",
        "match sequence.abi() {",
        "let two = matches!(self.abi, A | B);",
        "match (abi, chip.max_clusters) {",
        "match mem.abi {",
        "if chip.dies == 2 {",
        "if firmware.numbers == [1, 2, 3] {",
        "if chip.core_id != 11 {",
    ] {
        assert!(decides(line), "{line}");
    }
    for line in [
        "let of = Place::new(sequence.abi(), address);",
        "abi: Abi,",
        "Ok(abi) => abi,",
        "match find_abi(dev, chip) {",
        "match field.offset_in(self.abi) {",
        "for die in 0..u64::from(chip.dies) {",
    ] {
        assert!(!decides(line), "{line}");
    }
}
