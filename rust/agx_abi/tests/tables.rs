// SPDX-License-Identifier: MIT

//! The declarations against tables of the firmware's structures, field by field and version by
//! version.
//!
//! A table is a JSON file of m1n1's structures: `{"structs": {NAME: {"size": BYTES, "fields":
//! [{"name", "offset", "size", "type"}]}}}`. There is one for each version. They are not part of
//! this repository: without them the test says so and checks nothing. `AGX_ABI_TABLES` names the
//! directory, by default `../shared/agx-abi` beside the checkout.

use agx_abi::{
    buffer, channel, compute, event, fragment, globals, hwdata, init, microsequence, queue,
    registers, stats, vertex,
};
use agx_abi::{Abi, Columns, FieldInfo, Layout, Value};
use serde_json::Value as Json;
use std::collections::BTreeSet;

#[path = "tables/differences.rs"]
mod differences;
#[path = "tables/nested.rs"]
mod nested;
#[path = "tables/sources.rs"]
mod sources;
#[path = "tables/table.rs"]
mod table;

use differences::DIFFERENCES;
use nested::nested;
use table::{find, load, number};

/// A structure as a table entry, whatever its type.
struct Declared {
    name: &'static str,
    table: &'static str,
    sizes: Columns,
    fields: &'static [FieldInfo],
}

fn declared<T: Layout>() -> Declared {
    Declared {
        name: T::NAME,
        table: T::TABLE,
        sizes: <T as Value>::SIZES,
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
        registers::{RegisterEntry},
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

#[test]
fn every_structure_of_the_tables_is_listed() {
    let listed = structures()
        .into_iter()
        .map(|s| [s.name, s.table].map(String::from));
    let mut listed: Vec<_> = listed.collect();
    listed.sort();
    let mut declared = sources::declarations();
    declared.retain(|[_, table]| !table.is_empty());
    assert_eq!(listed, declared);
}

/// The channels, which the table keeps in a structure of their own at the start of another.
const CHANNELS: &[(&str, &str)] = &[
    ("DEVICE_CONTROL", "DevCtrl"),
    ("EVENT", "Event"),
    ("FW_LOG", "FWLog"),
    ("KTRACE", "KTrace"),
    ("STATS", "Stats"),
];

/// Returns whether `path` is at `offset` in a structure of the table and may have `size`.
fn agrees(tables: &Json, structure: &Json, path: &str, offset: usize, size: usize) -> bool {
    find(tables, structure, path).is_some_and(|(at, sizes)| at == offset && sizes.contains(&size))
}

/// A difference of a version: the structure, and the field, or nothing for the size.
type Difference = (String, String, Abi);

/// Compares one structure in version `abi`; what differs goes into `differences`.
fn compare(
    declared: &Declared,
    abi: Abi,
    tables: &Json,
    table: &Json,
    differences: &mut Vec<Difference>,
) {
    let mut differs = |field: &str| {
        differences.push((declared.name.to_owned(), field.to_owned(), abi));
    };

    let Some(size) = declared.sizes.get(abi) else {
        return;
    };
    if number(table, "size") != Some(size) {
        differs("");
    }
    for field in declared.fields {
        let agrees = match field.range(abi) {
            Some(range) => agrees(tables, table, field.table, range.start, range.len()),
            // What the declaration lacks, the table lacks, or has with another size.
            None => {
                let size = field.sizes.get(abi);
                find(tables, table, field.table)
                    .is_none_or(|(_, sizes)| size.is_none_or(|size| !sizes.contains(&size)))
            }
        };
        if !agrees {
            differs(field.name);
        }
    }
}

#[test]
fn declarations_agree_with_the_tables() {
    let mut found = Vec::new();
    for abi in Abi::ALL {
        let Some(json) = load(abi) else { return };
        for declared in structures() {
            let table = &json["structs"][declared.table];
            assert!(table.is_object(), "no {} for {abi:?}", declared.table);
            compare(&declared, abi, &json, table, &mut found);
        }
    }

    let mut used = BTreeSet::new();
    let mut unlisted = Vec::new();
    for (structure, field, abi) in &found {
        let reason = DIFFERENCES.iter().position(|listed| {
            (listed.0, listed.1) == (structure, field) && listed.2.contains(abi)
        });
        match reason {
            Some(at) => drop(used.insert((at, *abi as usize))),
            None => unlisted.push(format!("{structure} {field} {abi:?}")),
        }
    }
    assert!(
        unlisted.is_empty(),
        "differences without a reason: {unlisted:#?}"
    );
    let stale: Vec<_> = DIFFERENCES
        .iter()
        .enumerate()
        .flat_map(|(at, listed)| listed.2.iter().map(move |abi| (at, listed, *abi)))
        .filter(|(at, _, abi)| !used.contains(&(*at, *abi as usize)))
        .map(|(_, (structure, field, ..), abi)| format!("{structure} {field} {abi:?}"))
        .collect();
    assert!(
        stale.is_empty(),
        "listed, but no longer different: {stale:#?}"
    );
}

#[test]
fn nested_fields_are_where_the_tables_have_them() {
    for abi in Abi::ALL {
        let Some(json) = load(abi) else { return };
        for (command, offsets, sizes, path) in nested() {
            let table = &json["structs"][command];
            // Elsewhere the table has it because its tables share some structures.
            let Some(offset) = offsets.get(abi) else {
                continue;
            };
            assert!(
                agrees(&json, table, &path, offset, sizes.get(abi).unwrap()),
                "{command}: {path} for {abi:?}"
            );
        }
    }
}

#[test]
fn channels_are_where_the_tables_have_them() {
    for abi in Abi::ALL {
        let Some(json) = load(abi) else { return };
        let table = &json["structs"]["ChannelInfoSet"];
        let fields = <init::RuntimePointers as Layout>::FIELDS;
        let ours = |name: &str| {
            let field = fields.iter().find(|field| field.name == name).unwrap();
            field.range(abi).unwrap()
        };
        let is_at = |name: &str, at: usize, size: usize| {
            assert!(agrees(&json, table, name, at, size), "{name} for {abi:?}");
        };

        for (name, table_name) in CHANNELS {
            let range = ours(name);
            is_at(table_name, range.start, range.len());
        }
        for kind in channel::PipeKind::ALL {
            for priority in 0..channel::PIPE_PRIORITIES {
                let prefix = ["TA", "3D", "CL"][kind as usize];
                let pipe = init::RuntimePointers::pipe(kind, priority);
                let range = init::RuntimePointers::PIPES.at(pipe).range_in(abi);
                let name = format!("{prefix}_{priority}");
                is_at(&name, range.start, range.len());
            }
        }
    }
}

/// Names that a field and another one of the table share by chance: structure, field, reason.
const NAMESAKES: &[(&str, &str, &str)] = &[
    (
        "RunVertex",
        "UNK_PAD",
        "the driver's padding behind a word; the table's is another",
    ),
    (
        "JobParameters1",
        "AUX_FB",
        "the driver's address of a buffer; the table's is the structure that describes it",
    ),
];

/// Returns the fields of `declared` that the table has by their own name, at another place. What a
/// field is called in the table could hide such a shift.
fn namesakes(declared: &Declared, abi: Abi, tables: &Json, table: &Json) -> Vec<&'static str> {
    let elsewhere = |field: &&FieldInfo| {
        let name = field.name.to_lowercase();
        match (field.offsets.get(abi), find(tables, table, &name)) {
            (Some(ours), Some((theirs, _))) => ours != theirs,
            _ => false,
        }
    };
    let found = declared.fields.iter().filter(elsewhere);
    found.map(|field| field.name).collect()
}

#[test]
fn names_that_the_tables_have_mean_the_same() {
    let mut used = BTreeSet::new();
    for abi in Abi::ALL {
        let Some(json) = load(abi) else { return };
        for declared in structures() {
            for field in namesakes(&declared, abi, &json, &json["structs"][declared.table]) {
                let by_chance = NAMESAKES
                    .iter()
                    .find(|listed| (listed.0, listed.1) == (declared.name, field));
                used.extend(by_chance.map(|listed| (listed.0, listed.1)));
                let differs = DIFFERENCES.iter().any(|listed| {
                    (listed.0, listed.1) == (declared.name, field) && listed.2.contains(&abi)
                });
                assert!(
                    differs || by_chance.is_some(),
                    "{} {field} is elsewhere in the table for {abi:?}",
                    declared.name
                );
            }
        }
    }
    assert_eq!(used.len(), NAMESAKES.len(), "listed, but no longer there");
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
    let field = |name, table, offset: Option<usize>, size| FieldInfo {
        name,
        table,
        offsets: offset.map_or(Columns::ABSENT, Columns::same),
        sizes: Columns::same(size),
        is_optional: false,
        is_fixed: true,
    };
    let check = |size, fields: &'static [FieldInfo]| {
        let mut found = Vec::new();
        let declared = Declared {
            name: "S",
            table: "S",
            sizes: Columns::same(size),
            fields,
        };
        compare(&declared, Abi::G13V13_5, &tables, table, &mut found);
        found
            .into_iter()
            .map(|(_, field, _)| field)
            .collect::<Vec<_>>()
    };
    let leak = |fields: Vec<FieldInfo>| -> &'static [FieldInfo] { Vec::leak(fields) };

    assert!(check(
        8,
        leak(vec![
            field("A", "a", Some(0), 4),
            field("B", "b", Some(4), 4)
        ])
    )
    .is_empty());
    assert_eq!(check(12, leak(vec![])), [""]);
    assert_eq!(check(8, leak(vec![field("B", "b", Some(0), 4)])), ["B"]);
    assert_eq!(check(8, leak(vec![field("B", "b", Some(4), 2)])), ["B"]);
    assert_eq!(check(8, leak(vec![field("C", "c", Some(4), 4)])), ["C"]);

    // A field that has the name of another.
    let shifted = |fields| {
        let declared = Declared {
            name: "S",
            table: "S",
            sizes: Columns::same(8),
            fields: leak(fields),
        };
        namesakes(&declared, Abi::G13V13_5, &tables, table)
    };
    assert!(shifted(vec![
        field("A", "a", Some(0), 4),
        field("X", "b", Some(4), 4)
    ])
    .is_empty());
    assert_eq!(shifted(vec![field("A", "b", Some(4), 4)]), ["A"]);

    // A field that the declaration lacks.
    assert!(check(8, leak(vec![field("D", "d", None, 4)])).is_empty());
    assert_eq!(check(8, leak(vec![field("B", "b", None, 4)])), ["B"]);

    // A field of a field, and a part of one.
    assert!(check(8, leak(vec![field("C", "b.c", Some(6), 2)])).is_empty());
    assert_eq!(check(8, leak(vec![field("C", "b.c", Some(4), 2)])), ["C"]);
    assert_eq!(check(8, leak(vec![field("C", "a.c", Some(6), 2)])), ["C"]);
    assert!(check(8, leak(vec![field("H", "a+2", Some(2), 2)])).is_empty());
    assert_eq!(check(8, leak(vec![field("H", "a+2", Some(2), 4)])), ["H"]);
    assert_eq!(check(8, leak(vec![field("H", "a+2", Some(0), 2)])), ["H"]);
}
