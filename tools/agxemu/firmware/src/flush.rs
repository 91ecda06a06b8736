// SPDX-License-Identifier: MIT OR Apache-2.0

//! FwCtl: before the host takes a cached page away, the firmware lets go of it.
//!
//! ```text
//!  flush slot in the handoff region:
//!   0 free ──host: address, size──► 1 wanted ──firmware: cleaned──► 2 done ──host──► 0
//! ```
//!
//! The message in the ring repeats what the slot says, and must agree with it.

use crate::abi::{fw_ctl, handoff};
use crate::core::Core;
use crate::memory::{Memory, Record, PAGE};
use crate::panic::{bail, ensure, field, Fw, Panic};

/// Slot of the kernel half.
const KERNEL: u32 = 64;

impl Core {
    /// Handles everything in the ring.
    pub(crate) fn flush_requests(&mut self) -> Fw<()> {
        while let Some(r) = self.ch.fw_ctl.peek(&self.mem)? {
            flush(&self.mem, &r)?;
            self.ch.fw_ctl.advance(&self.mem)?;
        }
        Ok(())
    }
}

fn flush(mem: &Memory, r: &Record) -> Fw<()> {
    let slot = r.u32(fw_ctl::SLOT);
    let va = r.u64(fw_ctl::ADDRESS);
    let pages = u64::from(r.u16(fw_ctl::PAGES));
    ensure!(slot <= KERNEL, "{r}: flush slot {slot}");
    r.word("word 8", fw_ctl::UNK_8, 0)?;
    field!(r, "word 0x12", r.u16(fw_ctl::UNK_12), 2);
    ensure!(
        pages != 0 && va % PAGE == 0,
        "{r}: {pages} pages from {va:#x}"
    );
    ensure!(
        (slot == KERNEL) == (va >> 39 != 0),
        "{r}: {va:#x} in flush slot {slot}"
    );

    let at = mem.machine().handoff() + handoff::FLUSH + handoff::FLUSH_SIZE * u64::from(slot);
    let mut bytes = [0; 24];
    mem.machine()
        .read_phys(at, &mut bytes)
        .map_err(|e| Panic(format!("handoff region at {:#x} is not RAM", e.0)))?;
    let word = |i: usize| {
        bytes[8 * i..8 * i + 8]
            .iter()
            .rev()
            .fold(0, |n, &b| (n << 8) | u64::from(b))
    };
    let what = format!("flush slot {slot}");
    field!(what, "state", word(0), 1);
    field!(what, "address", word(1), va);
    field!(what, "size", word(2), pages * PAGE);

    let context = if slot == KERNEL { 0 } else { slot as u8 };
    for i in 0..pages {
        let page = va + i * PAGE;
        match mem.machine().entry(context, page).map(|p| (p.pte >> 2) & 7) {
            Some(2) => {}
            Some(attr) => {
                bail!("{r}: {page:#x} still has attribute {attr}, it must be uncached first")
            }
            None => bail!("{r}: {page:#x} was unmapped before it was flushed"),
        }
    }
    if slot == KERNEL {
        mem.flushed(va, pages);
    }
    mem.machine()
        .write_phys(at, &2u64.to_le_bytes())
        .map_err(|e| Panic(format!("handoff region at {:#x} is not RAM", e.0)))
}
