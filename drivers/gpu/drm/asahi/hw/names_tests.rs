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

/// What code outside the tables must not have: names of chips, generations and versions, and
/// comparisons of the values that stand for them.
const NAMES: [&str; 32] = [
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
    "abi ==",
    "abi !=",
    "abi() ==",
    "match abi",
    "chip_id ==",
    "generation ==",
    "number() ",
    "letter() ",
];

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
        .filter(|line| NAMES.iter().any(|name| line.contains(name)))
        // A field of unknown meaning may be called after those that have it.
        .filter(|line| !line.contains("UNK_G14"))
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
    assert_eq!(naming("if abi == Abi::G14V13_5 {").len(), 1);
    assert_eq!(naming("if chip.chip_id == OURS {").len(), 1);
    assert_eq!(naming("if id.generation.number() > 13 {").len(), 1);
    assert_eq!(naming("if version == [13, 5, 0] {").len(), 1);
    assert_eq!(naming("\tif (chip == 0x6021)\n\t * 0x6021\n").len(), 1);
    assert_eq!(
        naming("a(); // G13\n#[cfg(test)]\nmod tests {\nG13\n}\n").len(),
        0
    );
    assert_eq!(naming("#[cfg(test)]\nmod tests;\nG13").len(), 1);
}
