// SPDX-License-Identifier: MIT

//! Parameters of commands as lists of registers.
//!
//! What the hardware is told of a command stands in structures of the command, or, in versions that
//! lack those, in a list of registers and their values. Some quantities go to two registers.
//!
//! Whether the order of a list matters is not known: it is that of macOS \[I\]. Numbers are opaque;
//! their low bits tell the width, perhaps \[I\].

layout! {
    /// A register and its value.
    pub struct RegisterEntry("RegisterDefinition"): 0xc {
        /// Number of the register.
        NUMBER("number"): u32 = 0x0,
        /// The value that is written to the register.
        VALUE("data"): u64 = 0x4,
    }

    /// The address and the length of a list of registers.
    pub struct RegisterInfo(""): 0x10 {
        /// Address of the list.
        ADDRESS("registers_addr"): u64 = 0x0,
        /// Registers in the list.
        COUNT("register_count"): u16 = 0x8,
        /// Their bytes.
        LENGTH("registers_length"): u16 = 0xa,
        /// Unknown; 0.
        UNK_C(""): u32 = 0xc,
    }
}

/// Most registers of a list.
pub const MAX: usize = 128;

/// A list of registers in a command, as many as there can be.
pub type RegisterArray = [RegisterEntry; MAX];

/// A quantity that registers hold: one, or two with the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    first: u32,
    second: Option<u32>,
}

impl Register {
    const fn one(number: u32) -> Self {
        Self {
            first: number,
            second: None,
        }
    }

    const fn two(first: u32, second: u32) -> Self {
        Self {
            first,
            second: Some(second),
        }
    }

    /// Returns the numbers of the registers.
    pub fn numbers(self) -> impl Iterator<Item = u32> {
        core::iter::once(self.first).chain(self.second)
    }
}

/// Registers of compute commands.
pub mod compute {
    use super::Register;

    /// First part of the preemption buffer.
    pub const PREEMPT1: Register = Register::one(0x1_a510);
    /// Start of the control stream.
    pub const CDM_CTRL_STREAM_BASE: Register = Register::one(0x1_a420);
    /// Second part of the preemption buffer.
    pub const PREEMPT2: Register = Register::one(0x1_a4d0);
    /// Third part of the preemption buffer.
    pub const PREEMPT3: Register = Register::one(0x1_a4d8);
    /// Fourth part of the preemption buffer.
    pub const PREEMPT4: Register = Register::one(0x1_a4e0);
    /// Fifth part of the preemption buffer.
    pub const PREEMPT5: Register = Register::one(0x1_a4e8);
    /// Base address of the shaders.
    pub const USC_EXEC_BASE: Register = Register::one(0x1_0071);
    /// Helper program.
    pub const HELPER_BINARY: Register = Register::one(0x1_1841);
    /// The argument of the helper program.
    pub const HELPER_DATA: Register = Register::one(0x1_1849);
    /// The configuration of the helper program.
    pub const HELPER_CFG: Register = Register::one(0x1_1f81);
    /// Unknown; [`UNK_1A440_VALUE`].
    pub const UNK_1A440: Register = Register::one(0x1_a440);
    /// Unknown; 0.
    pub const UNK_12091: Register = Register::one(0x1_2091);

    /// The value of [`UNK_1A440`], and [`crate::compute::JobParameters2::UNK_54`].
    pub const UNK_1A440_VALUE: u32 = 0x2_4201;
}

/// Registers of vertex commands.
pub mod vertex {
    use super::Register;

    /// Unknown; [`crate::vertex::JobParameters1::UNK_0_VALUE`].
    pub const UNK_10141: Register = Register::one(0x1_0141);
    /// Address of the tile map.
    pub const TVB_TILEMAP: Register = Register::two(0x1_c039, 0x1_c9c8);
    /// Address of the tile maps of the clusters.
    pub const TVB_CLUSTER_TILEMAPS: Register = Register::two(0x1_c041, 0x1_c9d0);
    /// Address of the tile pointer cache.
    pub const TPC: Register = Register::one(0x1_c0a1);
    /// Address of the heap's metadata, with [`crate::vertex::JobParameters1::TVB_HEAPMETA_TAG`].
    pub const TVB_HEAPMETA: Register = Register::two(0x1_c031, 0x1_c9c0);
    /// Unknown; [`crate::vertex::JobParameters1::IOGPU_UNK_54_VALUE`].
    pub const IOGPU_UNK_54: Register = Register::one(0x1_c051);
    /// Unknown; 1.
    pub const IOGPU_UNK_56: Register = Register::one(0x1_c061);
    /// See [`crate::tiling::Tiling::utile_config`].
    pub const UTILE_CONFIG: Register = Register::one(0x1_0149);
    /// Positions of the samples.
    pub const PPP_MULTISAMPLECTL: Register = Register::one(0x1_0139);
    /// First part of the preemption buffer.
    pub const PREEMPT1: Register = Register::two(0x1_0111, 0x1_c9b0);
    /// Second part of the preemption buffer.
    pub const PREEMPT2: Register = Register::two(0x1_0119, 0x1_c9b8);
    /// Unknown; 1.
    pub const UNK_1C958: Register = Register::one(0x1_c958);
    /// Third part of the preemption buffer, with [`crate::vertex::JobParameters1::PREEMPT3_TAG`].
    pub const PREEMPT3: Register = Register::one(0x1_c950);
    /// Unknown; 0.
    pub const UNK_1C930: Register = Register::one(0x1_c930);
    /// Start of the control stream.
    pub const VDM_CTRL_STREAM_BASE: Register = Register::one(0x1_c880);
    /// Unknown; 0.
    pub const UNK_1C898: Register = Register::one(0x1_c898);
    /// Address of the clusters' second metadata.
    pub const TVB_CLUSTER_META2: Register = Register::one(0x1_c948);
    /// Address of the clusters' third metadata.
    pub const TVB_CLUSTER_META3: Register = Register::one(0x1_c888);
    /// A constant of the chip, see [`crate::vertex::JobParameters1::TILING_CONTROL_NO_CLUSTERING`].
    pub const TILING_CONTROL: Register = Register::one(0x1_c890);
    /// The second control word of tiling: [`TILING_CONTROL_2_VALUE`].
    pub const TILING_CONTROL_2: Register = Register::one(0x1_c918);
    /// Address of the layers' metadata.
    pub const TVB_LAYERMETA: Register = Register::two(0x1_c079, 0x1_c9d8);
    /// Address of the clusters' layer metadata.
    pub const TVB_CLUSTER_LAYERMETA: Register = Register::two(0x1_c089, 0x1_c9e0);
    /// Address of the clusters' fourth metadata, without a tag.
    pub const TVB_CLUSTER_META4: Register = Register::two(0x1_6c41, 0x1_ca40);
    /// Unknown; [`UNK_1C9A8_VALUE`].
    pub const UNK_1C9A8: Register = Register::one(0x1_c9a8);
    /// Address of the clusters' first metadata, without the stride of its layers.
    pub const TVB_CLUSTER_META1: Register = Register::one(0x1_c920);
    /// Unknown; 0.
    pub const UNK_10151: Register = Register::one(0x1_0151);
    /// Unknown; 0.
    pub const UNK_1C199: Register = Register::one(0x1_c199);
    /// Unknown; 0.
    pub const UNK_1C1A1: Register = Register::one(0x1_c1a1);
    /// Unknown; 0.
    pub const UNK_1C1A9: Register = Register::one(0x1_c1a9);
    /// Unknown; 0.
    pub const UNK_1C1B1: Register = Register::one(0x1_c1b1);
    /// Unknown; 0.
    pub const UNK_1C1B9: Register = Register::one(0x1_c1b9);
    /// Base address of the shaders.
    pub const USC_EXEC_BASE: Register = Register::one(0x1_0061);
    /// Helper program.
    pub const HELPER_BINARY: Register = Register::one(0x1_1801);
    /// The argument of the helper program.
    pub const HELPER_DATA: Register = Register::one(0x1_1809);
    /// The configuration of the helper program.
    pub const HELPER_CFG: Register = Register::one(0x1_1f71);
    /// Size of a macrotile's part of the tile map in words.
    pub const RGN_SIZE: Register = Register::two(0x1_c0b1, 0x1_c850);
    /// Unknown; [`crate::vertex::TilingParameters::UNK_4_VALUE`].
    pub const UNK_10131: Register = Register::one(0x1_0131);
    /// The client's control word of the primitive processor.
    pub const PPP_CTRL: Register = Register::one(0x1_0121);
    /// See [`ppp_screen`].
    pub const PPP_SCREEN: Register = Register::one(0x1_0129);
    /// See [`crate::tiling::Tiling::te_screen`].
    pub const TE_SCREEN: Register = Register::one(0x1_01b9);
    /// See [`crate::tiling::Tiling::te_mtile1`].
    pub const TE_MTILE1: Register = Register::one(0x1_c069);
    /// See [`crate::tiling::Tiling::te_mtile2`].
    pub const TE_MTILE2: Register = Register::one(0x1_c071);
    /// Tiles of a macrotile.
    pub const TILES_PER_MTILE: Register = Register::one(0x1_c081);
    /// Size of a macrotile's part of the tile pointer cache in words.
    pub const TPC_STRIDE: Register = Register::one(0x1_c0a9);
    /// Unknown; [`crate::vertex::TilingParameters::UNK_24_VALUE`].
    pub const UNK_10171: Register = Register::one(0x1_0171);
    /// See [`crate::tiling::Tiling::render_target_max`].
    pub const RENDER_TARGET_MAX: Register = Register::one(0x1_0169);
    /// Unknown; [`crate::vertex::JobParameters1::UNK_118_VALUE`].
    pub const UNK_12099: Register = Register::one(0x1_2099);
    /// The bits [`RENDER_TARGET_MAX_MASK`] of [`RENDER_TARGET_MAX`].
    pub const RENDER_TARGET_MAX_PART: Register = Register::one(0x1_c9e8);

    /// The value of [`TILING_CONTROL_2`].
    pub const TILING_CONTROL_2_VALUE: u64 = 4;
    /// The value of [`UNK_1C9A8`].
    pub const UNK_1C9A8_VALUE: u64 = 0x1c;
    /// Bits of [`RENDER_TARGET_MAX`] that [`RENDER_TARGET_MAX_PART`] has as well.
    pub const RENDER_TARGET_MAX_MASK: u32 = 0x4fff;

    /// Returns what [`PPP_SCREEN`] holds for a frame of that many pixels.
    pub const fn ppp_screen(width: u32, height: u32) -> u64 {
        ((width - 1) | (height - 1) << 16) as u64
    }
}

/// Registers of fragment commands.
pub mod fragment {
    use super::Register;

    /// Unknown; 1.
    pub const UNK_1739: Register = Register::one(0x1739);
    /// See [`crate::tiling::Tiling::utile_config`].
    pub const UTILE_CONFIG: Register = Register::one(0x1_0009);
    /// The registers and resources that the end-of-tile program needs.
    pub const EOT_RSRC_SPEC: Register = Register::one(0x1_5379);
    /// The address of the end-of-tile program.
    pub const EOT_USC: Register = Register::one(0x1_5381);
    /// The registers and resources that the background program needs.
    pub const BG_RSRC_SPEC: Register = Register::one(0x1_5369);
    /// The address of the background program.
    pub const BG_USC: Register = Register::one(0x1_5371);
    /// The horizontal limit to the merging of triangles.
    pub const ISP_MERGE_UPPER_X: Register = Register::one(0x1_5131);
    /// The vertical limit to the merging of triangles.
    pub const ISP_MERGE_UPPER_Y: Register = Register::one(0x1_5139);
    /// Unknown; 0.
    pub const UNK_100A1: Register = Register::one(0x1_00a1);
    /// Unknown; 0.
    pub const UNK_15069: Register = Register::one(0x1_5069);
    /// Unknown; 0.
    pub const UNK_15071: Register = Register::one(0x1_5071);
    /// Unknown; 0.
    pub const UNK_16058: Register = Register::one(0x1_6058);
    /// Positions of the samples.
    pub const PPP_MULTISAMPLECTL: Register = Register::one(0x1_0019);
    /// Tiles of the tile buffer in a macrotile: downwards, and from bit 16 up to the right.
    pub const ISP_MTILE_SIZE: Register = Register::two(0x1_00b1, 0x1_6030);
    /// See [`crate::tiling::Tiling::te_screen`].
    pub const TE_SCREEN: Register = Register::one(0x1_00d9);
    /// Address of the heap's metadata, without a tag.
    pub const TVB_HEAPMETA: Register = Register::one(0x1_6098);
    /// Scissor rectangles.
    pub const ISP_SCISSOR_BASE: Register = Register::one(0x1_5109);
    /// Depth biases.
    pub const ISP_DBIAS_BASE: Register = Register::one(0x1_5101);
    /// See [`crate::fragment::AuxFbInfo::ISP_CTL`].
    pub const ISP_CTL: Register = Register::one(0x1_5021);
    /// Width, and from bit 32 up height, in pixels.
    pub const FRAME_SIZE: Register = Register::one(0x1_5211);
    /// Unknown; [`crate::fragment::AuxFbInfo::UNK_10_VALUE`].
    pub const UNK_15049: Register = Register::one(0x1_5049);
    /// See [`crate::tiling::Tiling::tib_blocks`].
    pub const TIB_BLOCKS: Register = Register::one(0x1_0051);
    /// Dimensions of depth and stencil.
    pub const ISP_ZLS_PIXELS: Register = Register::one(0x1_5321);
    /// Depth of the background.
    pub const ISP_BGOBJDEPTH: Register = Register::one(0x1_5301);
    /// Stencil of the background.
    pub const ISP_BGOBJVALS: Register = Register::one(0x1_5309);
    /// Counters of the occlusion queries.
    pub const ISP_OCLQRY_BASE: Register = Register::one(0x1_5311);
    /// The control word of loading and storing depth and stencil.
    pub const ZLS_CTRL: Register = Register::one(0x1_5319);
    /// Unknown; [`crate::fragment::GENERATION_WORD`].
    pub const UNK_15349: Register = Register::one(0x1_5349);
    /// Unknown; 0.
    pub const UNK_15351: Register = Register::one(0x1_5351);
    /// Depth to load.
    pub const Z_LOAD: Register = Register::one(0x1_5329);
    /// Depth to store.
    pub const Z_STORE: Register = Register::one(0x1_5331);
    /// Stencil to load.
    pub const S_LOAD: Register = Register::one(0x1_5339);
    /// Stencil to store.
    pub const S_STORE: Register = Register::one(0x1_5341);
    /// Unknown; 0.
    pub const UNK_15231: Register = Register::one(0x1_5231);
    /// Unknown; 0.
    pub const UNK_15221: Register = Register::one(0x1_5221);
    /// Unknown; 0.
    pub const UNK_15239: Register = Register::one(0x1_5239);
    /// Unknown; 0.
    pub const UNK_15229: Register = Register::one(0x1_5229);
    /// Distance of its layers.
    pub const Z_LOAD_STRIDE: Register = Register::one(0x1_5401);
    /// Distance of its layers.
    pub const Z_STORE_STRIDE: Register = Register::one(0x1_5421);
    /// Distance of its layers.
    pub const S_LOAD_STRIDE: Register = Register::one(0x1_5409);
    /// Distance of its layers.
    pub const S_STORE_STRIDE: Register = Register::one(0x1_5429);
    /// Metadata of compressed depth to load.
    pub const Z_LOAD_COMP: Register = Register::one(0x1_53c1);
    /// Distance of its layers.
    pub const Z_LOAD_COMP_STRIDE: Register = Register::one(0x1_5411);
    /// Metadata of compressed depth to store.
    pub const Z_STORE_COMP: Register = Register::one(0x1_53c9);
    /// Distance of its layers.
    pub const Z_STORE_COMP_STRIDE: Register = Register::one(0x1_5431);
    /// Metadata of compressed stencil to load.
    pub const S_LOAD_COMP: Register = Register::one(0x1_53d1);
    /// Distance of its layers.
    pub const S_LOAD_COMP_STRIDE: Register = Register::one(0x1_5419);
    /// Metadata of compressed stencil to store.
    pub const S_STORE_COMP: Register = Register::one(0x1_53d9);
    /// Distance of its layers.
    pub const S_STORE_COMP_STRIDE: Register = Register::one(0x1_5439);
    /// Address of the tile map.
    pub const TVB_TILEMAP: Register = Register::one(0x1_6429);
    /// Address of the layers' metadata.
    pub const TVB_LAYERMETA: Register = Register::one(0x1_6060);
    /// See [`crate::tiling::Tiling::mtile_stride`].
    pub const MTILE_STRIDE: Register = Register::one(0x1_6431);
    /// See [`crate::fragment::JobParameters1::tile_config`].
    pub const TILE_CONFIG: Register = Register::one(0x1_0039);
    /// The origin of the render; 0.
    pub const ISP_RENDER_ORIGIN: Register = Register::one(0x1_6451);
    /// Helper program.
    pub const HELPER_BINARY: Register = Register::one(0x1_1821);
    /// The argument of the helper program.
    pub const HELPER_DATA: Register = Register::one(0x1_1829);
    /// The configuration of the helper program.
    pub const HELPER_CFG: Register = Register::one(0x1_1f79);
    /// Unknown; 0.
    pub const UNK_15359: Register = Register::one(0x1_5359);
    /// Base address of the shaders.
    pub const USC_EXEC_BASE: Register = Register::one(0x1_0069);
    /// Unknown; 0.
    pub const UNK_16020: Register = Register::one(0x1_6020);
    /// Address of [`crate::buffer::AUX_FB_SIZE`] bytes.
    pub const AUX_FB: Register = Register::two(0x1_6461, 0x1_6090);
    /// Unknown; [`crate::fragment::JobParameters1::UNK_158_VALUE`].
    pub const UNK_120A1: Register = Register::one(0x1_20a1);
    /// Unknown; 0.
    pub const UNK_160A8: Register = Register::one(0x1_60a8);
    /// See [`crate::tiling::Tiling::fragment_tile_config`].
    pub const FRG_TILE_CONFIG: Register = Register::one(0x1_6068);
    /// Unknown; 0.
    pub const UNK_160B8: Register = Register::one(0x1_60b8);

    /// Returns what [`ISP_MTILE_SIZE`] holds.
    pub const fn isp_mtile_size(downwards: u32, to_the_right: u32) -> u64 {
        (downwards | to_the_right << 16) as u64
    }

    /// Returns what [`FRAME_SIZE`] holds for a frame of that many pixels.
    pub const fn frame_size(width: u32, height: u32) -> u64 {
        width as u64 | (height as u64) << 32
    }
}
