// SPDX-License-Identifier: MIT

//! Buffer managers: the memory that vertex work puts its results in.

use crate::Opt;

layout! {
    /// A buffer, as the firmware knows it. Its lists are in the client's address space.
    pub struct BufferInfo("BufferManagerInfo"): 0xc0 | 0xbc | 0xc0 {
        /// -1; the firmware's.
        CUR_ID("cur_id"): i32 = 0x0c,
        /// Address of the page list: a word for each page, its address in units of 32 KiB.
        PAGE_LIST("page_list_addr"): u64 = 0x20 | 0x1c | 0x20,
        /// Size of the page list in bytes.
        PAGE_LIST_SIZE("page_list_size"): u32 = 0x28 | 0x24 | 0x28,
        /// Pages in it.
        PAGE_COUNT("page_count"): u32 = 0x2c | 0x28 | 0x2c,
        /// Blocks that there can be.
        MAX_BLOCKS("unk_30"): u32 = 0x30 | 0x2c | 0x30,
        /// Blocks that there are.
        BLOCK_COUNT("block_count"): u32 = 0x34 | 0x30 | 0x34,
        /// Address of the block list: two words for each block, its address in units of 32 KiB, and
        /// 0.
        BLOCK_LIST("block_list_addr"): u64 = 0x3c | 0x38 | 0x3c,
        /// Address of the [`BlockControl`].
        BLOCK_CTL("block_ctl_addr"): u64 = 0x44 | 0x40 | 0x44,
        /// One less than [`BufferInfo::PAGE_COUNT`].
        LAST_PAGE("last_page"): u32 = 0x4c | 0x48 | 0x4c,
        /// The size of a block in bytes: [`BufferInfo::BLOCK_SIZE_VALUE`].
        BLOCK_SIZE("block_size"): u32 = 0x5c | 0x58 | 0x5c,
        /// Address of the [`Counter`].
        COUNTER("counter_addr"): u64 = 0x68 | 0x64 | 0x68,
        /// Unknown; 1.
        UNK_80("unk_80"): u32 = 0x80 | 0x7c | 0x80,
        /// Pages that there can be.
        MAX_PAGES("unk_84"): u32 = 0x84 | 0x80 | 0x84,
        /// Pages that there can be without memoryless targets.
        MAX_PAGES_NOMEMLESS("unk_88"): u32 = 0x88 | 0x84 | 0x88,
    }

    /// The number of blocks a buffer has. Shared: the host adds blocks while the firmware uses the
    /// buffer.
    pub struct BlockControl("BufferManagerBlockControl"): 0x40 {
        /// Blocks in the block list.
        TOTAL("total"): u32 = 0x00,
        /// A copy of the total.
        WPTR("wptr"): u32 = 0x04,
        /// Unknown; 0.
        UNK_8("unk"): u32 = 0x08,
    }

    /// The number of scenes a buffer was used for.
    pub struct Counter("BufferManagerCounter"): 0x40 {
        /// Raised by 1 for each render.
        COUNT("count"): u32 = 0x00,
    }

    /// The statistics that the firmware writes about a buffer.
    pub struct BufferStats("BufferManagerMisc"): 0x40 {
        /// Most pages that a scene has used; the firmware's.
        MAX_PAGES("gpu_0"): u32 = 0x00,
        /// Unknown; the firmware's.
        MAX_B("gpu_4"): u32 = 0x04,
        /// Partial renders; the firmware's.
        OVERFLOW_COUNT("gpu_8"): u32 = 0x08,
        /// Unknown; the firmware's.
        UNK_C("gpu_c"): u32 = 0x0c,
        /// 1 has the firmware begin with a new maximum, and write 0 here.
        RESET("cpu_flag"): u32 = 0x20,
    }

    /// One render's use of a buffer. Shared: the firmware does no cache maintenance on it.
    pub struct Scene("BufferThing"): 0x40 | 0x48 {
        /// Address of a word that the GPU writes, also where the context is a client's.
        CONTROL_WORD("unk0_addr"): Opt<u64> = - | - | 0x00,
        /// A second pointer to the control word.
        CONTROL_WORD_2("unk0_addr2"): Opt<u64> = - | - | 0x08,
        /// Pages of the running pass; the firmware's.
        PASS_PAGE_COUNT("unk_0+0"): u32 = 0x00 | 0x00 | 0x10,
        /// Unknown; 0.
        UNK_4("unk_0+4"): u32 = 0x04 | 0x04 | 0x14,
        /// Unknown; 0.
        UNK_8("unk_8"): u64 = 0x08 | 0x08 | 0x18,
        /// Unknown; 0.
        UNK_10("unk_10"): u64 = 0x10 | 0x10 | 0x20,
        /// Address of [`USER_BUFFER_SIZE`] bytes in the client's address space.
        USER_BUFFER("unkptr_18"): u64 = 0x18 | 0x18 | 0x28,
        /// Unknown; 0.
        UNK_20("unk_20"): u32 = 0x20 | 0x20 | 0x30,
        /// Unknown; 0.
        UNK_28("unk_28"): Opt<u64> = - | 0x24 | 0x34,
        /// Address of the [`BufferStats`].
        STATS("bm_misc_addr"): u64 = 0x24 | 0x2c | 0x3c,
        /// Pages of all passes; the firmware's.
        TOTAL_PAGE_COUNT("unk_2c"): u32 = 0x2c | 0x34 | 0x44,
        /// Unknown; 0.
        UNK_30("unk_30"): Opt<u64> = 0x30 | 0x38 | -,
        /// Unknown; 0.
        UNK_38("unk_38"): Opt<u64> = 0x38 | 0x40 | -,
    }
}

impl BufferInfo {
    /// The value of [`BufferInfo::BLOCK_SIZE`].
    pub const BLOCK_SIZE_VALUE: u32 = 0x2_0000;
}

/// Bytes of a page of a buffer, the unit of addresses in its lists.
pub const PAGE_SIZE: u64 = 0x8000;
/// Pages of a block.
pub const BLOCK_PAGES: u32 = 4;
/// Slots for buffers.
pub const SLOTS: u32 = 127;
/// Bytes that a buffer may have at most, as in macOS.
pub const MAX_SIZE: u64 = 862_322_688;
/// Bytes at [`Scene::CONTROL_WORD`].
pub const CONTROL_WORD_SIZE: usize = 4;
/// Bytes at the address of a command's `KERNEL_BUFFER`.
pub const KERNEL_BUFFER_SIZE: usize = 0x40;
/// Bytes at [`Scene::USER_BUFFER`] on a GPU with one cluster.
pub const USER_BUFFER_SIZE: u64 = 0x80;
/// Bytes at [`Scene::USER_BUFFER`] on a GPU with more than one cluster.
pub const USER_BUFFER_SIZE_CLUSTERED: u64 = 0x1_0080;
/// Bytes at [`crate::fragment::JobParameters1::AUX_FB`].
pub const AUX_FB_SIZE: u64 = 0x8000;

impl BufferInfo {
    /// Returns the address of a page or block as its list has it.
    pub const fn page_number(address: u64) -> u32 {
        (address / PAGE_SIZE) as u32
    }
}
