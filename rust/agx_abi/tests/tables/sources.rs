// SPDX-License-Identifier: MIT

//! The structures that the sources declare, so that none is left out of a test's list.

use std::{fs, path::Path};

/// Returns the name of each structure that is declared, and its name in the tables, sorted.
pub fn declarations() -> Vec<[String; 2]> {
    let mut all = Vec::new();
    collect(Path::new(env!("CARGO_MANIFEST_DIR")), &mut all);
    assert!(all.len() > 90, "only {} structures were found", all.len());
    all.sort();
    all
}

fn collect(directory: &Path, all: &mut Vec<[String; 2]>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" {
            collect(&path, all);
        } else if name.ends_with(".rs") && name != "layout.rs" {
            let text = fs::read_to_string(&path).unwrap();
            all.extend(text.lines().filter_map(declaration));
        }
    }
}

/// `pub struct NAME("TABLE"): SIZE {` of `layout!`, comments apart.
fn declaration(line: &str) -> Option<[String; 2]> {
    let (name, rest) = line
        .trim_start()
        .strip_prefix("pub struct ")?
        .split_once("(\"")?;
    let (table, _) = rest.split_once("\"): ")?;
    Some([name.into(), table.into()])
}

#[test]
fn declarations_are_found() {
    let found = declaration("    pub struct A(\"B\"): 0x10 | 0x18 {");
    assert_eq!(found, Some(["A".into(), "B".into()]));
    assert_eq!(declaration("/// pub struct A(\"B\"): 0x10 {"), None);
    assert_eq!(declaration("pub struct Numbers(Columns);"), None);
}
