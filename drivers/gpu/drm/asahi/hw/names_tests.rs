// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The driver's code knows no chip, generation or version: what differs between them is data here
//! and in `agx_abi`.

use std::{
    fs,
    path::{
        Path,
        PathBuf, //
    }, //
};

/// What code outside the tables must not have: names of chips, generations and versions.
const NAMES: [&str; 29] = [
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
    "Generation::",
    "Variant::",
    "Abi::ALL",
    "Abi::nth(0",
    "Abi::nth(1",
    "Abi::nth(2",
    "Abi::nth(3",
    "Abi::nth(4",
];

/// Values that stand for them, which it hands on, and does not look at.
const VALUES: [&str; 9] = [
    "abi",
    "ABI",
    "generation",
    "generation.number",
    "variant",
    "variant.letter",
    "chip_id",
    "oas",
    "dies",
];

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
        .filter(|line| {
            !["//", "/*", "*"]
                .iter()
                .any(|c| line.trim_start().starts_with(c))
        })
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
        if ["hw", "hw.rs", "build", "tests"].contains(&name) {
            continue;
        }
        if path.is_dir() {
            all.extend(sources(&path));
        } else if [".rs", ".c", ".h"].iter().any(|end| name.ends_with(end))
            && !name.ends_with("_tests.rs")
            && !["image.rs", "half_image.rs"].contains(&name)
        {
            all.push(path);
        }
    }
    all
}

#[test]
fn only_tables_name_chips() {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = sources(driver);
    assert!(all.len() > 80, "only {} sources were found", all.len());
    // The crates that the driver is made with, but for `agx_abi`.
    for name in ["kasync", "dma_fence", "jobqueue", "rtkit"] {
        let found = sources(&driver.join("../../../../rust").join(name));
        assert!(!found.is_empty(), "nothing was found of {name}");
        all.extend(found);
    }
    for path in all {
        let code = fs::read_to_string(&path).unwrap();
        let found = naming(&code);
        assert!(found.is_empty(), "{}: {found:#?}", path.display());
    }
}

#[test]
fn names_are_found() {
    assert_eq!(naming("let a = Generation::G13;\n// G13\n").len(), 1);
    assert_eq!(naming("if version == [13, 5, 0] {").len(), 1);
    assert_eq!(naming("\tif (chip == 0x6021)\n\t * 0x6021\n").len(), 1);
    assert_eq!(naming("let abi = Abi::nth(4);").len(), 1);
    assert_eq!(naming("let abi = Abi::nth(ABI);").len(), 0);
    assert_eq!(naming("set(P::UNK_G14, word)").len(), 1);
    assert_eq!(
        naming("a(); // G13\n#[cfg(test)]\nmod tests {\nG13\n}\n").len(),
        0
    );
    assert_eq!(naming("#[cfg(test)]\nmod tests;\nG13").len(), 1);
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
        "if chip.chip_id == OURS {",
        "if id.generation.number() > 13 {",
        "if generation != OURS {",
        "match id.generation {",
        "if chip.oas == 42 {",
        "if self.chip.dies == 2 {",
        "if id.variant.letter() == 'X' {",
    ] {
        assert!(decides(line), "{line}");
    }
    for line in [
        "let of = Place::new(sequence.abi(), address);",
        "abi: Abi,",
        "Ok(abi) => abi,",
        "match find_abi(dev, chip) {",
        "match field.offset_in(self.abi) {",
        "memory.operation::<StartCompute>(Abi::nth(ABI), 0)?",
        "for die in 0..chip.dies {",
        "id.generation.number(),",
        "chip_id: 1,",
    ] {
        assert!(!decides(line), "{line}");
    }
}
