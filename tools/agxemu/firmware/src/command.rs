// SPDX-License-Identifier: MIT OR Apache-2.0

//! The commands that do no work of their own: barriers and buffer set-up.

use agx_abi::buffer::{self, BufferInfo};
use agx_abi::event::SLOTS;
use agx_abi::queue::{self as abi, InitBuffer};
use agx_abi::uat::Protection;
use agx_abi::Value;

use crate::compute;
use crate::memory::Memory;
use crate::panic::{ensure, field, Fw};

/// Tag of a barrier.
pub const BARRIER: u32 = abi::Barrier::TAG_VALUE;
/// Tag of a buffer set-up.
pub const INIT_BUFFER: u32 = InitBuffer::TAG_VALUE;

/// Bytes of a barrier that the firmware of a G13 touches: one driver that has run on Macs has no
/// more, with nothing mapped behind them.
pub const BARRIER_TOUCHED: u64 = 0x20;

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
        mem.expect("barrier", va, BARRIER_TOUCHED, &[Protection::FW_PRIV_RW])?;
        let r = mem.record("barrier", va, BARRIER_TOUCHED as usize)?;
        r.want("tag", abi::Barrier::TAG, BARRIER)?;
        let slot = r.get(abi::Barrier::WAIT_SLOT);
        ensure!((slot as usize) < SLOTS, "{r}: slot {slot}");
        let stamp = r.get(abi::Barrier::WAIT_STAMP);
        mem.expect("stamp of a barrier", stamp, 4, &[Protection::FW_PRIV_RW])?;
        ensure!(stamp % 4 == 0, "{r}: unaligned stamp {stamp:#x}");
        r.want("external", abi::Barrier::EXTERNAL, 0)?;
        let uuid = r.get(abi::Barrier::UUID);
        if !matches!(uuid, 0 | abi::Barrier::UUID_EXPLICIT) {
            mem.remark("uuid of a barrier", &format!("{r}: {uuid:#x}"));
        }
        let value = r.get(abi::Barrier::WAIT_VALUE);
        ensure!(
            value & 0xff == 0,
            "{r}: waits for {value:#x}, which is not a whole event"
        );
        Ok(Self {
            stamp,
            value,
            slot: slot as u8,
            own: r.get(abi::Barrier::STAMP_SELF),
        })
    }
}

/// Checks the buffer set-up at `va`; returns the value of the command that follows it.
pub fn init_buffer(mem: &Memory, va: u64) -> Fw<u32> {
    mem.expect(
        "buffer set-up",
        va,
        InitBuffer::SIZE as u64,
        &[Protection::FW_PRIV_RW],
    )?;
    let r = mem.record("buffer set-up", va, InitBuffer::SIZE)?;
    r.want("tag", InitBuffer::TAG, INIT_BUFFER)?;
    let slot = compute::bound(mem, &r, r.get(InitBuffer::VM_SLOT))?;
    let buffer = r.get(InitBuffer::BUFFER_SLOT);
    ensure!(buffer < buffer::SLOTS, "{r}: buffer slot {buffer}");
    r.want("word 0xc", InitBuffer::UNK_C, 0)?;

    let at = r.get(InitBuffer::BUFFER);
    mem.expect(
        "buffer information",
        at,
        BufferInfo::SIZE as u64,
        &[Protection::FW_PRIV_RW],
    )?;
    let info = mem.record("buffer information", at, BufferInfo::SIZE)?;
    let blocks = r.get(InitBuffer::BLOCK_COUNT);
    let pages = info.get(BufferInfo::PAGE_COUNT);
    info.want("block count", BufferInfo::BLOCK_COUNT, blocks)?;
    ensure!(
        blocks != 0 && blocks <= info.get(BufferInfo::MAX_BLOCKS),
        "{info}: {blocks} blocks"
    );
    info.want(
        "page count",
        BufferInfo::PAGE_COUNT,
        blocks.wrapping_mul(buffer::BLOCK_PAGES),
    )?;
    info.want("last page", BufferInfo::LAST_PAGE, pages.wrapping_sub(1))?;
    info.want(
        "block size",
        BufferInfo::BLOCK_SIZE,
        BufferInfo::BLOCK_SIZE_VALUE,
    )?;
    for (name, offset, len) in [
        ("block control", BufferInfo::BLOCK_CTL, 0x40),
        ("counter", BufferInfo::COUNTER, 0x40),
    ] {
        mem.expect(name, info.get(offset), len, &[Protection::FW_SHARED_RW])?;
    }
    ensure!(
        info.get(BufferInfo::PAGE_LIST_SIZE) >= pages.saturating_mul(4),
        "{info}: page list of {:#x} bytes for {pages} pages",
        info.get(BufferInfo::PAGE_LIST_SIZE)
    );

    // The lists are in the user's address space.
    let private = &[Protection::GPU_FW_PRIV_RW];
    let (block_list, page_list) = (
        info.get(BufferInfo::BLOCK_LIST),
        info.get(BufferInfo::PAGE_LIST),
    );
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
        let (va, len) = (
            u64::from(block) * buffer::PAGE_SIZE,
            BufferInfo::BLOCK_SIZE_VALUE.into(),
        );
        let usual = &[Protection::GPU_SHARED_RW, Protection::GPU_FW_PRIV_RW];
        mem.expect_in(slot, "block", va, len, usual)?;
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
    Ok(r.get(InitBuffer::STAMP_VALUE))
}
