// SPDX-License-Identifier: MIT

//! Buffer managers: the memory that vertex work puts its results in.

layout! {
    /// A buffer, as the firmware knows it. Its lists are in the client's address space.
    pub struct BufferInfo("BufferManagerInfo"): 0xbc {
        /// -1; the firmware's.
        CUR_ID("cur_id"): i32 = 0x0c,
        /// Address of the page list: a word for each page, its address in units of 32 KiB.
        PAGE_LIST("page_list_addr"): u64 = 0x1c,
        /// Size of the page list in bytes.
        PAGE_LIST_SIZE("page_list_size"): u32 = 0x24,
        /// Pages in it.
        PAGE_COUNT("page_count"): u32 = 0x28,
        /// Blocks that there can be.
        MAX_BLOCKS("unk_30"): u32 = 0x2c,
        /// Blocks that there are.
        BLOCK_COUNT("block_count"): u32 = 0x30,
        /// Address of the block list: two words for each block, its address in units of 32 KiB, and
        /// 0.
        BLOCK_LIST("block_list_addr"): u64 = 0x38,
        /// Address of the block control.
        BLOCK_CTL("block_ctl_addr"): u64 = 0x40,
        /// One less than [`BufferInfo::PAGE_COUNT`].
        LAST_PAGE("last_page"): u32 = 0x48,
        /// [`BufferInfo::BLOCK_SIZE_VALUE`].
        BLOCK_SIZE("block_size"): u32 = 0x58,
        /// Address of the counter.
        COUNTER("counter_addr"): u64 = 0x64,
    }
}

impl BufferInfo {
    /// What [`BufferInfo::BLOCK_SIZE`] holds.
    pub const BLOCK_SIZE_VALUE: u32 = 0x2_0000;
}

/// Bytes of a page of a buffer, the unit of addresses in its lists.
pub const PAGE_SIZE: u64 = 0x8000;
/// Pages of a block.
pub const BLOCK_PAGES: u32 = 4;
/// Slots for buffers.
pub const SLOTS: u32 = 127;
