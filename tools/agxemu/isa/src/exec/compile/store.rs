// SPDX-License-Identifier: MIT OR Apache-2.0

//! Runs that are kept, for all threads of the process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use agx_lanes::Code;

use super::engine::{compiler, count};
use super::translate::Translator;
use crate::exec::op::{Inst, Op};

/// Runs that are kept. When there would be more, all are forgotten; threads that use one keep it.
const MAX_ENTRIES: usize = 4096;

/// Operations after which a run ends, which bounds the time that its compilation takes.
const MAX_OPERATIONS: usize = 6000;

/// A run that is compiled.
pub(in crate::exec) struct Run {
    pub code: Code,
    /// Instructions, and their bytes.
    pub count: u64,
    pub length: u64,
    /// It changes which lanes are active.
    pub branches: bool,
    /// It needs a fragment group.
    pub pixels: bool,
}

/// A run that has been reached.
#[derive(Default)]
pub(in crate::exec) struct Entry {
    reached: AtomicU32,
    /// For groups with all lanes active, and for others; `None` was refused.
    forms: [OnceLock<Option<Run>>; 2],
}

/// Entries by the bytes of their instructions.
type Entries = HashMap<Box<[u8]>, Arc<Entry>>;

static ENTRIES: Mutex<Option<Entries>> = Mutex::new(None);

impl Entry {
    /// Returns the entry of the run whose instructions have these bytes.
    pub fn find(bytes: &[u8]) -> Arc<Self> {
        let mut entries = ENTRIES.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = entries.get_or_insert_default();
        if let Some(entry) = entries.get(bytes) {
            return entry.clone();
        }
        if entries.len() == MAX_ENTRIES {
            entries.clear();
        }
        let entry = Arc::new(Self::default());
        entries.insert(bytes.into(), entry.clone());
        entry
    }

    /// Returns the run, if it has been reached more than `threshold` times; `instructions` are what
    /// it is made of.
    pub fn run(
        &self,
        full: bool,
        threshold: u32,
        instructions: impl FnOnce() -> Vec<Inst>,
    ) -> Option<&Run> {
        let form = &self.forms[usize::from(full)];
        if let Some(run) = form.get() {
            return run.as_ref();
        }
        if self.reached.fetch_add(1, Relaxed) < threshold {
            return None;
        }
        form.get_or_init(|| compile(&instructions(), full)).as_ref()
    }
}

fn compile(instructions: &[Inst], full: bool) -> Option<Run> {
    let compiler = compiler().ok()?;
    let start = Instant::now();
    let (mut length, mut done) = (0, 0);
    let (mut branches, mut pixels) = (false, false);
    let mut refusal = None;
    let code = compiler.compile(|body| {
        let mut translator = Translator::new(body, full);
        for inst in instructions {
            if translator.body.operations() > MAX_OPERATIONS {
                break;
            }
            if let Err(what) = translator.instruction(&inst.op) {
                refusal = Some(what);
                break;
            }
            branches |= matches!(inst.op, Op::Branch { .. } | Op::PopExec { .. });
            pixels |= matches!(inst.op, Op::Iterate(_));
            length += u64::from(inst.length);
            done += 1;
        }
        translator.finish();
    });
    let code = match code {
        Ok(code) => Some(code),
        Err(error) => {
            refusal = Some(error.to_string());
            None
        }
    };
    let microseconds = start.elapsed().as_micros() as u64;
    count(|statistics| {
        statistics.microseconds += microseconds;
        if let Some(what) = refusal {
            *statistics.refused.entry(what).or_default() += 1;
        }
        if let (Some(code), 1..) = (&code, done) {
            statistics.runs += 1;
            statistics.instructions += done;
            statistics.bytes += code.size() as u64;
        }
    });
    let code = code.filter(|_| done > 0)?;
    Some(Run {
        code,
        count: done,
        length,
        branches,
        pixels,
    })
}
