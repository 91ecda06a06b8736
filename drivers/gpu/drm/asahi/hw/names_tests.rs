// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The driver's code knows no chip, generation or version: what differs between them is data here
//! and in `agx_abi`.

use names::{
    sources,
    Forbidden, //
};
use std::path::Path;

#[path = "../../../../../rust/agx_abi/tests/names/mod.rs"]
mod names;

const FORBIDDEN: Forbidden = Forbidden {
    text: &[
        "Generation::",
        "Variant::",
        "Abi::nth(0",
        "Abi::nth(1",
        "Abi::nth(2",
        "Abi::nth(3",
        "Abi::nth(4",
    ],
    values: &[
        "abi",
        "ABI",
        "generation",
        "generation.number",
        "variant",
        "variant.letter",
        "chip_id",
        "oas",
        "dies",
    ],
};

/// Returns whether a file or a directory is one of the tables, or is for tests.
fn is_left_out(name: &str) -> bool {
    const ALL: [&str; 6] = ["hw", "hw.rs", "build", "tests", "image.rs", "half_image.rs"];
    ALL.contains(&name) || name.ends_with("_tests.rs")
}

#[test]
fn only_tables_name_chips() {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ends = [".rs", ".c", ".h"];
    let mut all = sources(driver, &ends, is_left_out);
    assert!(all.len() > 80, "only {} sources were found", all.len());
    // The crates that the driver is made with, but for `agx_abi`.
    for name in ["kasync", "dma_fence", "jobqueue", "rtkit"] {
        let crate_path = driver.join("../../../../rust").join(name);
        let found = sources(&crate_path, &ends, is_left_out);
        assert!(!found.is_empty(), "nothing was found of {name}");
        all.extend(found);
    }
    FORBIDDEN.check(&all);
}

#[test]
fn names_are_found() {
    for (code, count) in [
        ("let a = Generation::G13;\n// G13\n", 1),
        ("if version == [13, 5, 0] {", 1),
        ("\tif (chip == 0x6021)\n\t * 0x6021\n", 1),
        ("*chip = 0x6021;", 1),
        ("let abi = Abi::nth(4);", 1),
        ("let abi = Abi::nth(ABI);", 0),
        ("set(P::UNK_G14, word)", 1),
        ("a(); // G13\n#[cfg(test)]\nmod tests {\nG13\n}\n", 0),
        ("#[cfg(test)]\nmod tests;\nG13", 1),
    ] {
        assert_eq!(FORBIDDEN.lines(code).len(), count, "{code}");
    }
}

#[test]
fn comparisons_are_found() {
    FORBIDDEN.check_comparisons();
    for line in [
        "if chip.chip_id == OURS {",
        "if id.generation.number() > 13 {",
        "if generation != OURS {",
        "match id.generation {",
        "if chip.oas == 42 {",
        "if id.variant.letter() == 'X' {",
    ] {
        assert!(FORBIDDEN.compares(line), "{line}");
    }
    for line in [
        "memory.operation::<StartCompute>(Abi::nth(ABI), 0)?",
        "id.generation.number(),",
        "chip_id: 1,",
    ] {
        assert!(!FORBIDDEN.compares(line), "{line}");
    }
}
