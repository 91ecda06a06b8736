// SPDX-License-Identifier: MIT OR Apache-2.0

//! The commands that do no work of their own: barriers and buffer set-up.

use crate::abi::{barrier, buffer_info as bi, init_buffer as ib};
use crate::compute;
use crate::memory::{Kind, Memory};
use crate::panic::{ensure, field, Fw};

/// Tag of a barrier.
pub const BARRIER: u32 = 4;
/// Tag of a buffer set-up.
pub const INIT_BUFFER: u32 = 6;

/// A barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// Firmware stamp of the other queue.
    pub stamp: u64,
    /// Value that it must reach.
    pub value: u32,
    /// Event slot of the other queue.
    pub slot: u8,
    /// Value of the command that the barrier stands before.
    pub own: u32,
}

impl Barrier {
    /// Reads the barrier at `va`.
    pub fn read(mem: &Memory, va: u64) -> Fw<Self> {
        mem.expect("barrier", va, barrier::SIZE as u64, &[Kind::FwPrivRw])?;
        let r = mem.record("barrier", va, barrier::SIZE)?;
        r.word("tag", 0, BARRIER)?;
        let slot = r.u32(barrier::SLOT);
        ensure!(slot < 128, "{r}: slot {slot}");
        let stamp = r.u64(barrier::STAMP);
        mem.expect(&format!("{r}: stamp"), stamp, 4, &[Kind::FwPrivRw])?;
        r.word("external", barrier::EXTERNAL, 0)?;
        let kinds = (r.u32(barrier::UUID), r.u32(barrier::KIND));
        ensure!(
            matches!(kinds, (0, 0) | (0xffff_bbbb, 1)),
            "{r}: uuid {:#x} with type {}",
            kinds.0,
            kinds.1
        );
        let value = r.u32(barrier::VALUE);
        ensure!(
            value & 0xff == 0,
            "{r}: waits for {value:#x}, which is not a whole event"
        );
        Ok(Self {
            stamp,
            value,
            slot: slot as u8,
            own: r.u32(barrier::STAMP_SELF),
        })
    }
}

/// Checks the buffer set-up at `va`; returns the value of the command that follows it.
pub fn init_buffer(mem: &Memory, va: u64) -> Fw<u32> {
    mem.expect("buffer set-up", va, ib::SIZE as u64, &[Kind::FwPrivRw])?;
    let r = mem.record("buffer set-up", va, ib::SIZE)?;
    r.word("tag", 0, INIT_BUFFER)?;
    let slot = compute::bound(mem, &r, r.u32(ib::VM_SLOT))?;
    let buffer = r.u32(ib::BUFFER_SLOT);
    ensure!(buffer < 127, "{r}: buffer slot {buffer}");
    r.word("word 0xc", ib::UNK_C, 0)?;

    let at = r.u64(ib::INFO);
    mem.expect("buffer information", at, bi::SIZE as u64, &[Kind::FwPrivRw])?;
    let info = mem.record("buffer information", at, bi::SIZE)?;
    let blocks = r.u32(ib::BLOCKS);
    let pages = info.u32(bi::PAGE_COUNT);
    info.word("block count", bi::BLOCK_COUNT, blocks)?;
    ensure!(
        blocks != 0 && blocks <= info.u32(bi::MAX_BLOCKS),
        "{info}: {blocks} blocks"
    );
    info.word("page count", bi::PAGE_COUNT, blocks.wrapping_mul(4))?;
    info.word("last page", bi::LAST_PAGE, pages.wrapping_sub(1))?;
    info.word("block size", bi::BLOCK_SIZE, 0x20000)?;
    for (name, offset, len) in [
        ("block control", bi::BLOCK_CTL, 0x40),
        ("counter", bi::COUNTER, 0x40),
    ] {
        mem.expect(name, info.u64(offset), len, &[Kind::FwSharedRw])?;
    }
    ensure!(
        info.u32(bi::PAGE_LIST_SIZE) >= pages.saturating_mul(4),
        "{info}: page list of {:#x} bytes for {pages} pages",
        info.u32(bi::PAGE_LIST_SIZE)
    );

    // The lists are in the user's address space.
    let private = &[Kind::GpuFwPrivRw];
    let (block_list, page_list) = (info.u64(bi::BLOCK_LIST), info.u64(bi::PAGE_LIST));
    mem.expect_in(
        slot,
        "block list",
        block_list,
        u64::from(blocks) * 8,
        private,
    )?;
    mem.expect_in(slot, "page list", page_list, u64::from(pages) * 4, private)?;
    for i in 0..u64::from(blocks) {
        let block = mem.user_u32(slot, block_list + 8 * i)?;
        field!(
            info,
            format!("block {i} second word"),
            mem.user_u32(slot, block_list + 8 * i + 4)?,
            0
        );
        mem.expect_in(
            slot,
            "block",
            u64::from(block) << 15,
            0x20000,
            &[Kind::GpuSharedRw],
        )?;
        for page in 0..4 {
            let got = mem.user_u32(slot, page_list + 16 * i + 4 * page)?;
            field!(
                info,
                format!("page {}", 4 * i + page),
                got,
                block + page as u32
            );
        }
    }
    Ok(r.u32(ib::STAMP))
}
