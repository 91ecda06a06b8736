// SPDX-License-Identifier: MIT

//! A search of source code for names of chips, generations and versions, and for comparisons of
//! values that stand for them. Tests of the driver and of the emulator use it: what differs between
//! chips is data there.

use std::{
    fs,
    path::{
        Path,
        PathBuf, //
    }, //
};

/// Names that code outside the tables must not have.
const NAMES: [&str; 22] = [
    "G13", "G14", "g13", "g14", "t8103", "t8112", "t600", "t602", "T8103", "T8112", "T600", "T602",
    "0x8103", "0x8112", "0x600", "0x602", "12.3", "12.4", "13.5", "[12, ", "[13, ", "Abi::ALL",
];

/// A search for text, and for values that are compared, in code outside the tables.
pub struct Forbidden {
    /// Text beside [`NAMES`].
    pub text: &'static [&'static str],
    /// Values that stand for names, which code hands on and does not compare.
    pub values: &'static [&'static str],
}

impl Forbidden {
    /// Returns whether `line` compares one of the values, or matches it.
    pub fn compares(&self, line: &str) -> bool {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        self.values.iter().any(|value| {
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

    /// Returns the lines of `code` that have what is forbidden, but those of tests and comments.
    pub fn lines<'a>(&self, code: &'a str) -> Vec<&'a str> {
        let (code, tests) = code
            .split_once("#[cfg(test)]\nmod tests {")
            .unwrap_or((code, ""));
        assert!(
            tests.matches("\n}\n").count() <= 1,
            "there is code behind the tests"
        );
        let text = NAMES.iter().chain(self.text);
        code.lines()
            .filter(|line| !is_comment(line))
            .map(|line| line.split(" // ").next().unwrap_or(line))
            .filter(|line| text.clone().any(|name| line.contains(name)) || self.compares(line))
            .collect()
    }

    /// Panics if one of `paths` has a line of [`Self::lines`].
    pub fn check(&self, paths: &[PathBuf]) {
        for path in paths {
            let code = fs::read_to_string(path).unwrap();
            let found = self.lines(&code);
            assert!(found.is_empty(), "{}: {found:#?}", path.display());
        }
    }

    /// Panics unless [`Self::compares`] is right about lines that driver and emulator may have.
    pub fn check_comparisons(&self) {
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
            "if self.chip.dies == 2 {",
        ] {
            assert!(self.compares(line), "{line}");
        }
        for line in [
            "let of = Place::new(sequence.abi(), address);",
            "abi: Abi,",
            "Ok(abi) => abi,",
            "match find_abi(dev, chip) {",
            "match field.offset_in(self.abi) {",
            "for die in 0..chip.dies {",
            "for die in 0..u64::from(chip.dies) {",
        ] {
            assert!(!self.compares(line), "{line}");
        }
    }
}

/// Returns whether a line is part of a comment, of Rust or of C.
fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line == "*" || ["//", "/*", "*/", "* "].iter().any(|c| line.starts_with(c))
}

/// Returns the files below `directory` whose names end with one of `ends`. A file or a directory
/// whose name is `left_out` is not looked at.
pub fn sources(directory: &Path, ends: &[&str], left_out: fn(&str) -> bool) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if left_out(name) {
            continue;
        }
        if path.is_dir() {
            all.extend(sources(&path, ends, left_out));
        } else if ends.iter().any(|end| name.ends_with(end)) {
            all.push(path);
        }
    }
    all
}
