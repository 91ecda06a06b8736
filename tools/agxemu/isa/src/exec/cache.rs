// SPDX-License-Identifier: MIT OR Apache-2.0

//! Decoded code, by address.

use std::collections::HashMap;

use super::lower::lower;
use super::op::Inst;
use super::{Fault, FaultKind, Host};
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
}

impl Default for Cache {
    fn default() -> Self {
        // No block has an odd base.
        Self {
            blocks: Vec::new(),
            by_base: HashMap::new(),
            base: 1,
            current: 0,
        }
    }
}

impl Cache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Instructions that the cache holds.
    pub fn len(&self) -> usize {
        self.blocks.iter().map(|block| block.code.len()).sum()
    }

    /// Whether the cache holds nothing.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The instruction at `pc`.
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
            });
        }
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

/// The text of the instruction that `bytes` starts with, or why there is none.
pub fn text(bytes: &[u8]) -> String {
    match decode(bytes) {
        Ok(found) => found.to_string(),
        Err(why) => why.to_string(),
    }
}

/// A fault of the instruction at `pc`, which has been carried out in vain.
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

/// The bytes of the instruction at `pc`, for a trace.
pub(super) fn instruction_bytes<H: Host>(
    host: &mut H,
    pc: u64,
    length: u8,
) -> ([u8; MAX_LENGTH], usize) {
    let mut bytes = [0; MAX_LENGTH];
    let have = fetch(host, pc, &mut bytes).unwrap_or(0);
    (bytes, have.min(length.into()))
}
