// SPDX-License-Identifier: MIT

//! The fragment half of a render: shades the tiles that the vertex half has filled.

use crate::compute::{EncoderParams, JobMeta, TimestampPointers};
use crate::registers::{RegisterArray, RegisterInfo};
use crate::{
    Numbers,
    Opt, //
};

/// A word of unknown meaning in the parameters of a fragment command.
pub const GENERATION_WORD: Numbers = numbers!(0 / 0x0404_0404 | 0 / 0x0404_0404 | 0x0404_0404);

layout! {
    /// Command: shade the tiles of a scene. The GPU may read it, so it stands in memory that the
    /// GPU can reach.
    pub struct RunFragment("WorkCommand3D"): 0x930 | 0x974 | 0xc4c {
        /// The tag of the command: [`RunFragment::TAG_VALUE`].
        TAG("magic"): u32 = 0x000,
        /// Running number of the command in its user queue.
        COUNTER("counter"): Opt<u64> = - | 0x004,
        /// Slot of the address space.
        VM_SLOT("context_id"): u32 = 0x004 | 0x00c,
        /// Unknown; 0.
        UNK_8("unk_8"): u32 = 0x008 | 0x010,
        /// Address of the microsequence.
        MICROSEQUENCE("microsequence_ptr"): u64 = 0x00c | 0x014,
        /// The size of the microsequence in bytes.
        MICROSEQUENCE_SIZE("microsequence_size"): u32 = 0x014 | 0x01c,
        /// Address of the [`crate::event::Notifier`].
        NOTIFIER("event_control_addr"): u64 = 0x018 | 0x020,
        /// Address of the [`crate::buffer::BufferInfo`].
        BUFFER("buffer_mgr_addr"): u64 = 0x020 | 0x028,
        /// Address of the [`crate::buffer::Scene`].
        SCENE("buf_thing_addr"): u64 = 0x028 | 0x030,
        /// Address of [`crate::buffer::KERNEL_BUFFER_SIZE`] zero bytes.
        KERNEL_BUFFER("unk_emptybuf_addr"): u64 = 0x030 | 0x038,
        /// Address of the tile map.
        TVB_TILEMAP("tvb_tilemap"): u64 = 0x038 | 0x040,
        /// Positions of the samples.
        PPP_MULTISAMPLECTL("unk_40"): u64 = 0x040 | 0x048,
        /// Samples of a pixel.
        SAMPLES("unk_48"): u32 = 0x048 | 0x050,
        /// Tiles of a macrotile downwards.
        TILES_PER_MTILE_Y("tile_blocks_y"): u16 = 0x04c | 0x054,
        /// Tiles of a macrotile to the right.
        TILES_PER_MTILE_X("tile_blocks_x"): u16 = 0x04e | 0x056,
        /// Unknown; 0.
        UNK_50("unk_50"): u64 = 0x050 | 0x058,
        /// Unknown; 0.
        UNK_58("unk_58"): u64 = 0x058 | 0x060,
        /// Bits of a float of the client's: when triangles are merged.
        ISP_MERGE_UPPER_X("merge_upper_x"): u32 = 0x060 | 0x068,
        /// Bits of a float of the client's: when triangles are merged.
        ISP_MERGE_UPPER_Y("merge_upper_y"): u32 = 0x064 | 0x06c,
        /// Unknown; 0.
        UNK_68("unk_68"): u64 = 0x068 | 0x070,
        /// Tiles of a layer.
        TILE_COUNT("tile_count"): u64 = 0x070 | 0x078,
        /// See [`JobParameters1`].
        JOB_PARAMS1("struct_2"): Opt<JobParameters1> = 0x078 | 0x080 | -,
        /// See [`JobParameters2`].
        JOB_PARAMS2("struct_1"): Opt<JobParameters2> = 0x3c0 | 0x3c8 | -,
        /// Both structures in the form of registers, see [`crate::registers::fragment`].
        REGISTERS("registers"): Opt<RegisterArray> = - | - | 0x080,
        /// See [`JobParameters3`].
        JOB_PARAMS3("struct_3"): JobParameters3 = 0x4a0 | 0x4a8 | 0x780,
        /// Unknown; 0. The start and finish operations point here.
        UNK_758_FLAG("unk_758"): u32 = 0x758 | 0x770 | 0xa48,
        /// Unknown; 0.
        UNK_75C_FLAG("unk_75c"): u32 = 0x75c | 0x774 | 0xa4c,
        /// The busy flag; 0. The start and finish operations point here.
        BUSY_FLAG("busy_flag"): u32 = 0x870 | 0x888 | 0xb60,
        /// Partial renders; the firmware's. The start operation points here.
        TVB_OVERFLOW_COUNT("struct_6.tvb_overflow_count+0"): u32 = 0x874 | 0x88c | 0xb64,
        /// Unknown; 0.
        UNK_878("struct_6.tvb_overflow_count+4"): u32 = 0x878 | 0x890 | 0xb68,
        /// See [`EncoderParams`].
        ENCODER_PARAMS(""): EncoderParams = 0x87c | 0x894 | 0xb6c,
        /// 1 if tiles without primitives are shaded as well.
        PROCESS_EMPTY_TILES("struct_6.unk_30"): u32 = 0x8a4 | 0x8bc | 0xb94,
        /// The flag that no textures of the clear pipeline are used; 1.
        NO_CLEAR_PIPELINE_TEXTURES("struct_6.unk_34"): u32 = 0x8a8 | 0x8c0 | 0xb98,
        /// The flag for multisampled depth and stencil; 0.
        MSAA_ZS("struct_6.unk_38"): u32 = 0x8ac | 0x8c4 | 0xb9c,
        /// Unknown; 0. The start and finish operations point here.
        UNK_POINTEE("struct_7.unk_0_0"): u32 = 0x8b0 | 0x8c8 | 0xba0,
        /// Unknown; 0.
        UNK_V13_3("struct_7.unk_0+0"): Opt<u32> = - | 0x8cc | 0xba4,
        /// See [`JobMeta`].
        META(""): JobMeta = 0x8b4 | 0x8d0 | 0xba8,
        /// Unknown; 0.
        UNK_AFTER_META("struct_7.unk_30"): u32 = 0x8e0 | 0x8fc | 0xbd4,
        /// Unknown; 0. The start operation points here.
        UNK_BUF_0("unk_buf2+0"): u64 = 0x8e4 | 0x900 | 0xbd8,
        /// Unknown; 0.
        UNK_BUF_8("unk_buf2+8"): u64 = 0x8ec | 0x908 | 0xbe0,
        /// Unknown; [`RunFragment::UNK_BUF_10_VALUE`].
        UNK_BUF_10("unk_buf2+16"): u64 = 0x8f4 | 0x910 | 0xbe8,
        /// The firmware's. The timestamp operations point here.
        COMMAND_TIME("ts1"): u64 = 0x8fc | 0x918 | 0xbf0,
        /// The addresses at which the firmware writes its own timestamps.
        TIMESTAMPS("ts_pointers"): TimestampPointers = 0x904 | 0x920 | 0xbf8,
        /// The addresses at which the firmware writes the client's timestamps.
        USER_TIMESTAMPS("user_ts_pointers"): TimestampPointers = 0x914 | 0x930 | 0xc08,
        /// Low byte of the number of the user queue.
        CLIENT_SEQUENCE("client_sequence"): u8 = 0x924 | 0x940 | 0xc18,
        /// Unknown; 0. The timestamp operations point here.
        UNK_TS("unk_ts"): Opt<u64> = - | 0x949 | 0xc21,
    }

    /// A program that fills a tile before its first primitive.
    pub struct BackgroundProgram("Start3DClearPipelineBinding"): 0x10 {
        /// The registers and resources that the program needs.
        RSRC_SPEC("pipeline_bind"): u64 = 0x00,
        /// Offset of its USC words from the base of the shaders, with flags in bits 5:0.
        USC("address"): u64 = 0x08,
    }

    /// A program that stores a tile after its last primitive.
    pub struct EotProgram("Start3DStorePipelineBinding"): 0x20 {
        /// The registers and resources that the program needs.
        RSRC_SPEC("pipeline_bind"): u32 = 0x0c,
        /// Offset of its USC words from the base of the shaders, with flags in bits 5:0.
        USC("address"): u32 = 0x14,
    }

    /// An address with room behind it.
    pub struct ArrayAddr("Start3DArrayAddr"): 0x10 {
        /// The address.
        ADDRESS("ptr"): u64 = 0x00,
        /// Unknown; 0.
        UNK_8("unk_padding"): u64 = 0x08,
    }

    /// The frame, for the back end.
    pub struct AuxFbInfo("AuxFBInfo"): 0x10 | 0x18 {
        /// [`AuxFbInfo::ISP_CTL_VALUE`], with [`AuxFbInfo::ISP_CTL_DBIAS_IS_INT`].
        ISP_CTL("unk1"): u32 = 0x00,
        /// Unknown; 0.
        UNK_4("unk2"): u32 = 0x04,
        /// Width in pixels.
        WIDTH("width"): u32 = 0x08,
        /// Height in pixels.
        HEIGHT("height"): u32 = 0x0c,
        /// Unknown; [`AuxFbInfo::UNK_10_VALUE`].
        UNK_10("unk3"): Opt<u64> = - | 0x10,
    }

    /// Parameters of a fragment command, for the hardware.
    pub struct JobParameters1("Start3DStruct2"): 0x348 | 0x348 | - {
        /// See [`crate::tiling::Tiling::utile_config`].
        UTILE_CONFIG("unk_0+0"): u32 = 0x000 | 0x000 | -,
        /// Unknown; 0.
        UNK_4("unk_0+4"): u32 = 0x004 | 0x004 | -,
        /// Background program of the first part of a frame.
        BG("clear_pipeline"): BackgroundProgram = 0x008 | 0x008 | -,
        /// Positions of the samples.
        PPP_MULTISAMPLECTL("unk_18"): u64 = 0x018 | 0x018 | -,
        /// Scissor rectangles.
        ISP_SCISSOR_BASE("scissor_array"): u64 = 0x020 | 0x020 | -,
        /// Depth biases.
        ISP_DBIAS_BASE("depth_bias_array"): u64 = 0x028 | 0x028 | -,
        /// The frame.
        AUX_FB_INFO("aux_fb"): AuxFbInfo = 0x030 | 0x030 | -,
        /// Dimensions of depth and stencil.
        ISP_ZLS_PIXELS("depth_dimensions"): u64 = 0x040 | 0x048 | -,
        /// Counters of the occlusion queries.
        ISP_OCLQRY_BASE("visibility_result_buffer"): u64 = 0x048 | 0x050 | -,
        /// The control word of loading and storing depth and stencil.
        ZLS_CTRL("depth_flags"): u64 = 0x050 | 0x058 | -,
        /// Unknown; [`GENERATION_WORD`].
        UNK_58("unk_58_g14_0"): Opt<u64> = -/0x058 | -/0x060 | -,
        /// Depth to load.
        Z_LOAD("depth_buffer_ptr1"): u64 = 0x058/0x068 | 0x060/0x070 | -,
        /// Depth to store.
        Z_STORE("depth_buffer_ptr2"): u64 = 0x060/0x070 | 0x068/0x078 | -,
        /// Stencil to load.
        S_LOAD("stencil_buffer_ptr1"): u64 = 0x068/0x078 | 0x070/0x080 | -,
        /// Stencil to store.
        S_STORE("stencil_buffer_ptr2"): u64 = 0x070/0x080 | 0x078/0x088 | -,
        /// Distance of its layers.
        Z_LOAD_STRIDE("unk_78+0"): u64 = 0x078/0x0a8 | 0x080/0x0b0 | -,
        /// Distance of its layers.
        Z_STORE_STRIDE("unk_78+8"): u64 = 0x080/0x0b0 | 0x088/0x0b8 | -,
        /// Distance of its layers.
        S_LOAD_STRIDE("unk_78+16"): u64 = 0x088/0x0b8 | 0x090/0x0c0 | -,
        /// Distance of its layers.
        S_STORE_STRIDE("unk_78+24"): u64 = 0x090/0x0c0 | 0x098/0x0c8 | -,
        /// Metadata of compressed depth to load.
        Z_LOAD_COMP("depth_aux_buffer_ptr1"): u64 = 0x098/0x0c8 | 0x0a0/0x0d0 | -,
        /// Distance of its layers.
        Z_LOAD_COMP_STRIDE("unk_a0"): u64 = 0x0a0/0x0d0 | 0x0a8/0x0d8 | -,
        /// Metadata of compressed depth to store.
        Z_STORE_COMP("depth_aux_buffer_ptr2"): u64 = 0x0a8/0x0d8 | 0x0b0/0x0e0 | -,
        /// Distance of its layers.
        Z_STORE_COMP_STRIDE("unk_b0"): u64 = 0x0b0/0x0e0 | 0x0b8/0x0e8 | -,
        /// Metadata of compressed stencil to load.
        S_LOAD_COMP("stencil_aux_buffer_ptr1"): u64 = 0x0b8/0x0e8 | 0x0c0/0x0f0 | -,
        /// Distance of its layers.
        S_LOAD_COMP_STRIDE("unk_c0"): u64 = 0x0c0/0x0f0 | 0x0c8/0x0f8 | -,
        /// Metadata of compressed stencil to store.
        S_STORE_COMP("stencil_aux_buffer_ptr2"): u64 = 0x0c8/0x0f8 | 0x0d0/0x100 | -,
        /// Distance of its layers.
        S_STORE_COMP_STRIDE("unk_d0"): u64 = 0x0d0/0x100 | 0x0d8/0x108 | -,
        /// Address of the tile map.
        TVB_TILEMAP("tvb_tilemap"): u64 = 0x0d8/0x108 | 0x0e0/0x110 | -,
        /// Address of the layers' metadata.
        TVB_LAYERMETA("tvb_heapmeta_addr"): u64 = 0x0e0/0x110 | 0x0e8/0x118 | -,
        /// See [`crate::tiling::Tiling::mtile_stride`].
        MTILE_STRIDE("unk_e8"): u64 = 0x0e8/0x118 | 0x0f0/0x120 | -,
        /// Address of the heap's metadata, without a tag.
        TVB_HEAPMETA("tvb_heapmeta_addr2"): u64 = 0x0f0/0x120 | 0x0f8/0x128 | -,
        /// See [`JobParameters1::tile_config`].
        TILE_CONFIG("unk_f8"): u64 = 0x0f8/0x128 | 0x100/0x130 | -,
        /// Address of [`crate::buffer::AUX_FB_SIZE`] bytes.
        AUX_FB("aux_fb_ptr"): u64 = 0x100/0x130 | 0x108/0x138 | -,
        /// Unknown; 0.
        UNK_108("unk_108"): [u64; 6] = 0x108/0x138 | 0x110/0x140 | -,
        /// Base address of the shaders.
        USC_EXEC_BASE("pipeline_base"): u64 = 0x138/0x168 | 0x140/0x170 | -,
        /// Unknown; [`JobParameters1::UNK_140_VALUE`].
        UNK_140("unk_140"): u64 = 0x140/0x170 | 0x148/0x178 | -,
        /// Helper program.
        HELPER_BINARY("helper_program"): u32 = 0x148/0x178 | 0x150/0x180 | -,
        /// Unknown; 0.
        UNK_14C("unk_14c"): u32 = 0x14c/0x17c | 0x154/0x184 | -,
        /// The argument of the helper program.
        HELPER_DATA("helper_arg"): u64 = 0x150/0x180 | 0x158/0x188 | -,
        /// Unknown; [`JobParameters1::UNK_158_VALUE`].
        UNK_158("unk_158"): u64 = 0x158/0x188 | 0x160/0x190 | -,
        /// Unknown; 0.
        UNK_160("unk_160"): u64 = 0x160/0x190 | 0x168/0x198 | -,
    }

    /// More parameters of a fragment command, for the hardware.
    pub struct JobParameters2("Start3DStruct1"): 0xe0 | 0xe0 | - {
        /// The registers and resources that the end-of-tile program needs.
        EOT_RSRC_SPEC("store_pipeline_bind"): u32 = 0x00 | 0x00 | -,
        /// Offset of its USC words from the base of the shaders, with flags in bits 5:0.
        EOT_USC("store_pipeline_addr"): u32 = 0x04 | 0x04 | -,
        /// Unknown; 0.
        UNK_8("unk_8"): u32 = 0x08 | 0x08 | -,
        /// Unknown; 0.
        UNK_C("unk_c"): u32 = 0x0c | 0x0c | -,
        /// A copy of [`RunFragment::ISP_MERGE_UPPER_X`].
        ISP_MERGE_UPPER_X("merge_upper_x"): u32 = 0x10 | 0x10 | -,
        /// A copy of [`RunFragment::ISP_MERGE_UPPER_Y`].
        ISP_MERGE_UPPER_Y("merge_upper_y"): u32 = 0x14 | 0x14 | -,
        /// Unknown; 0.
        UNK_18("unk_18"): u64 = 0x18 | 0x18 | -,
        /// Tiles of the tile buffer in a macrotile downwards.
        UTILES_PER_MTILE_Y("tile_blocks_y"): u16 = 0x20 | 0x20 | -,
        /// Tiles of the tile buffer in a macrotile to the right.
        UTILES_PER_MTILE_X("tile_blocks_x"): u16 = 0x22 | 0x22 | -,
        /// Unknown; 0.
        UNK_24("unk_24"): u32 = 0x24 | 0x24 | -,
        /// See [`crate::tiling::Tiling::te_screen`].
        TE_SCREEN("tile_counts"): u32 = 0x28 | 0x28 | -,
        /// See [`crate::tiling::Tiling::tib_blocks`].
        TIB_BLOCKS("unk_2c"): u32 = 0x2c | 0x2c | -,
        /// Depth of the background, as the depth format has it.
        ISP_BGOBJDEPTH("depth_clear_val1"): u32 = 0x30 | 0x30 | -,
        /// Stencil of the background in bits 7:0, with [`JobParameters2::ISP_BGOBJVALS_LOAD`].
        ISP_BGOBJVALS("stencil_clear_val1"): u32 = 0x34 | 0x34 | -,
        /// Unknown; 0.
        UNK_38("unk_38"): u32 = 0x38 | 0x38 | -,
        /// Unknown; 1.
        UNK_3C("unk_3c"): u32 = 0x3c | 0x3c | -,
        /// Configuration of the helper program.
        HELPER_CFG("helper_cfg"): u32 = 0x40 | 0x40 | -,
    }

    /// Parameters of the parts of a frame but the first and the last, for the firmware.
    ///
    /// It has 0x10 bytes at its start that the driver in the field counts to
    /// [`JobParameters2`].
    pub struct JobParameters3("Start3DStruct3"): 0x2b8 | 0x2c8 {
        /// The address and length of the command's [`RunFragment::REGISTERS`].
        REGISTER_INFO("registers_addr"): Opt<RegisterInfo> = - | - | 0x000,
        /// Depth biases.
        ISP_DBIAS_BASE("depth_bias_array"): ArrayAddr = 0x010,
        /// Scissor rectangles.
        ISP_SCISSOR_BASE("scissor_array"): ArrayAddr = 0x020,
        /// Counters of the occlusion queries.
        ISP_OCLQRY_BASE("visibility_result_buffer"): u64 = 0x030,
        /// Background program of all parts but the first.
        UNK_PARTIAL_BG("unk_reload_pipeline"): BackgroundProgram = 0x168,
        /// A copy of the background program of all parts but the first.
        PARTIAL_BG("reload_pipeline"): BackgroundProgram = 0x198,
        /// A copy of [`JobParameters1::ZLS_CTRL`].
        ZLS_CTRL("depth_flags"): u64 = 0x1a8,
        /// Unknown; [`GENERATION_WORD`].
        UNK_290("unk_290"): u64 = 0x1b0,
        /// The address from which depth is loaded.
        Z_LOAD("depth_buffer_ptr1"): u64 = 0x1b8,
        /// Distance of its layers.
        Z_PARTIAL_STRIDE("unk_2a0"): u64 = 0x1c0,
        /// Distance of its metadata's layers.
        Z_PARTIAL_COMP_STRIDE("unk_2a8"): u64 = 0x1c8,
        /// The address to which depth is stored.
        Z_STORE("depth_buffer_ptr2"): u64 = 0x1d0,
        /// The address of depth in partial renders.
        Z_PARTIAL("depth_buffer_ptr3"): u64 = 0x1d8,
        /// The address of depth's metadata in partial renders.
        Z_PARTIAL_COMP("depth_aux_buffer_ptr"): u64 = 0x1e0,
        /// The address from which stencil is loaded.
        S_LOAD("stencil_buffer_ptr1"): u64 = 0x1e8,
        /// Distance of its layers.
        S_PARTIAL_STRIDE("unk_2d0"): u64 = 0x1f0,
        /// Distance of its metadata's layers.
        S_PARTIAL_COMP_STRIDE("unk_2d8"): u64 = 0x1f8,
        /// The address to which stencil is stored.
        S_STORE("stencil_buffer_ptr2"): u64 = 0x200,
        /// The address of stencil in partial renders.
        S_PARTIAL("stencil_buffer_ptr3"): u64 = 0x208,
        /// The address of stencil's metadata in partial renders.
        S_PARTIAL_COMP("stencil_aux_buffer_ptr"): u64 = 0x210,
        /// A copy of [`JobParameters2::TIB_BLOCKS`].
        TIB_BLOCKS("aux_fb_unk0"): u32 = 0x228,
        /// The frame.
        AUX_FB_INFO("aux_fb"): AuxFbInfo = 0x230,
        /// A copy of [`JobParameters1::TILE_CONFIG`].
        TILE_CONFIG("s2_unk_f8"): u64 = 0x240 | 0x248,
        /// End-of-tile program of all parts but the last.
        UNK_PARTIAL_EOT("unk_partial_store_pipeline"): EotProgram = 0x250 | 0x258,
        /// A copy of the end-of-tile program of all parts but the last.
        PARTIAL_EOT("partial_store_pipeline"): EotProgram = 0x270 | 0x278,
        /// A copy of [`JobParameters2::ISP_BGOBJDEPTH`].
        ISP_BGOBJDEPTH("depth_clear_val2"): u32 = 0x290 | 0x298,
        /// A copy of [`JobParameters2::ISP_BGOBJVALS`], without
        /// [`JobParameters2::ISP_BGOBJVALS_LOAD`].
        ISP_BGOBJVALS("stencil_clear_val2"): u32 = 0x294 | 0x29c,
        /// Bytes of a sample in the tile buffer.
        SAMPLE_SIZE("unk_378"): u32 = 0x298 | 0x2a0,
        /// A copy of [`JobParameters1::ISP_ZLS_PIXELS`].
        ISP_ZLS_PIXELS("depth_dimensions"): u64 = 0x2b0 | 0x2c0,
    }
}

impl RunFragment {
    /// The value of [`RunFragment::TAG`].
    pub const TAG_VALUE: u32 = crate::queue::TAG_RUN_FRAGMENT;
    /// Bytes that the driver in the field gives it. What is behind them is known from the table
    /// only.
    pub const USED: Numbers = numbers!(0x930 | 0x96c | 0xc44);
    /// The value of [`RunFragment::UNK_BUF_10`].
    pub const UNK_BUF_10_VALUE: Numbers = numbers!(1 | 1 | 0);
}

impl AuxFbInfo {
    /// The value of [`AuxFbInfo::ISP_CTL`].
    pub const ISP_CTL_VALUE: u32 = 0xc000;
    /// Bit of [`AuxFbInfo::ISP_CTL`]: the constant of a depth bias counts units of the format.
    pub const ISP_CTL_DBIAS_IS_INT: u32 = 1 << 18;
    /// The value of [`AuxFbInfo::UNK_10`].
    pub const UNK_10_VALUE: u64 = 0x10_0000;
}

impl JobParameters1 {
    /// The value of [`JobParameters1::TILE_CONFIG`] in any case.
    pub const TILE_CONFIG_VALUE: u64 = 0x280;
    /// Bit of [`JobParameters1::TILE_CONFIG`]: there is more than one layer.
    pub const TILE_CONFIG_LAYERS: u64 = 1;
    /// Bit of [`JobParameters1::TILE_CONFIG`]: tiles without primitives are shaded as well.
    pub const TILE_CONFIG_EMPTY_TILES: u64 = 1 << 16;
    /// The value of [`JobParameters1::UNK_140`].
    pub const UNK_140_VALUE: u64 = 0x8c60;
    /// The value of [`JobParameters1::UNK_158`].
    pub const UNK_158_VALUE: u64 = 0x1c;

    /// Returns what [`JobParameters1::TILE_CONFIG`] holds for a frame of `layers`.
    pub const fn tile_config(layers: u32, process_empty_tiles: bool) -> u64 {
        let mut config = Self::TILE_CONFIG_VALUE;
        if layers > 1 {
            config |= Self::TILE_CONFIG_LAYERS;
        }
        if process_empty_tiles {
            config |= Self::TILE_CONFIG_EMPTY_TILES;
        }
        config
    }
}

impl JobParameters2 {
    /// Bit that the host adds to the client's value of [`JobParameters2::ISP_BGOBJVALS`].
    pub const ISP_BGOBJVALS_LOAD: Numbers = numbers!(0x400 / 0 | 0x400 / 0 | 0);
}
