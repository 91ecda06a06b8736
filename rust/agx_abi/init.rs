// SPDX-License-Identifier: MIT

//! The structures that the firmware gets when it starts: [`InitData`] and what that points to.

use crate::channel::{ChannelInfo, PipeKind};
use crate::{
    Abi,
    Numbers,
    Opt, //
};

/// Size of the zeroed buffer at [`InitData::REGION_A`].
pub const REGION_A_SIZE: usize = 0x4000;
/// Size of the vertex statistics. The driver in the field gives more than the table has.
pub const STATS_VERTEX_SIZE: usize = 0x3004;
/// Bytes of the fragment statistics in the table.
pub const STATS_FRAGMENT_SMALL: Numbers = numbers!(0x748 | 0x748 | 0x1058);
/// Bytes of them that the driver in the field gives.
pub const STATS_FRAGMENT_LARGE: Numbers = numbers!(0x1124 | 0x1124 | 0x1a34);
/// Size of the fragment statistics. The driver in the field gives more bytes than the table has,
/// and says that the structure changes all the time: a firmware that writes more must not reach
/// what lies behind.
pub const STATS_FRAGMENT_SIZE: usize = 0x3000;
/// Size of the compute statistics. The driver in the field gives more than the table has.
pub const STATS_COMPUTE_SIZE: usize = 0x3000;
/// Offsets in the fragment statistics of two words that start with -1; all else is zero.
pub const STATS_FRAGMENT_MINUS_ONE: [Numbers; 2] = [
    numbers!(0x108 | 0x108 | 0xa18),
    numbers!(0x120 | 0x120 | 0xa30),
];
/// Size of the buffer at [`RuntimePointers::FAULT_INFO`].
pub const FAULT_INFO_SIZE: usize = 0x80;
/// Size of the zeroed buffer at [`RuntimePointers::UNK_198`].
pub const UNK_198_SIZE: usize = 0xc0;
/// Size of the zeroed buffer at [`RuntimePointers::UNK_1B8`].
pub const UNK_1B8_SIZE: usize = 0x1000;
/// Size of the zeroed buffer at [`RuntimePointers::UNK_1C0`].
pub const UNK_1C0_SIZE: usize = 0x300;
/// Size of the zeroed buffer at [`RuntimePointers::UNK_1C8`].
pub const UNK_1C8_SIZE: usize = 0x1000;

layout! {
    /// The start of the vertex statistics, see [`RuntimePointers::STATS_VERTEX`]. The firmware's.
    pub struct VertexStatistics("InitData_GPUGlobalStatsTA"): 0x138 | 0x690 | 0xef0 {
        /// Commands started.
        TOTAL_COMMANDS("total_cmds"): u32 = 0x00,
    }

    /// The start of the fragment statistics, see [`RuntimePointers::STATS_FRAGMENT`]. The
    /// firmware's.
    pub struct FragmentStatistics("InitData_GPUGlobalStats3D"): 0x1c8 | 0x748 | 0x1058 {
        /// Commands started.
        TOTAL_COMMANDS("total_cmds"): u32 = 0x00,
        /// Partial renders.
        TVB_OVERFLOWS_1("stats.tvb_overflows_1"): u32 = 0xf8 | 0xf8 | 0xa08,
    }

    /// The root: the message `INIT` carries its address.
    pub struct InitData("InitData"): 0xb4 | 0xbc {
        /// See [`InitData::ver_info`]; the firmware checks it.
        VER_INFO("ver_info"): Opt<[u16; 4]> = - | 0x00,
        /// Address of [`REGION_A_SIZE`] zero bytes.
        REGION_A("regionA_addr"): u64 = 0x00 | 0x08,
        /// Unknown; 0.
        UNK_8("unk_8"): u32 = 0x08 | 0x10,
        /// Unknown; 0.
        UNK_C("unk_c"): u32 = 0x0c | 0x14,
        /// Address of the [`RuntimePointers`].
        RUNTIME_POINTERS("regionB_addr"): u64 = 0x10 | 0x18,
        /// Address of the [`crate::globals::Globals`].
        GLOBALS("regionC_addr"): u64 = 0x18 | 0x20,
        /// Address of the [`FwStatus`].
        FW_STATUS("fw_status_addr"): u64 = 0x20 | 0x28,
        /// Bytes of a page.
        UAT_PAGE_SIZE("uat_page_size"): u16 = 0x28 | 0x30,
        /// The logarithm of the page size.
        UAT_PAGE_BITS("uat_page_bits"): u8 = 0x2a | 0x32,
        /// Levels of the page tables.
        UAT_LEVELS("uat_num_levels"): u8 = 0x2b | 0x33,
        /// The levels, from the root.
        UAT_LEVEL_INFO("uat_level_info"): [UatLevelInfo; 3] = 0x2c | 0x34,
        /// 1: the firmware panics without it.
        HOST_MAPPED_FW_ALLOCATIONS("host_mapped_fw_allocations"): u32 = 0xa0 | 0xa8,
    }

    /// A level of the page tables.
    pub struct UatLevelInfo("UatLevelInfo"): 0x20 {
        /// Unknown; 8.
        UNK_0("unk_3"): u8 = 0x00,
        /// Unknown; 14.
        UNK_1("unk_1"): u8 = 0x01,
        /// Unknown; 14.
        UNK_2("unk_2"): u8 = 0x02,
        /// First bit of the index in an address.
        INDEX_SHIFT("index_shift"): u8 = 0x03,
        /// Entries of a table.
        ENTRIES("num_entries"): u16 = 0x04,
        /// Unknown; 0x4000.
        UNK_6("unk_4"): u16 = 0x06,
        /// Unknown; 1.
        UNK_8("unk_8"): u64 = 0x08,
        /// Bits of an entry that are an address.
        PHYS_MASK("phys_mask"): u64 = 0x10,
        /// Bits of an address that are the index.
        INDEX_MASK("index_mask"): u64 = 0x18,
    }

    /// The addresses of everything that firmware and host share.
    pub struct RuntimePointers("InitData_RegionB"): 0x6bc0 | 0x6bc0 | 0xb3b0 {
        /// The channels of the pipes: see [`RuntimePointers::pipe`].
        PIPES(""): [ChannelInfo; 12] = 0x000,
        /// The device control channel.
        DEVICE_CONTROL(""): ChannelInfo = 0x0c0,
        /// The event channel.
        EVENT(""): ChannelInfo = 0x0d0,
        /// The firmware log: states and rings of all levels one behind the other.
        FW_LOG(""): ChannelInfo = 0x0e0,
        /// The ktrace channel.
        KTRACE(""): ChannelInfo = 0x0f0,
        /// The statistics channel.
        STATS(""): ChannelInfo = 0x100,
        /// Address of [`STATS_VERTEX_SIZE`] bytes.
        STATS_VERTEX("stats_ta_addr"): u64 = 0x170,
        /// Address of [`STATS_FRAGMENT_SIZE`] bytes.
        STATS_FRAGMENT("stats_3d_addr"): u64 = 0x178,
        /// Address of [`STATS_COMPUTE_SIZE`] bytes.
        STATS_COMPUTE("stats_cp_addr"): u64 = 0x180,
        /// Address of the [`crate::hwdata::HwDataA`].
        HWDATA_A("hwdata_a_addr"): u64 = 0x188,
        /// Address of [`FAULT_INFO_SIZE`] zero bytes, see [`FaultInfo`].
        FAULT_INFO("fault_info_addr"): u64 = 0x190,
        /// Address of [`UNK_198_SIZE`] zero bytes, where the firmware writes timestamps.
        UNK_198("unkptr_198"): u64 = 0x198,
        /// Address of the [`crate::hwdata::HwDataB`].
        HWDATA_B("hwdata_b_addr"): u64 = 0x1a0,
        /// Address of the [`crate::hwdata::HwDataB`], again.
        HWDATA_B_2("hwdata_b_addr2"): u64 = 0x1a8,
        /// Address of the [`crate::channel::FwLogPayload`]s.
        FW_LOG_PAYLOADS("fwlog_ring2"): u64 = 0x1b0,
        /// Address of [`UNK_1B8_SIZE`] zero bytes.
        UNK_1B8("unkptr_1b8"): u64 = 0x1b8,
        /// Address of [`UNK_1C0_SIZE`] zero bytes.
        UNK_1C0("unkptr_1c0"): Opt<u64> = 0x1c0 | 0x1c0 | -,
        /// Address of [`UNK_1C8_SIZE`] zero bytes.
        UNK_1C8("unkptr_1c8"): Opt<u64> = 0x1c8 | 0x1c8 | -,
        /// Address of the control page of the buffer managers, for the GPU.
        BUFFER_MGR_CTL_GPU("buffer_mgr_ctl_gpu_addr"): u64 = 0x214 | 0x214 | 0x204,
        /// Address of the control page of the buffer managers, for the firmware.
        BUFFER_MGR_CTL_FW("buffer_mgr_ctl_addr"): u64 = 0x21c | 0x21c | 0x20c,
        /// 1 if the GPU is idle; written by the firmware.
        GPU_IDLE("gpu_idle"): u32 = 0x6a84 | 0x6a84 | 0x6a74,
        /// Unknown; [`RuntimePointers::UNK_6B38_VALUE`].
        UNK_6B38("unk_6b38"): u32 = 0x6b38 | 0x6b38 | 0xb328,
    }

    /// The words by which firmware and host agree about halts, one line of 16 bytes for each word.
    pub struct FwStatus("InitData_FWStatus"): 0x80 {
        /// The firmware control channel.
        FW_CTL("fwctl_channel"): ChannelInfo = 0x00,
        /// Number of halts; the firmware's.
        HALT_COUNT("halt_count"): u64 = 0x10,
        /// 1 when the firmware has halted. The host clears it before it resumes.
        HALTED("halted"): u32 = 0x20,
        /// The host writes 1 to go on after a halt.
        RESUME("resume"): u32 = 0x30,
        /// Unknown.
        UNK_40("unk_40"): u32 = 0x40,
        /// A counter.
        UNK_50("unk_ctr"): u32 = 0x50,
        /// Unknown.
        UNK_60("unk_60"): u32 = 0x60,
        /// Unknown.
        UNK_70("unk_70"): u32 = 0x70,
    }

    /// Halts, as the firmware sees them.
    pub struct FaultInfo("AGXFaultInfo"): 0x80 {
        /// Unknown.
        STATUS("status"): u32 = 0x00,
        /// Set to make the firmware go on without a halt. Not tried by the driver in the field.
        DO_NOT_HALT("do_not_halt"): u32 = 0x04,
        /// Number of times that it did so.
        DID_NOT_HALT("did_not_halt"): u32 = 0x08,
        /// Number of halts.
        TOTAL_HALTS("total_halts"): u32 = 0x18,
    }
}

impl InitData {
    const VER_INFO_0: Numbers = numbers!(0x6ba0 | 0x6ba0 | 0xb390);
    const VER_INFO_1: Numbers = numbers!(0x1f28 | 0x1f28 | 0x70f8);

    /// Returns what [`InitData::VER_INFO`] holds in version `abi`.
    pub const fn ver_info(abi: Abi) -> [u16; 4] {
        [
            Self::VER_INFO_0.of(abi) as u16,
            Self::VER_INFO_1.of(abi) as u16,
            0x0601,
            0x00b0,
        ]
    }
}

impl UatLevelInfo {
    /// Returns the three levels on a chip with physical addresses of `oas` bits.
    pub fn levels(oas: u32) -> [Self; 3] {
        const LEVELS: [(u8, u16); 3] = [(36, 8), (25, 2048), (14, 2048)];

        LEVELS.map(|(shift, entries)| {
            let mut level = Self::zeroed();
            level
                .set(Self::UNK_0, 8)
                .set(Self::UNK_1, 14)
                .set(Self::UNK_2, 14)
                .set(Self::INDEX_SHIFT, shift)
                .set(Self::ENTRIES, entries)
                .set(Self::UNK_6, 0x4000)
                .set(Self::UNK_8, 1)
                .set(Self::PHYS_MASK, ((1 << oas) - 1) & !0x3fff)
                .set(Self::INDEX_MASK, (u64::from(entries) - 1) << shift);
            level
        })
    }
}

impl RuntimePointers {
    /// The value of [`RuntimePointers::UNK_6B38`].
    pub const UNK_6B38_VALUE: u32 = 0xff;

    /// Returns the index in [`RuntimePointers::PIPES`] for work of `kind` at `priority`, 0 being
    /// the highest.
    pub const fn pipe(kind: PipeKind, priority: usize) -> usize {
        priority * PipeKind::ALL.len() + kind as usize
    }
}
