// SPDX-License-Identifier: MIT OR Apache-2.0

//! Decoded code, by address.

use std::collections::HashMap;
use std::sync::Arc;

use super::compile::{is_candidate, Counts, Entry, Run};
use super::lower::lower;
use super::op::Inst;
use super::{Engine, Fault, FaultKind, Host};
use crate::decode::{decode, DecodeError, MAX_LENGTH};

/// Bytes of code that one block describes.
const BLOCK: u64 = 4096;

/// Blocks that are kept. A page of code may be mapped at any number of addresses; without a bound a
/// program that jumps from one to the next would fill the host's memory.
const MAX_BLOCKS: usize = 1024;

/// Instructions that start in a stretch of code, decoded when they are first reached.
struct Block {
    /// For each two bytes: one more than the place in `code`, zero when not decoded yet.
    slots: Box<[u16; BLOCK as usize / 2]>,
    code: Vec<Inst>,
    /// For each two bytes, zero when no run was looked for, one when there is none, else two more
    /// than the place in `entries`. Empty unless runs are compiled.
    runs: Vec<u16>,
    entries: Vec<Arc<Entry>>,
}

/// Code that has been decoded. Each host thread has its own.
///
/// Code that changes instructions, or what is mapped at their address, calls [`Cache::clear`].
pub struct Cache {
    blocks: Vec<Block>,
    by_base: HashMap<u64, usize>,
    /// Base and number of the block that was used last.
    base: u64,
    current: usize,
    engine: Engine,
    pub(super) counts: Counts,
}

/// What is at an address.
pub(super) enum Step<'c> {
    Inst(&'c Inst),
    Run(&'c Run),
}

impl Default for Cache {
    fn default() -> Self {
        // No block has an odd base.
        Self {
            blocks: Vec::new(),
            by_base: HashMap::new(),
            base: 1,
            current: 0,
            engine: Engine::Interpreter,
            counts: Counts::default(),
        }
    }
}

impl Cache {
    /// Returns an empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns an empty cache of a thread that runs code with this engine.
    pub fn with_engine(engine: Engine) -> Self {
        Self {
            engine,
            ..Self::default()
        }
    }

    /// Forgets all code.
    pub fn clear(&mut self) {
        self.blocks.clear();
        self.by_base.clear();
        (self.base, self.current) = (1, 0);
    }

    /// Returns instructions that the cache holds.
    pub fn len(&self) -> usize {
        self.blocks.iter().map(|block| block.code.len()).sum()
    }

    /// Returns instructions that were carried out with it: by compiled code, by the interpreter.
    pub fn carried_out(&self) -> [u64; 2] {
        [self.counts.compiled, self.counts.interpreted]
    }

    /// Returns whether the cache holds nothing.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Returns the instruction at `pc`.
    #[inline]
    pub(super) fn get<H: Host>(&mut self, host: &mut H, pc: u64) -> Result<&Inst, Box<Fault>> {
        let base = pc & !(BLOCK - 1);
        if base != self.base {
            self.select(base);
        }
        let slot = (pc - base) as usize / 2;
        if self.blocks[self.current].slots[slot] == 0 {
            let inst = decoded(host, pc)?;
            let block = &mut self.blocks[self.current];
            block.code.push(inst);
            block.slots[slot] = block.code.len() as u16;
        }
        let block = &self.blocks[self.current];
        Ok(&block.code[usize::from(block.slots[slot]) - 1])
    }

    /// Returns the run that starts at `pc`, or the instruction there. `full` says that all lanes
    /// are active, and `wanted` whether a run may be carried out.
    #[inline]
    pub(super) fn step<H: Host>(
        &mut self,
        host: &mut H,
        pc: u64,
        full: bool,
        wanted: impl Fn(&Run) -> bool,
    ) -> Result<(&mut Counts, Step<'_>), Box<Fault>> {
        // What is found first has to be looked up again, as it borrows the cache.
        self.get(host, pc)?;
        let slot = (pc - self.base) as usize / 2;
        if let (Engine::Compiled { threshold }, false) = (self.engine, H::TRACE) {
            let block = &self.blocks[self.current];
            if block.runs.is_empty() || block.runs[slot] == 0 {
                self.look_for_run(host, slot);
            }
            let block = &self.blocks[self.current];
            if let Some(entry) = usize::from(block.runs[slot]).checked_sub(2) {
                let instructions = || block.candidates(slot);
                let run = block.entries[entry].run(full, threshold, instructions);
                if let Some(run) = run.filter(|run| wanted(run)) {
                    return Ok((&mut self.counts, Step::Run(run)));
                }
            }
        }
        let block = &self.blocks[self.current];
        let inst = &block.code[usize::from(block.slots[slot]) - 1];
        Ok((&mut self.counts, Step::Inst(inst)))
    }

    /// Finds out which instructions from the one at `slot` on may be a run.
    #[cold]
    fn look_for_run<H: Host>(&mut self, host: &mut H, slot: usize) {
        let mut bytes = Vec::new();
        let mut at = slot;
        while at < BLOCK as usize / 2 {
            let pc = self.base + 2 * at as u64;
            let block = &mut self.blocks[self.current];
            if block.slots[at] == 0 {
                // What is wrong with it is found when it is reached.
                let Ok(inst) = decoded(host, pc) else { break };
                block.code.push(inst);
                block.slots[at] = block.code.len() as u16;
            }
            let inst = block.code[usize::from(block.slots[at]) - 1];
            if !is_candidate(&inst.op) {
                break;
            }
            let (found, length) = instruction_bytes(host, pc, inst.length);
            bytes.extend(&found[..length]);
            at += usize::from(inst.length) / 2;
        }
        let block = &mut self.blocks[self.current];
        block.runs.resize(BLOCK as usize / 2, 0);
        block.runs[slot] = match bytes.len() {
            0 => 1,
            _ => {
                block.entries.push(Entry::find(&bytes));
                block.entries.len() as u16 + 1
            }
        };
    }

    #[cold]
    fn select(&mut self, base: u64) {
        if self.blocks.len() == MAX_BLOCKS && !self.by_base.contains_key(&base) {
            self.clear();
        }
        let next = self.blocks.len();
        self.current = *self.by_base.entry(base).or_insert(next);
        self.base = base;
        if self.current == next {
            let slots = Box::new([0; BLOCK as usize / 2]);
            self.blocks.push(Block {
                slots,
                code: Vec::new(),
                runs: Vec::new(),
                entries: Vec::new(),
            });
        }
    }
}

impl Block {
    /// Returns the instructions from the one at `slot` on that may be a run.
    fn candidates(&self, slot: usize) -> Vec<Inst> {
        let mut found = Vec::new();
        let mut at = slot;
        while let Some(&number) = self.slots.get(at) {
            let inst = usize::from(number).checked_sub(1);
            match inst.and_then(|n| self.code.get(n)) {
                Some(inst) if is_candidate(&inst.op) => {
                    found.push(*inst);
                    at += usize::from(inst.length) / 2;
                }
                _ => break,
            }
        }
        found
    }
}

/// Reads bytes of code; returns how many there are.
fn fetch<H: Host>(host: &mut H, pc: u64, bytes: &mut [u8; MAX_LENGTH]) -> Result<usize, FaultKind> {
    if pc & 1 == 1 {
        return Err(FaultKind::Unsupported("odd address".into()));
    }
    host.fetch(pc, bytes).map_err(FaultKind::Fetch)
}

#[cold]
fn decoded<H: Host>(host: &mut H, pc: u64) -> Result<Inst, Box<Fault>> {
    let mut bytes = [0; MAX_LENGTH];
    let fault = |bytes: &[u8], kind| {
        Box::new(Fault {
            pc,
            bytes: bytes.to_vec(),
            text: text(bytes),
            kind,
        })
    };
    let have = fetch(host, pc, &mut bytes).map_err(|kind| fault(&[], kind))?;
    let bytes = &bytes[..have.min(MAX_LENGTH)];
    match decode(bytes) {
        Ok(found) => {
            lower(&found).map_err(|why| fault(&bytes[..found.length], FaultKind::Unsupported(why)))
        }
        Err(DecodeError::Unknown) => Err(fault(bytes, FaultKind::Unknown)),
        Err(DecodeError::Truncated(_)) => Err(fault(bytes, FaultKind::Truncated)),
    }
}

/// Returns the text of the instruction that `bytes` starts with, or why there is none.
pub fn text(bytes: &[u8]) -> String {
    match decode(bytes) {
        Ok(found) => found.to_string(),
        Err(why) => why.to_string(),
    }
}

/// Returns a fault of the instruction at `pc`, which has been carried out in vain.
#[cold]
pub(super) fn fault_at<H: Host>(host: &mut H, pc: u64, kind: FaultKind) -> Box<Fault> {
    let mut bytes = [0; MAX_LENGTH];
    let have = fetch(host, pc, &mut bytes).unwrap_or(0).min(MAX_LENGTH);
    let length = decode(&bytes[..have]).map_or(have, |found| found.length);
    let bytes = bytes[..length].to_vec();
    Box::new(Fault {
        pc,
        text: text(&bytes),
        bytes,
        kind,
    })
}

/// Returns the bytes of the instruction at `pc`, for a trace.
pub(super) fn instruction_bytes<H: Host>(
    host: &mut H,
    pc: u64,
    length: u8,
) -> ([u8; MAX_LENGTH], usize) {
    let mut bytes = [0; MAX_LENGTH];
    let have = fetch(host, pc, &mut bytes).unwrap_or(0);
    (bytes, have.min(length.into()))
}
