// SPDX-License-Identifier: MIT OR Apache-2.0

//! FwCtl: before the host takes a cached page away, the firmware lets go of it.
//!
//! ```text
//!  flush slot in the handoff region:
//!   0 free ──host: address, size──► 1 wanted ──firmware: cleaned──► 2 done ──host──► 0
//! ```
//!
//! The message in the ring repeats what the slot says, and must agree with it.

use agx_abi::channel::FwCtlMessage;
use agx_abi::uat::{pte, FlushSlot, Handoff, KERNEL_FLUSH_SLOT};
use agx_abi::Value;

use crate::core::Core;
use crate::memory::{Memory, Record, PAGE};
use crate::panic::{bail, ensure, field, Fw, Panic};

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
    let slot = r.get(FwCtlMessage::SLOT) as usize;
    let va = r.get(FwCtlMessage::ADDRESS);
    let pages = u64::from(r.get(FwCtlMessage::PAGES));
    let kernel = slot == KERNEL_FLUSH_SLOT;
    ensure!(slot <= KERNEL_FLUSH_SLOT, "{r}: flush slot {slot}");
    r.want("word 8", FwCtlMessage::UNK_8, 0)?;
    r.want(
        "word 0x12",
        FwCtlMessage::UNK_12,
        FwCtlMessage::UNK_12_VALUE,
    )?;
    ensure!(
        pages != 0 && va % PAGE == 0,
        "{r}: {pages} pages from {va:#x}"
    );
    ensure!(
        kernel == (va >> 39 != 0),
        "{r}: {va:#x} in flush slot {slot}"
    );

    let machine = mem.machine();
    let outside = |base: u64| Panic(format!("flush slot at {base:#x} is not RAM"));
    let base = mem.at(machine.handoff(), Handoff::FLUSH.at(slot));
    let mut bytes = [0; <FlushSlot as Value>::SIZE];
    machine
        .read_phys(base, &mut bytes)
        .map_err(|e| outside(e.0))?;
    let request = FlushSlot::from_bytes(bytes);
    let what = format!("flush slot {slot}");
    field!(
        what,
        "state",
        request.get(FlushSlot::STATE),
        FlushSlot::REQUESTED
    );
    field!(what, "address", request.get(FlushSlot::ADDRESS), va);
    field!(what, "size", request.get(FlushSlot::SIZE), pages * PAGE);

    let context = if kernel { 0 } else { slot as u8 };
    for page in (0..pages).map(|i| va.wrapping_add(i * PAGE)) {
        let attribute = |pte: u64| (pte & pte::ATTR_MASK) >> pte::ATTR_SHIFT;
        match machine.entry(context, page).map(|p| attribute(p.pte)) {
            Some(pte::ATTR_SHARED) => {}
            Some(attr) => bail!("{r}: {page:#x} has attribute {attr}, it must be uncached first"),
            None => bail!("{r}: {page:#x} was unmapped before it was flushed"),
        }
    }
    if kernel {
        mem.flushed(va, pages);
    }
    let state = mem.at(base, FlushSlot::STATE);
    machine
        .write_phys(state, &FlushSlot::DONE.to_le_bytes())
        .map_err(|e| outside(e.0))
}
