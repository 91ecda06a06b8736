// SPDX-License-Identifier: MIT OR Apache-2.0

//! Buffer managers.

use crate::support::abi::abi;
use agx_abi::buffer::{self, BlockControl, BufferInfo, BufferStats, Counter, BLOCK_PAGES};
use agx_abi::queue::InitBuffer;
use agx_abi::uat::Protection;
use agx_abi::Value;

use super::driver::Driver;

/// Blocks that a buffer can have.
pub const MAX_BLOCKS: u32 = 32;

/// A buffer.
pub struct Buffer {
    pub vm_slot: u8,
    pub slot: u32,
    pub info: u64,
    pub control: u64,
    pub stats: u64,
    pub kernel: u64,
    pub page_list: u64,
    pub block_list: u64,
    pub blocks: u32,
    base: u64,
}

impl Buffer {
    /// A buffer of `blocks` in context `vm_slot`.
    pub fn new(d: &mut Driver, vm_slot: u8, slot: u32, blocks: u32) -> Self {
        let lists = Protection::GPU_FW_PRIV_RW;
        let shared = Protection::FW_SHARED_RW;
        let page_list = d.mem.alloc_in(vm_slot, lists, 16 * MAX_BLOCKS as usize);
        let block_list = d.mem.alloc_in(vm_slot, lists, 8 * MAX_BLOCKS as usize);
        let info = d.mem.alloc(d.habits.private, BufferInfo::size_in(abi()));
        let control = d.mem.alloc(shared, BlockControl::SIZE);
        let counter = d.mem.alloc(shared, Counter::SIZE);
        let stats = d.mem.alloc(shared, BufferStats::SIZE);
        let kernel = d.mem.alloc(shared, buffer::KERNEL_BUFFER_SIZE);
        d.mem.set(info, BufferInfo::CUR_ID, -1);
        d.mem.set(info, BufferInfo::PAGE_LIST, page_list);
        let pages = MAX_BLOCKS * BLOCK_PAGES;
        d.mem.set(info, BufferInfo::PAGE_LIST_SIZE, 4 * pages);
        d.mem.set(info, BufferInfo::MAX_BLOCKS, MAX_BLOCKS);
        d.mem.set(info, BufferInfo::BLOCK_LIST, block_list);
        d.mem.set(info, BufferInfo::BLOCK_CTL, control);
        let size = BufferInfo::BLOCK_SIZE_VALUE;
        d.mem.set(info, BufferInfo::BLOCK_SIZE, size);
        d.mem.set(info, BufferInfo::COUNTER, counter);
        d.mem.set(info, BufferInfo::UNK_80, 1);
        d.mem.set(info, BufferInfo::MAX_PAGES, pages);
        d.mem.set(info, BufferInfo::MAX_PAGES_NOMEMLESS, pages / 3);
        let mut this = Self {
            vm_slot,
            slot,
            info,
            control,
            stats,
            kernel,
            page_list,
            block_list,
            blocks: 0,
            base: 0x60_0000_0000 + (u64::from(slot) << 24),
        };
        this.list(d, blocks);
        this.count(d);
        this
    }

    /// Adds blocks to the lists.
    pub fn list(&mut self, d: &mut Driver, blocks: u32) {
        let size = u64::from(BufferInfo::BLOCK_SIZE_VALUE);
        for i in u64::from(self.blocks)..u64::from(self.blocks + blocks) {
            let va = self.base + i * size;
            d.mem
                .map_fresh(self.vm_slot, va, size, Protection::GPU_SHARED_RW);
            let block = BufferInfo::page_number(va);
            let entry = u64::from(block).to_le_bytes();
            d.mem
                .write_in(self.vm_slot, self.block_list + 8 * i, &entry);
            for page in 0..u64::from(BLOCK_PAGES) {
                let word = (block + page as u32).to_le_bytes();
                let at = self.page_list + 16 * i + 4 * page;
                d.mem.write_in(self.vm_slot, at, &word);
            }
        }
        self.blocks += blocks;
        d.mem.set(self.control, BlockControl::TOTAL, self.blocks);
        d.mem.set(self.control, BlockControl::WPTR, self.blocks);
    }

    /// Writes the number of blocks to the information, which may be done while there are no scenes.
    pub fn count(&self, d: &Driver) {
        let pages = self.blocks * BLOCK_PAGES;
        d.mem.set(self.info, BufferInfo::PAGE_COUNT, pages);
        d.mem.set(self.info, BufferInfo::BLOCK_COUNT, self.blocks);
        d.mem.set(self.info, BufferInfo::LAST_PAGE, pages - 1);
    }

    /// The command that sets it up, before the vertex command with stamp `value`.
    pub fn set_up(&self, d: &mut Driver, value: u32) -> u64 {
        let at = d.mem.alloc(d.habits.private, InitBuffer::SIZE);
        let mut c = InitBuffer::zeroed();
        c.set(InitBuffer::TAG, InitBuffer::TAG_VALUE)
            .set(InitBuffer::VM_SLOT, self.vm_slot.into())
            .set(InitBuffer::BUFFER_SLOT, self.slot)
            .set(InitBuffer::BLOCK_COUNT, self.blocks)
            .set(InitBuffer::BUFFER, self.info)
            .set(InitBuffer::STAMP_VALUE, value);
        d.mem.write(at, c.as_bytes());
        at
    }
}
