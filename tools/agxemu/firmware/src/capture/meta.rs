// SPDX-License-Identifier: MIT OR Apache-2.0

//! What `meta.json` says of a capture.

use crate::machine::Machine;
use crate::memory::PAGE;

use super::{Capture, Changed, Event};

/// Version of the format. It rises when something is no longer where it was.
const FORMAT: u32 = 2;

/// Returns the text. Nothing in it needs escaping.
pub(super) fn write(
    capture: &Capture,
    machine: &dyn Machine,
    event: &Event<'_>,
    changed: &Changed,
) -> String {
    let each = |item: &dyn Fn(u8, &super::Context) -> Vec<String>| -> Vec<String> {
        let contexts = capture.contexts.iter();
        contexts.flat_map(|(&slot, c)| item(slot, c)).collect()
    };
    let roots = each(&|slot, c| {
        let (lower, upper) = c.roots;
        let text = format!(r#""context": {slot}, "ttb0": "{lower:#x}", "ttb1": "{upper:#x}""#);
        vec![text]
    });
    let pages = each(&|slot, c| {
        let other = c.files.iter();
        let other = other.filter(|(va, pa)| changed.has(slot, *va, *pa));
        other
            .map(|(va, _)| format!(r#""context": {slot}, "va": "{va:#x}""#))
            .collect()
    });
    let devices = each(&|slot, c| {
        c.devices
            .iter()
            .map(|d| {
                let (va, pa, pages) = (d.va, d.pa, d.pages);
                format!(
                    r#""context": {slot}, "va": "{va:#x}", "phys": "{pa:#x}", "pages": {pages}"#
                )
            })
            .collect()
    });
    let aliases = each(&|slot, c| match c.aliases {
        0 => Vec::new(),
        n => vec![format!(r#""context": {slot}, "pages": {n}"#)],
    });
    let io = event.io.iter().map(|m| {
        let (i, va, pa, size) = (m.index, m.va, m.phys, m.size);
        format!(r#""index": {i}, "va": "{va:#x}", "phys": "{pa:#x}", "size": {size}"#)
    });
    let mut tables: Vec<u64> = changed.tables.iter().copied().collect();
    tables.sort_unstable();
    let tables: Vec<String> = tables.iter().map(|pa| format!(r#""{pa:#x}""#)).collect();
    let contexts: Vec<String> = capture.contexts.keys().map(u8::to_string).collect();
    let text = |s: &str| format!(r#""{s}""#);
    let fields = [
        ("format", FORMAT.to_string()),
        ("page_size", PAGE.to_string()),
        ("gpu", text(capture.part.chip.gpu)),
        ("firmware", text(capture.part.firmware.name)),
        ("init_data", format!(r#""{:#x}""#, event.init_data)),
        ("number", capture.messages.to_string()),
        ("left_out", capture.behind.to_string()),
        ("ring", text(event.ring)),
        ("message", format!(r#""{:#018x}""#, event.message)),
        ("contexts", format!("[{}]", contexts.join(", "))),
        ("ttbs", format!(r#""{:#x}""#, machine.ttbs_base())),
        ("roots", objects(roots)),
        ("changed", objects(pages)),
        ("changed_tables", format!("[{}]", tables.join(", "))),
        ("mmio", objects(devices)),
        ("aliases", objects(aliases)),
        ("io_mappings", objects(io.collect())),
    ];
    let lines: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("  \"{name}\": {value}"))
        .collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

fn objects(all: Vec<String>) -> String {
    let all: Vec<String> = all
        .into_iter()
        .map(|fields| format!("{{{fields}}}"))
        .collect();
    format!("[{}]", all.join(", "))
}
