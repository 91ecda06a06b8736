// SPDX-License-Identifier: MIT OR Apache-2.0

//! The commands that do no work of their own: barriers and buffer set-up.

use agx_abi::buffer::{self, BlockControl, BufferInfo, Counter};
use agx_abi::event::SLOTS;
use agx_abi::queue::{self as abi, InitBuffer};
use agx_abi::uat::Protection;
use agx_abi::Value;

use crate::memory::{Memory, Record};
use crate::panic::{ensure, field, Fw};
use crate::work;

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

/// A buffer set-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetUp {
    /// Slot of the buffer manager.
    pub buffer_slot: u32,
    /// The buffer.
    pub buffer: Buffer,
    /// Value of the command that follows.
    pub value: u32,
}

/// A buffer that a slot was set up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Address of its information.
    pub info: u64,
    /// Context that its lists are in.
    pub vm_slot: u8,
    /// Blocks that it has.
    pub blocks: u32,
    /// GpuContextData of the user queue that has set it up.
    pub context: u64,
}

/// Reads the buffer set-up at `va` of a user queue with `context`, and checks the buffer.
pub fn init_buffer(mem: &Memory, va: u64, context: u64) -> Fw<SetUp> {
    mem.expect(
        "buffer set-up",
        va,
        InitBuffer::SIZE as u64,
        &[Protection::FW_PRIV_RW],
    )?;
    let r = mem.record("buffer set-up", va, InitBuffer::SIZE)?;
    r.want("tag", InitBuffer::TAG, INIT_BUFFER)?;
    let vm_slot = work::bound(mem, &r, r.get(InitBuffer::VM_SLOT))?;
    let buffer_slot = r.get(InitBuffer::BUFFER_SLOT);
    ensure!(
        buffer_slot < buffer::SLOTS,
        "{r}: buffer slot {buffer_slot}"
    );
    r.want("word 0xc", InitBuffer::UNK_C, 0)?;
    let buffer = Buffer {
        info: r.get(InitBuffer::BUFFER),
        vm_slot,
        blocks: r.get(InitBuffer::BLOCK_COUNT),
        context,
    };
    buffer.check(mem)?;
    Ok(SetUp {
        buffer_slot,
        buffer,
        value: r.get(InitBuffer::STAMP_VALUE),
    })
}

impl Buffer {
    /// Blocks that its information counts, which the host changes only while there are no scenes.
    pub fn counted(&self, mem: &Memory) -> Fw<u32> {
        mem.u32(mem.at(self.info, BufferInfo::BLOCK_COUNT))
    }

    /// Blocks that its lists have by now.
    pub fn listed(&self, mem: &Memory) -> Fw<u32> {
        let control = mem.u64(mem.at(self.info, BufferInfo::BLOCK_CTL))?;
        mem.u32(mem.at(control, BlockControl::TOTAL))
    }

    /// Checks its information and its lists.
    pub fn check(&self, mem: &Memory) -> Fw<()> {
        let (slot, blocks) = (self.vm_slot, self.blocks);
        mem.expect(
            "buffer information",
            self.info,
            BufferInfo::size_in(mem.abi) as u64,
            &[Protection::FW_PRIV_RW],
        )?;
        let info = mem.record(
            "buffer information",
            self.info,
            BufferInfo::size_in(mem.abi),
        )?;
        let pages = blocks.wrapping_mul(buffer::BLOCK_PAGES);
        ensure!(
            blocks != 0 && blocks <= info.get(BufferInfo::MAX_BLOCKS),
            "{info}: {blocks} blocks"
        );
        // While there are scenes, the counts here are the firmware's, and the host adds blocks to
        // the lists only.
        let counted = info.get(BufferInfo::BLOCK_COUNT);
        ensure!(
            counted <= blocks,
            "{info}: block count is {counted:#x}, set up with {blocks:#x}"
        );
        info.want(
            "page count",
            BufferInfo::PAGE_COUNT,
            counted.wrapping_mul(buffer::BLOCK_PAGES),
        )?;
        let last = info.get(BufferInfo::PAGE_COUNT).wrapping_sub(1);
        info.want("last page", BufferInfo::LAST_PAGE, last)?;
        info.want(
            "block size",
            BufferInfo::BLOCK_SIZE,
            BufferInfo::BLOCK_SIZE_VALUE,
        )?;
        mem.usual(&info, "word 0x7c of a buffer", BufferInfo::UNK_80, 1);
        for (name, offset, len) in [
            ("block control", BufferInfo::BLOCK_CTL, BlockControl::SIZE),
            ("counter", BufferInfo::COUNTER, Counter::SIZE),
        ] {
            let shared = &[Protection::FW_SHARED_RW];
            mem.expect(name, info.get(offset), len as u64, shared)?;
        }
        let control = mem.record(
            "block control",
            info.get(BufferInfo::BLOCK_CTL),
            BlockControl::SIZE,
        )?;
        // The host may have added more since.
        for field in [BlockControl::TOTAL, BlockControl::WPTR] {
            let listed = control.get(field);
            ensure!(
                listed >= blocks,
                "{control}: {listed:#x} blocks, set up with {blocks:#x}"
            );
        }
        ensure!(
            info.get(BufferInfo::PAGE_LIST_SIZE) >= pages.saturating_mul(4),
            "{info}: page list of {:#x} bytes for {pages} pages",
            info.get(BufferInfo::PAGE_LIST_SIZE)
        );
        self.check_lists(mem, slot, &info)
    }

    /// The lists are in the user's address space.
    fn check_lists(&self, mem: &Memory, slot: u8, info: &Record) -> Fw<()> {
        let private = &[Protection::GPU_FW_PRIV_RW];
        let (block_list, page_list) = (
            info.get(BufferInfo::BLOCK_LIST),
            info.get(BufferInfo::PAGE_LIST),
        );
        let blocks = u64::from(self.blocks);
        let pages = blocks * u64::from(buffer::BLOCK_PAGES);
        mem.expect_in(slot, "block list", block_list, blocks * 8, private)?;
        mem.expect_in(slot, "page list", page_list, pages * 4, private)?;
        for i in 0..blocks {
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
        Ok(())
    }
}
