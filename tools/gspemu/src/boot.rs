// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the processor begins with: the table of memory regions, and in it the queues; and what it
//! may have the driver do.

use emulated_guest::ram::Ram;

use crate::queue::Queues;
use crate::registers as regs;
use crate::violation::Violation;
use crate::wire::{Framing, PAGE};

/// A sequence of register accesses for the driver: mailbox 1 gets a value, which is polled for.
pub fn sequence() -> Vec<u8> {
    let mailbox = regs::MAILBOX1 as u32;
    let commands = [
        // Write {address, value}.
        0,
        mailbox,
        0x600d_5e00,
        // Modify {address, mask, value}.
        1,
        mailbox,
        0xff,
        0x0d,
        // Wait {microseconds}.
        3,
        100,
        // Poll {address, mask, value, microseconds, error}.
        2,
        mailbox,
        u32::MAX,
        0x600d_5e0d,
        1000,
        0,
    ];
    let mut words = vec![commands.len() as u32, commands.len() as u32];
    words.extend([0; 8]);
    words.extend(commands);
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Finds the queues, from the table of memory regions at `arguments` on.
pub fn find_queues(framing: Framing, ram: &Ram, arguments: u64) -> Result<Queues, Violation> {
    const ENTRY: usize = 32;
    let mut table = [0; 128 * ENTRY];
    let outside = |what, address| move |_| Violation::Outside { what, address };
    let what = "the table of memory regions";
    ram.read(arguments, &mut table)
        .map_err(outside(what, arguments))?;
    let mut found = None;
    for name in ["LOGINIT", "LOGINTR", "LOGRM", "RMARGS"] {
        let id = name
            .bytes()
            .fold(0u64, |id, byte| (id << 8) | u64::from(byte));
        let field = |entry: &[u8], at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&entry[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let entry = table.chunks(ENTRY).find(|entry| field(entry, 0) == id);
        let entry = entry.ok_or(Violation::NoRegion(name))?;
        let (address, size) = (field(entry, 8), field(entry, 16));
        // Contiguous, in the system's memory.
        let kind = u64::from(entry[24]) | (u64::from(entry[25]) << 8);
        if kind != 0x0101 {
            let (is, expected) = (kind, 0x0101);
            let what = "kind and place of a region";
            return Err(Violation::Argument { what, is, expected });
        }
        if size == 0 || size % PAGE as u64 != 0 || !ram.contains(address, size as usize) {
            let what = "a memory region";
            return Err(Violation::Outside { what, address });
        }
        found = Some(address);
    }
    let address = found.ok_or(Violation::NoRegion("RMARGS"))?;
    let mut words = [0; 32];
    let what = "the arguments";
    ram.read(address, &mut words)
        .map_err(outside(what, address))?;
    let field = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&words[at..at + 8]);
        u64::from_le_bytes(word)
    };
    let entries = field(8) & u64::from(u32::MAX);
    Queues::new(framing, ram, [field(0), entries, field(16), field(24)])
}
