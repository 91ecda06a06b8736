// SPDX-License-Identifier: MIT

//! The vertex half of a render: shades vertices and sorts primitives into tiles.

use crate::compute::{EncoderParams, JobMeta, TimestampPointers};
use crate::registers::{RegisterArray, RegisterInfo};
use crate::{
    Numbers,
    Opt, //
};

layout! {
    /// Command: run a vertex control stream. The GPU may read it, so it stands in memory that the
    /// GPU can reach.
    pub struct RunVertex("WorkCommandTA"): 0x5e0 | 0x61c | 0x908 {
        /// The tag of the command: [`RunVertex::TAG_VALUE`].
        TAG("magic"): u32 = 0x000,
        /// Running number of the command in its user queue: one more than that of the fragment
        /// half.
        COUNTER("counter"): Opt<u64> = - | 0x004,
        /// Slot of the address space.
        VM_SLOT("context_id"): u32 = 0x004 | 0x00c,
        /// Unknown; 0.
        UNK_8("unk_8"): u32 = 0x008 | 0x010,
        /// Address of the [`crate::event::Notifier`].
        NOTIFIER("event_control_addr"): u64 = 0x00c | 0x014,
        /// Slot of the buffer manager.
        BUFFER_SLOT("buffer_mgr_slot+0"): u32 = 0x014 | 0x01c,
        /// Unknown; 0.
        UNK_1C("buffer_mgr_slot+4"): u32 = 0x018 | 0x020,
        /// Address of the [`crate::buffer::BufferInfo`].
        BUFFER("buffer_mgr_addr"): u64 = 0x01c | 0x024,
        /// Address of the [`crate::buffer::Scene`].
        SCENE("buf_thing_addr"): u64 = 0x024 | 0x02c,
        /// Address of [`crate::buffer::KERNEL_BUFFER_SIZE`] zero bytes.
        KERNEL_BUFFER("unk_emptybuf_addr"): u64 = 0x02c | 0x034,
        /// Unknown; 0.
        UNK_34("unk_34"): u32 = 0x034 | 0x03c,
        /// See [`JobParameters1`].
        JOB_PARAMS1("struct_2"): Opt<JobParameters1> = 0x038 | 0x040 | -,
        /// See [`TilingParameters`].
        TILING_PARAMS("tiling_params"): Opt<TilingParameters> = 0x3bc | 0x3c4 | -,
        /// Both structures in the form of registers, see [`crate::registers::vertex`].
        REGISTERS("registers"): Opt<RegisterArray> = - | - | 0x040,
        /// See [`RegisterInfo`].
        REGISTER_INFO("registers_addr"): Opt<RegisterInfo> = - | - | 0x740,
        /// Address of the tile pointer cache.
        TPC("unkptr_45c"): u64 = 0x45c | 0x464 | 0x750,
        /// The size of that memory in bytes, see [`crate::tiling::Tiling::tpc_size`].
        TPC_SIZE("tvb_size"): u64 = 0x464 | 0x46c | 0x758,
        /// Address of the microsequence.
        MICROSEQUENCE("microsequence_ptr"): u64 = 0x46c | 0x474 | 0x760,
        /// The size of the microsequence in bytes.
        MICROSEQUENCE_SIZE("microsequence_size"): u32 = 0x474 | 0x47c | 0x768,
        /// Event slot of the fragment half.
        FRAGMENT_STAMP_SLOT("ev_3d"): u32 = 0x478 | 0x480 | 0x76c,
        /// Stamp value of the fragment half.
        FRAGMENT_STAMP_VALUE("stamp_value"): u32 = 0x47c | 0x484 | 0x770,
        /// Unknown; 0. The start operation points here.
        UNK_POINTEE("struct_3.unk_480+0"): u32 = 0x480 | 0x488 | 0x774,
        /// Unknown; 0.
        UNK_PAD("struct_3.unk_480+4"): u32 = 0x484 | 0x48c | 0x778,
        /// See [`JobParameters2`].
        JOB_PARAMS2(""): JobParameters2 = 0x488 | 0x490 | 0x77c,
        /// See [`EncoderParams`].
        ENCODER_PARAMS(""): EncoderParams = 0x528 | 0x530 | 0x81c,
        /// Unknown; 0.
        UNK_55C("struct_3.unk_550+0"): u32 = 0x550 | 0x558 | 0x844,
        /// Unknown; 0.
        UNK_560("struct_3.unk_550+4"): u32 = 0x554 | 0x55c | 0x848,
        /// The word named `sync_grow`; 0.
        SYNC_GROW("struct_3.unk_550+8"): u32 = 0x558 | 0x560 | 0x84c,
        /// Unknown; 0.
        UNK_568("struct_3.unk_550+12"): u32 = 0x55c | 0x564 | 0x850,
        /// 1 if vertex shaders use scratch memory.
        USES_SCRATCH("struct_3.unk_550+16"): u32 = 0x560 | 0x568 | 0x854,
        /// See [`JobMeta`].
        META(""): JobMeta = 0x564 | 0x56c | 0x858,
        /// Unknown; 0.
        UNK_AFTER_META("struct_3.unk_590"): u32 = 0x590 | 0x598 | 0x884,
        /// Unknown; 0. The start operation points here.
        UNK_BUF_0("unk_594+0"): u64 = 0x594 | 0x59c | 0x888,
        /// Unknown; 0.
        UNK_BUF_8("unk_594+8"): u64 = 0x59c | 0x5a4 | 0x890,
        /// Unknown; 0.
        UNK_BUF_10("unk_594+16"): u64 = 0x5a4 | 0x5ac | 0x898,
        /// The firmware's. The timestamp operations point here.
        COMMAND_TIME("ts1"): u64 = 0x5ac | 0x5b4 | 0x8a0,
        /// The addresses at which the firmware writes its own timestamps.
        TIMESTAMPS("ts_pointers"): TimestampPointers = 0x5b4 | 0x5bc | 0x8a8,
        /// The addresses at which the firmware writes the client's timestamps.
        USER_TIMESTAMPS("user_ts_pointers"): TimestampPointers = 0x5c4 | 0x5cc | 0x8b8,
        /// Low byte of the number of the user queue.
        CLIENT_SEQUENCE("client_sequence"): u8 = 0x5d4 | 0x5dc | 0x8c8,
        /// Unknown; 0. The timestamp operations point here.
        UNK_TS("unk_ts"): Opt<u64> = - | 0x5e5 | 0x8d1,
    }

    /// Parameters of a vertex command, for the hardware.
    pub struct JobParameters1("StartTACmdStruct2"): 0x11c | 0x11c | - {
        /// Unknown; [`JobParameters1::UNK_0_VALUE`].
        UNK_0("unk_0"): u64 = 0x00 | 0x00 | -,
        /// Unknown; [`JobParameters1::UNK_8_VALUE`].
        UNK_8("unk_8"): u32 = 0x08 | 0x08 | -,
        /// Unknown; [`JobParameters1::UNK_8_VALUE`].
        UNK_C("unk_c"): u32 = 0x0c | 0x0c | -,
        /// Address of the tile map.
        TVB_TILEMAP("tvb_tilemap"): u64 = 0x10 | 0x10 | -,
        /// Address of the tile maps of the clusters; 0 with one cluster.
        TVB_CLUSTER_TILEMAPS("tvb_cluster_tilemaps"): Opt<u64> = 0x18/- | 0x18/- | -,
        /// Address of the tile pointer cache.
        TPC("tpc"): u64 = 0x20/0x18 | 0x20/0x18 | -,
        /// Address of the heap's metadata, with [`JobParameters1::TVB_HEAPMETA_TAG`].
        TVB_HEAPMETA("tvb_heapmeta_addr"): u64 = 0x28/0x20 | 0x28/0x20 | -,
        /// Unknown; [`JobParameters1::IOGPU_UNK_54_VALUE`].
        IOGPU_UNK_54("iogpu_unk_54"): u64 = 0x30/0x28 | 0x30/0x28 | -,
        /// Unknown; 1.
        IOGPU_UNK_56("iogpu_unk_56"): u64 = 0x38/0x30 | 0x38/0x30 | -,
        /// Address of the clusters' first metadata, the stride of its layers from
        /// [`JobParameters1::META1_STRIDE_SHIFT`] up; 0 with one cluster.
        TVB_CLUSTER_META1("tvb_cluster_meta1"): Opt<u64> = 0x40/- | 0x40/- | -,
        /// See [`crate::tiling::Tiling::utile_config`].
        UTILE_CONFIG("unk_48+0"): u32 = 0x48/0x38 | 0x48/0x38 | -,
        /// Unknown; 0.
        UNK_4C("unk_48+4"): u32 = 0x4c/0x3c | 0x4c/0x3c | -,
        /// Positions of the samples.
        PPP_MULTISAMPLECTL("unk_50"): u64 = 0x50/0x40 | 0x50/0x40 | -,
        /// Address of the layers' metadata: [`crate::tiling::HEAPMETA_SIZE`] behind the heap's.
        TVB_LAYERMETA("tvb_heapmeta_addr2"): u64 = 0x58/0x48 | 0x58/0x48 | -,
        /// Address of the clusters' layer metadata; 0 with one cluster.
        TVB_CLUSTER_LAYERMETA("unk_60"): Opt<u64> = 0x60/- | 0x60/- | -,
        /// The first two words of the mask of cores.
        CORE_MASK("core_mask"): Opt<[u32; 2]> = 0x68/- | 0x68/- | -,
        /// First part of the preemption buffer.
        PREEMPT1("iogpu_deflake_1"): u64 = 0x70/0x50 | 0x70/0x50 | -,
        /// Second part of the preemption buffer.
        PREEMPT2("iogpu_deflake_2"): u64 = 0x78/0x58 | 0x78/0x58 | -,
        /// Unknown; 1.
        UNK_80("unk_80"): u64 = 0x80/0x60 | 0x80/0x60 | -,
        /// Third part of the preemption buffer, with [`JobParameters1::PREEMPT3_TAG`].
        PREEMPT3("iogpu_deflake_3"): u64 = 0x88/0x68 | 0x88/0x68 | -,
        /// Start of the control stream.
        VDM_CTRL_STREAM_BASE("encoder_addr"): u64 = 0x90/0x70 | 0x90/0x70 | -,
        /// Address of the clusters' second metadata; 0 with one cluster.
        TVB_CLUSTER_META2("tvb_cluster_meta2"): Opt<u64> = 0x98/- | 0x98/- | -,
        /// Address of the clusters' third metadata; 0 with one cluster.
        TVB_CLUSTER_META3("tvb_cluster_meta3"): Opt<u64> = 0xa0/- | 0xa0/- | -,
        /// A constant of the chip, see [`JobParameters1::TILING_CONTROL_NO_CLUSTERING`].
        TILING_CONTROL("tiling_control+0"): Opt<u32> = 0xa8/- | 0xa8/- | -,
        /// Unknown; 0.
        UNK_AC("tiling_control+4"): Opt<u32> = 0xac/- | 0xac/- | -,
        /// Unknown; 0.
        UNK_B0("unk_b0"): [u64; 6] = 0xb0/0x78 | 0xb0/0x78 | -,
        /// Base address of the shaders.
        USC_EXEC_BASE("pipeline_base"): u64 = 0xe0/0xa8 | 0xe0/0xa8 | -,
        /// Address of the clusters' fourth metadata, with [`JobParameters1::META4_TAG`]; 0 with one
        /// cluster.
        TVB_CLUSTER_META4("tvb_cluster_meta4"): Opt<u64> = 0xe8/- | 0xe8/- | -,
        /// See [`JobParameters1::unk_f0`].
        UNK_F0("unk_f0"): Opt<u64> = 0xf0/- | 0xf0/- | -,
        /// Unknown; [`JobParameters1::UNK_F8_VALUE`].
        UNK_F8("unk_f8"): u64 = 0xf8/0xb0 | 0xf8/0xb0 | -,
        /// Helper program.
        HELPER_BINARY("helper_program"): u32 = 0x100/0x0b8 | 0x100/0x0b8 | -,
        /// Unknown; 0.
        UNK_104("unk_104"): u32 = 0x104/0x0bc | 0x104/0x0bc | -,
        /// The argument of the helper program.
        HELPER_DATA("helper_arg"): u64 = 0x108/0x0c0 | 0x108/0x0c0 | -,
        /// Unknown; 0.
        UNK_110("unk_110"): u64 = 0x110/0x0c8 | 0x110/0x0c8 | -,
        /// Unknown; [`JobParameters1::UNK_118_VALUE`].
        UNK_118("unk_118"): u32 = 0x118/0x0d0 | 0x118/0x0d0 | -,
    }

    /// The division of a frame into tiles: see [`crate::tiling`].
    pub struct TilingParameters("TilingParameters"): 0x30 | 0x30 | - {
        /// Size of a macrotile's part of the tile map in words.
        RGN_SIZE("size1"): u32 = 0x00 | 0x00 | -,
        /// Unknown; [`TilingParameters::UNK_4_VALUE`].
        UNK_4("unk_4"): u32 = 0x04 | 0x04 | -,
        /// The client's control word of the primitive processor.
        PPP_CTRL("unk_8"): u32 = 0x08 | 0x08 | -,
        /// Width in pixels, less 1.
        X_MAX("x_max"): u16 = 0x0c | 0x0c | -,
        /// Height in pixels, less 1.
        Y_MAX("y_max"): u16 = 0x0e | 0x0e | -,
        /// See [`crate::tiling::Tiling::te_screen`].
        TE_SCREEN("tile_count"): u32 = 0x10 | 0x10 | -,
        /// See [`crate::tiling::Tiling::te_mtile1`].
        TE_MTILE1("x_blocks"): u32 = 0x14 | 0x14 | -,
        /// See [`crate::tiling::Tiling::te_mtile2`].
        TE_MTILE2("y_blocks"): u32 = 0x18 | 0x18 | -,
        /// Tiles of a macrotile.
        TILES_PER_MTILE("size2"): u32 = 0x1c | 0x1c | -,
        /// Size of a macrotile's part of the tile pointer cache in words.
        TPC_STRIDE("size3"): u32 = 0x20 | 0x20 | -,
        /// Unknown; [`TilingParameters::UNK_24_VALUE`].
        UNK_24("unk_24"): u32 = 0x24 | 0x24 | -,
        /// See [`crate::tiling::Tiling::render_target_max`].
        RENDER_TARGET_MAX("unk_28"): u32 = 0x28 | 0x28 | -,
        /// Configuration of the helper program.
        HELPER_CFG("helper_cfg"): u32 = 0x2c | 0x2c | -,
    }

    /// Parameters of a vertex command, for the firmware.
    pub struct JobParameters2(""): 0xa0 {
        /// First part of the preemption buffer.
        PREEMPT1(""): u64 = 0x1c,
    }
}

impl RunVertex {
    /// The value of [`RunVertex::TAG`].
    pub const TAG_VALUE: u32 = crate::queue::TAG_RUN_VERTEX;
    /// Bytes that the driver in the field gives it. What is behind them is known from the table
    /// only.
    pub const USED: Numbers = numbers!(0x5e0 | 0x608 | 0x8f4);
}

impl JobParameters1 {
    /// The value of [`JobParameters1::UNK_0`].
    pub const UNK_0_VALUE: u64 = 0x200;
    /// The value of [`JobParameters1::UNK_8`] and [`JobParameters1::UNK_C`]: 1e-20 as a float.
    pub const UNK_8_VALUE: u32 = 0x1e3c_e508;
    /// Bit of [`JobParameters1::TVB_HEAPMETA`] that the fragment half does not have.
    pub const TVB_HEAPMETA_TAG: u64 = 1 << 63;
    /// The value of [`JobParameters1::IOGPU_UNK_54`].
    pub const IOGPU_UNK_54_VALUE: u64 = 0x003a_0012_006b_0003;
    /// Lowest bit of the stride in [`JobParameters1::TVB_CLUSTER_META1`].
    pub const META1_STRIDE_SHIFT: u32 = 50;
    /// Bit of [`JobParameters1::PREEMPT3`].
    pub const PREEMPT3_TAG: u64 = 1 << 50;
    /// Bit of [`JobParameters1::TILING_CONTROL`]: one cluster does all the work.
    pub const TILING_CONTROL_NO_CLUSTERING: u32 = 1;
    /// Bits of [`JobParameters1::TVB_CLUSTER_META4`].
    pub const META4_TAG: u64 = 3 << 60;
    /// The value of [`JobParameters1::UNK_F8`].
    pub const UNK_F8_VALUE: u64 = 0x8c60;
    /// The value of [`JobParameters1::UNK_118`].
    pub const UNK_118_VALUE: u32 = 0x1c;

    /// Returns what [`JobParameters1::UNK_F0`] holds with that many blocks of the clusters' first
    /// metadata.
    pub const fn unk_f0(meta1_blocks: u32) -> u64 {
        0x1c + meta1_blocks.next_multiple_of(4) as u64
    }
}

impl TilingParameters {
    /// Bytes from its start to [`RunVertex::TPC`]. Those behind the declared ones are zero.
    pub const SPACE: usize = 0xa0;
    /// The value of [`TilingParameters::UNK_4`].
    pub const UNK_4_VALUE: u32 = 0x88;
    /// The value of [`TilingParameters::UNK_24`].
    pub const UNK_24_VALUE: u32 = 0x100;
}
