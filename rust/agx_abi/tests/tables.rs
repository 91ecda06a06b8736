// SPDX-License-Identifier: MIT

//! The declarations against a table of the firmware's structures, field by field.
//!
//! The table is a JSON file of m1n1's structures: `{"structs": {NAME: {"size": BYTES, "fields":
//! [{"name", "offset", "size", "type"}]}}}`. It is not part of this repository: without it the test
//! says so and checks nothing. `AGX_ABI_TABLES` names the directory, by default `../shared/agx-abi`
//! beside the checkout.

use agx_abi::{
    buffer, channel, compute, event, fragment, globals, hwdata, init, microsequence, queue, stats,
    vertex,
};
use agx_abi::{FieldInfo, Layout, Value};
use serde_json::Value as Json;
use std::{collections::BTreeSet, env, fs, ops::RangeInclusive, path::PathBuf};

#[path = "tables/differences.rs"]
mod differences;

use differences::{nested, DIFFERENCES};

/// The table of the only combination that the declarations are for.
const TABLE: &str = "G13-V13_5.json";

/// A structure as a table entry, whatever its type.
struct Declared {
    name: &'static str,
    table: &'static str,
    size: usize,
    fields: &'static [FieldInfo],
}

fn declared<T: Layout>() -> Declared {
    Declared {
        name: T::NAME,
        table: T::TABLE,
        size: <T as Value>::SIZE,
        fields: T::FIELDS,
    }
}

macro_rules! all {
    ($($module:ident::{$($name:ident),* $(,)?}),* $(,)?) => {
        vec![$($(declared::<$module::$name>()),*),*]
    };
}

fn structures() -> Vec<Declared> {
    all![
        channel::{
            ChannelInfo, PipeMessage, DeviceControlMessage, GrowTvbAck, DestroyContext,
            FwCtlMessage, FaultEvent, FlagEvent, TimeoutEvent, GrowTvbEvent, ChannelErrorEvent,
            FwLogPayload, KTraceMessage,
        },
        compute::{
            RunCompute, JobParameters1, JobParameters2, EncoderParams, JobMeta, TimestampPointers,
        },
        event::{Notifier, NotifierList},
        globals::{Globals, GlobalsPowerZone, PendingStamp, GlobalsFaultInfo},
        hwdata::{
            HwDataA, HwDataB, IoMapping, PowerZone, HwDataShared1, HwDataShared2, HwDataShared3,
            ShaderEngine,
        },
        init::{
            InitData, UatLevelInfo, RuntimePointers, FwStatus, FaultInfo, VertexStatistics,
            FragmentStatistics,
        },
        microsequence::{
            StartCompute, Attachment, Timestamp, WaitForIdle, FinalizeCompute, RetireStamp,
            StartVertex, FinalizeVertex, StartFragment, FinalizeFragment,
        },
        queue::{QueueInfo, RingState, GpuContextData, Barrier, InitBuffer},
        buffer::{BufferInfo, BlockControl, Counter, BufferStats, Scene},
        vertex::{RunVertex, JobParameters1, TilingParameters},
        fragment::{
            RunFragment, BackgroundProgram, EotProgram, ArrayAddr, AuxFbInfo, JobParameters1,
            JobParameters2, JobParameters3,
        },
        stats::{
            Power, PowerOn, PowerOff, Utilisation, AveragePower, Temperature, PowerState, FwBusy,
        },
    ]
}

/// The channels, which the table keeps in a structure of their own at the start of another.
const CHANNELS: &[(&str, &str)] = &[
    ("DEVICE_CONTROL", "DevCtrl"),
    ("EVENT", "Event"),
    ("FW_LOG", "FWLog"),
    ("KTRACE", "KTrace"),
    ("STATS", "Stats"),
];

fn number(json: &Json, key: &str) -> Option<usize> {
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
fn find(tables: &Json, structure: &Json, path: &str) -> Option<(usize, RangeInclusive<usize>)> {
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
    Some((offset + into, 1..=size.checked_sub(into)?))
}

/// Returns whether `path` is at `offset` in a structure of the table and may have `size`.
fn agrees(tables: &Json, structure: &Json, path: &str, offset: usize, size: usize) -> bool {
    find(tables, structure, path).is_some_and(|(at, sizes)| at == offset && sizes.contains(&size))
}

/// Compares one structure; what differs goes into `differences`.
fn compare(
    declared: &Declared,
    tables: &Json,
    table: &Json,
    differences: &mut BTreeSet<(String, String)>,
) {
    let mut differs = |field: &str| {
        differences.insert((declared.name.to_owned(), field.to_owned()));
    };

    if number(table, "size") != Some(declared.size) {
        differs("");
    }
    for field in declared.fields {
        if !agrees(tables, table, field.table, field.offset, field.size) {
            differs(field.name);
        }
    }
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

fn load() -> Option<Json> {
    let path = tables().join(TABLE);
    match fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).expect("the table is JSON")),
        Err(error) => {
            println!("skipped: {}: {error}", path.display());
            None
        }
    }
}

#[test]
fn declarations_agree_with_the_table() {
    let Some(json) = load() else { return };
    let mut found = BTreeSet::new();

    for declared in structures() {
        let table = &json["structs"][declared.table];
        assert!(table.is_object(), "the table has no {}", declared.table);
        compare(&declared, &json, table, &mut found);
    }

    let listed: BTreeSet<_> = DIFFERENCES
        .iter()
        .map(|(structure, field, _)| (structure.to_string(), field.to_string()))
        .collect();
    let unlisted: Vec<_> = found.difference(&listed).collect();
    assert!(
        unlisted.is_empty(),
        "differences without a reason: {unlisted:?}"
    );
    let stale: Vec<_> = listed.difference(&found).collect();
    assert!(
        stale.is_empty(),
        "listed, but no longer different: {stale:?}"
    );
}

#[test]
fn nested_fields_are_where_the_table_has_them() {
    let Some(json) = load() else { return };
    for (command, offset, size, path) in nested() {
        let table = &json["structs"][command];
        assert!(
            agrees(&json, table, path, offset, size),
            "{command}: {path}"
        );
    }
}

#[test]
fn channels_are_where_the_table_has_them() {
    let Some(json) = load() else { return };
    let table = &json["structs"]["ChannelInfoSet"];
    let fields = <init::RuntimePointers as Layout>::FIELDS;
    let ours = |name: &str| fields.iter().find(|field| field.name == name).unwrap();

    for (name, table_name) in CHANNELS {
        let field = ours(name);
        assert!(
            agrees(&json, table, table_name, field.offset, field.size),
            "{name}"
        );
    }
    for kind in channel::PipeKind::ALL {
        for priority in 0..channel::PIPE_PRIORITIES {
            let prefix = ["TA", "3D", "CL"][kind as usize];
            let pipe = init::RuntimePointers::PIPES.at(init::RuntimePointers::pipe(kind, priority));
            let name = format!("{prefix}_{priority}");
            assert!(
                agrees(&json, table, &name, pipe.offset(), pipe.size()),
                "{name}"
            );
        }
    }
}

/// The checks above have to be able to fail.
#[test]
fn a_wrong_declaration_is_noticed() {
    let tables: Json = serde_json::from_str(
        r#"{"structs": {"S": {"size": 8, "fields": [
            {"name": "a", "offset": 0, "size": 4, "type": "u32"},
            {"name": "b", "offset": 4, "size": 4, "type": "T"}]},
          "T": {"size": 4, "fields": [
            {"name": "c", "offset": 2, "size": 2, "type": "u16"}]}}}"#,
    )
    .unwrap();
    let table = &tables["structs"]["S"];
    let field = |name, table, offset, size| FieldInfo {
        name,
        table,
        offset,
        size,
    };
    let check = |size, fields: &'static [FieldInfo]| {
        let mut found = BTreeSet::new();
        let declared = Declared {
            name: "S",
            table: "S",
            size,
            fields,
        };
        compare(&declared, &tables, table, &mut found);
        found
            .into_iter()
            .map(|(_, field)| field)
            .collect::<Vec<_>>()
    };
    let leak = |fields: Vec<FieldInfo>| -> &'static [FieldInfo] { Vec::leak(fields) };

    assert!(check(8, leak(vec![field("A", "a", 0, 4), field("B", "b", 4, 4)])).is_empty());
    assert_eq!(check(12, leak(vec![])), [""]);
    assert_eq!(check(8, leak(vec![field("B", "b", 0, 4)])), ["B"]);
    assert_eq!(check(8, leak(vec![field("B", "b", 4, 2)])), ["B"]);
    assert_eq!(check(8, leak(vec![field("C", "c", 4, 4)])), ["C"]);

    // A field of a field, and a part of one.
    assert!(check(8, leak(vec![field("C", "b.c", 6, 2)])).is_empty());
    assert_eq!(check(8, leak(vec![field("C", "b.c", 4, 2)])), ["C"]);
    assert_eq!(check(8, leak(vec![field("C", "a.c", 6, 2)])), ["C"]);
    assert!(check(8, leak(vec![field("H", "a+2", 2, 2)])).is_empty());
    assert_eq!(check(8, leak(vec![field("H", "a+2", 2, 4)])), ["H"]);
    assert_eq!(check(8, leak(vec![field("H", "a+2", 0, 2)])), ["H"]);
}
