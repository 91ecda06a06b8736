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

/// Names of chips and generations that must not occur in code outside the tables.
const NAMES: [&str; 15] = [
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
    "Generation::",
    "Variant::",
    "Abi::ALL",
];

/// Returns the lines of `code` that name one, tests and comments apart.
fn naming(code: &str) -> Vec<&str> {
    let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or(code);
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
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
        if name == "hw" || name == "hw.rs" || name == "build" {
            continue;
        }
        if path.is_dir() {
            all.extend(sources(&path));
        } else if name.ends_with(".rs")
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
    let all = sources(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(all.len() > 80, "only {} sources were found", all.len());
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
    assert_eq!(
        naming("a(); // G13\n#[cfg(test)]\nmod tests {\nG13").len(),
        0
    );
}
