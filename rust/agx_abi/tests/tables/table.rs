// SPDX-License-Identifier: MIT

//! Tables of the firmware's structures.

use agx_abi::Abi;
use serde_json::Value as Json;
use std::{env, fs, ops::RangeInclusive, path::PathBuf};

/// The table of a version. That of G14 with firmware 12.4 is named after 12.3, whose layout it is.
fn table_of(abi: Abi) -> &'static str {
    match abi {
        Abi::G13V12_3 => "G13-V12_3.json",
        Abi::G14V12_4 => "G14-V12_3.json",
        Abi::G13V13_5 => "G13-V13_5.json",
        Abi::G14V13_5 => "G14-V13_5.json",
        Abi::G14XV13_5 => "G14X-V13_5.json",
    }
}

pub fn number(json: &Json, key: &str) -> Option<usize> {
    json[key].as_u64().map(|n| n as usize)
}

/// Returns offset, size and type of the field `name` of a structure in the table. A pointer appears
/// twice there, the second time as what it points to, without a size.
fn field<'a>(structure: &'a Json, name: &str) -> Option<(usize, usize, &'a str)> {
    let fields = structure["fields"].as_array()?;
    fields
        .iter()
        .filter(|field| field["name"] == name)
        .find(|field| !field["type"].as_str().unwrap_or("->").starts_with("->"))
        .and_then(|field| {
            let kind = field["type"].as_str()?;
            Some((number(field, "offset")?, number(field, "size")?, kind))
        })
}

/// Returns the offset of `path` in a structure of the table, and the sizes that it may have.
///
/// `a.b` is field `b` of the structure in field `a`. `a+4` is what stands 4 bytes into field `a`,
/// and may be smaller than the rest of that.
pub fn find(tables: &Json, structure: &Json, path: &str) -> Option<(usize, RangeInclusive<usize>)> {
    if let Some((outer, inner)) = path.split_once('.') {
        let (offset, _, kind) = field(structure, outer)?;
        let (at, size) = find(tables, &tables["structs"][kind], inner)?;
        return Some((offset + at, size));
    }
    let Some((name, into)) = path.split_once('+') else {
        let (offset, size, _) = field(structure, path)?;
        return Some((offset, size..=size));
    };
    let (offset, size, _) = field(structure, name)?;
    let into: usize = into.parse().ok()?;
    let rest = size.checked_sub(into).filter(|rest| *rest != 0)?;
    Some((offset + into, 1..=rest))
}

fn tables() -> PathBuf {
    env::var_os("AGX_ABI_TABLES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/agx-abi"
            ))
        },
        PathBuf::from,
    )
}

pub fn load(abi: Abi) -> Option<Json> {
    let path = tables().join(table_of(abi));
    match fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).expect("the table is JSON")),
        Err(error) => {
            // The name alone: results that are kept are not of one machine.
            println!("skipped: {}: {error}", table_of(abi));
            None
        }
    }
}
