// SPDX-License-Identifier: MIT

//! The bytes that fields are written to, in each version: against what was declared, and against
//! what another, simpler writer makes of the same values by tables of the firmware's structures.
//!
//! For the tables see `tables.rs`. Without them that part says so and checks nothing.

use agx_abi::{
    buffer, channel, compute, event, fragment, globals, hwdata, init, microsequence, queue,
    registers, stats, uat, vertex,
};
use agx_abi::{Abi, Field, FieldInfo, Layout, Opt, Value};
use std::collections::BTreeSet;

#[path = "tables/differences.rs"]
mod differences;
#[path = "tables/sources.rs"]
mod sources;
#[path = "tables/table.rs"]
mod table;

use differences::DIFFERENCES;

type Write = Box<dyn Fn(Abi, &mut [u8], &[u8])>;
type Read = Box<dyn Fn(Abi, &[u8]) -> Option<Vec<u8>>>;

/// A field with its type forgotten.
struct Typed {
    name: &'static str,
    /// Writes the value that has the bytes given to a structure; nothing if the version lacks it.
    write: Write,
    /// Returns the bytes of the value that is in a structure.
    read: Read,
}

/// A structure.
struct Structure {
    name: &'static str,
    table: &'static str,
    size: fn(Abi) -> Option<usize>,
    fields: Vec<Typed>,
    declared: &'static [FieldInfo],
}

fn to_bytes<T: Value>(abi: Abi, value: T) -> Vec<u8> {
    let mut bytes = vec![0; T::size_in(abi)];
    value.write_in(abi, &mut bytes);
    bytes
}

/// Puts the value that has the bytes `value` into `field` of a structure of version `abi`.
fn write<S, T: Value>(field: Field<S, T>, abi: Abi, to: &mut [u8], value: &[u8]) {
    T::read_in(abi, value).write_in(abi, &mut to[field.place_in(abi)..]);
}

/// Returns the bytes of the value in `field` of a structure of version `abi`.
fn read<S, T: Value>(field: Field<S, T>, abi: Abi, from: &[u8]) -> Vec<u8> {
    to_bytes(abi, T::read_in(abi, &from[field.place_in(abi)..]))
}

/// A field that is wherever its structure is.
fn required<S: 'static, T: Value + 'static>(name: &'static str, field: Field<S, T>) -> Typed {
    Typed {
        name,
        write: Box::new(move |abi, to, value| write(field, abi, to, value)),
        read: Box::new(move |abi, from| Some(read(field, abi, from))),
    }
}

/// A field that some version lacks.
fn optional<S: 'static, T: Value + 'static>(name: &'static str, field: Field<S, Opt<T>>) -> Typed {
    Typed {
        name,
        write: Box::new(move |abi, to, value| {
            if let Some(field) = field.present(abi) {
                write(field, abi, to, value);
            }
        }),
        read: Box::new(move |abi, from| {
            let field = field.present(abi)?;
            Some(read(field, abi, from))
        }),
    }
}

macro_rules! structures {
    ($($module:ident::$name:ident { $($field:ident)* } { $($optional:ident)* })*) => {
        pub fn structures() -> Vec<Structure> {
            vec![$(Structure {
                name: <$module::$name as Layout>::NAME,
                table: <$module::$name as Layout>::TABLE,
                size: |abi| <$module::$name as Value>::SIZES.get(abi),
                fields: vec![
                    $(required(stringify!($field), $module::$name::$field),)*
                    $(optional(stringify!($optional), $module::$name::$optional),)*
                ],
                declared: <$module::$name as Layout>::FIELDS,
            },)*]
        }
    };
}

#[path = "bytes/fields.rs"]
mod fields;

use fields::structures;

/// Bytes without a pattern, the same in each run.
struct Random(u64);

impl Random {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut byte = || {
            self.0 = self
                .0
                .wrapping_mul(0x5851_f42d_4c95_7f2d)
                .wrapping_add(0x1405_7b7e_f767_814f);
            (self.0 >> 56) as u8
        };
        (0..count).map(|_| byte()).collect()
    }
}

impl Structure {
    /// Returns what was declared of `field`.
    fn declared(&self, field: &Typed) -> &'static FieldInfo {
        let found = self.declared.iter().find(|info| info.name == field.name);
        found.unwrap_or_else(|| panic!("{} has no {}", self.name, field.name))
    }
}

#[test]
fn the_list_is_complete() {
    for structure in structures() {
        let listed: BTreeSet<_> = structure.fields.iter().map(|field| field.name).collect();
        let declared: BTreeSet<_> = structure.declared.iter().map(|info| info.name).collect();
        assert_eq!(listed, declared, "{}", structure.name);
    }
}

/// Each field, written alone, changes its own bytes and no other; what one writes is what one
/// reads. A field that a version lacks changes nothing.
#[test]
fn fields_are_written_where_they_are_declared() {
    let mut random = Random(1);
    for (abi, structure) in every() {
        let Some(size) = (structure.size)(abi) else {
            continue;
        };
        for field in &structure.fields {
            let info = structure.declared(field);
            let what = format!("{} {} {abi:?}", structure.name, field.name);
            // Of the same structure in all versions, as they are compared.
            let before = random.bytes(size);
            let mut after = before.clone();
            let Some(range) = info.range(abi) else {
                (field.write)(abi, &mut after, &random.bytes(info.sizes.max()));
                assert_eq!(after, before, "{what}");
                assert_eq!((field.read)(abi, &after), None, "{what}");
                continue;
            };
            let value = random.bytes(range.len());
            (field.write)(abi, &mut after, &value);
            let mut wanted = before;
            wanted[range].copy_from_slice(&value);
            assert_eq!(after, wanted, "{what}");
            assert_eq!((field.read)(abi, &after), Some(value), "{what}");
        }
    }
}

/// The fields of a structure, written one after another, are all still there.
#[test]
fn fields_do_not_touch_each_other() {
    let mut random = Random(2);
    for (abi, structure) in every() {
        let Some(size) = (structure.size)(abi) else {
            continue;
        };
        let mut bytes = vec![0; size];
        let mut written = Vec::new();
        let mut used = 0;
        for field in &structure.fields {
            if let Some(range) = structure.declared(field).range(abi) {
                used += range.len();
                let value = random.bytes(range.len());
                (field.write)(abi, &mut bytes, &value);
                written.push((field, value));
            }
        }
        assert!(used <= size, "{} {abi:?}", structure.name);
        for (field, value) in written {
            let what = format!("{} {} {abi:?}", structure.name, field.name);
            assert_eq!((field.read)(abi, &bytes), Some(value), "{what}");
        }
    }
}

/// Values put into bytes by the tables alone.
#[test]
fn another_writer_makes_the_same_bytes() {
    let mut random = Random(3);
    let (mut compared, mut others) = (0, 0);
    for abi in Abi::ALL {
        let Some(tables) = table::load(abi) else {
            return;
        };
        for structure in structures() {
            let table = &tables["structs"][structure.table];
            let Some(size) = (structure.size)(abi).filter(|_| table.is_object()) else {
                continue;
            };
            let (mut ours, mut theirs) = (vec![0; size], vec![0; size]);
            for field in &structure.fields {
                let info = structure.declared(field);
                let Some(range) = info.range(abi) else {
                    continue;
                };
                let differs = DIFFERENCES.iter().any(|(name, field, versions, _)| {
                    (*name, *field) == (structure.name, info.name) && versions.contains(&abi)
                });
                let place = table::find(&tables, table, info.table).filter(|_| !differs);
                let Some((at, _)) = place else {
                    others += 1;
                    continue;
                };
                let value = random.bytes(range.len());
                (field.write)(abi, &mut ours, &value);
                // The other writer knows an offset and bytes, and nothing else.
                theirs[at..at + value.len()].copy_from_slice(&value);
                compared += 1;
            }
            assert_eq!(ours, theirs, "{} {abi:?}", structure.name);
        }
    }
    println!("{compared} fields compared, {others} that no table has at a place of its own");
    assert!(compared > 2500, "only {compared} fields were compared");
    assert!(others * 4 < compared, "{others} fields were not compared");
}

#[test]
fn every_structure_is_listed() {
    let listed = structures()
        .into_iter()
        .map(|s| [s.name, s.table].map(String::from));
    let mut listed: Vec<_> = listed.collect();
    listed.sort();
    assert_eq!(listed, sources::declarations());
}

/// Each structure in each version.
fn every() -> Vec<(Abi, Structure)> {
    let of = |abi| structures().into_iter().map(move |s| (abi, s));
    Abi::ALL.into_iter().flat_map(of).collect()
}
