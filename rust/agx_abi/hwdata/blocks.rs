// SPDX-License-Identifier: MIT

//! Blocks of calibration data that stand in several places, or several times in one.

use crate::Opt;

layout! {
    /// A zone of the power controller.
    pub struct PowerZone("PowerZone"): 0x20 | 0x28 {
        /// The value of the entry; 0.
        VALUE("val"): f32 = 0x00,
        /// Target, mW.
        TARGET("target"): u32 = 0x04,
        /// Target less its offset, mW.
        TARGET_OFFSET("target_off"): u32 = 0x08,
        /// Four times the time constant.
        TC_X4("filter_tc_x4"): u32 = 0x0c,
        /// The time constant times the period.
        TC_XPERIOD("filter_tc_xperiod"): u32 = 0x10,
        /// Unknown; 1320000000.
        UNK_10("unk_10"): Opt<u32> = - | 0x14,
        /// Unknown; 0.
        UNK_14("unk_14"): Opt<u32> = - | 0x18,
        /// 1 less the inverse of the time constant.
        A_NEG("filter_tc_neginv"): f32 = 0x14 | 0x1c,
        /// The inverse of the time constant.
        A("filter_tc_inv"): f32 = 0x18 | 0x20,
    }

    /// The first block that [`HwDataA`](super::HwDataA) and [`crate::globals::Globals`] both have.
    pub struct HwDataShared1("AGXHWDataShared1"): 0xa8 {
        /// Constants of the chip.
        TABLE("table"): [i32; 16] = 0x00,
        /// A constant of the chip.
        UNK_A4("unk_a4"): u32 = 0xa0,
    }

    /// The second block that [`HwDataA`](super::HwDataA) and [`crate::globals::Globals`] both have.
    pub struct HwDataShared2("AGXHWDataShared2"): 0x510 {
        /// Constants of the chip.
        TABLE("table"): [i32; 10] = 0x00,
        /// Unknown; all ones.
        UNK_28("unk_28"): [u8; 16] = 0x28,
        /// Curves, on chips that have them.
        CURVES("unk_38"): [u8; 0x4c8] = 0x38,
        /// A constant of the chip.
        UNK_508("unk_508"): u32 = 0x508,
    }

    /// The third block that [`HwDataA`](super::HwDataA) and [`crate::globals::Globals`] both have.
    pub struct HwDataShared3("AGXHWDataShared3"): 0x50 {
        /// 1 if the chip has the table.
        UNK_0("unk_0"): u32 = 0x00,
        /// 500 if the chip has the table.
        UNK_4("unk_4"): u32 = 0x04,
        /// A constant of the chip.
        UNK_8("unk_8"): u32 = 0x08,
        /// Constants of the chip.
        TABLE("table"): [u32; 16] = 0x0c,
        /// 1 if the chip has the table.
        UNK_4C("unk_4c"): u32 = 0x4c,
    }

    /// A controller that is new in this firmware; m1n1's names say "SE" (shader engine [?]).
    pub struct ShaderEngine("AGXHWDataA130Extra"): 0x1b8 {
        /// Unknown; 4.
        UNK_38("unk_38"): u32 = 0x38,
        /// Unknown; 8000.
        UNK_3C("unk_3c"): u32 = 0x3c,
        /// A constant of the chip.
        INACTIVE_THRESHOLD("gpu_se_inactive_threshold"): u32 = 0x40,
        /// A constant of the chip.
        ENGAGEMENT_CRITERIA("gpu_se_engagement_criteria"): i32 = 0x48,
        /// A constant of the chip.
        RESET_CRITERIA("gpu_se_reset_criteria"): u32 = 0x4c,
        /// Unknown; 50.
        UNK_54("unk_54"): u32 = 0x54,
        /// Unknown; 1.
        UNK_58("unk_58"): u32 = 0x58,
        /// 1 less the inverse of the first time constant.
        FILTER_A_NEG("gpu_se_filter_a_neg"): f32 = 0x60,
        /// 1 less the inverse of the second time constant.
        FILTER_1_A_NEG("gpu_se_filter_1_a_neg"): f32 = 0x64,
        /// The inverse of the first time constant.
        FILTER_A("gpu_se_filter_a"): f32 = 0x68,
        /// The inverse of the second time constant.
        FILTER_1_A("gpu_se_filter_1_a"): f32 = 0x6c,
        /// Integral gain times the period in seconds.
        KI_DT("gpu_se_ki_dt"): f32 = 0x70,
        /// Second integral gain times the period in seconds.
        KI_1_DT("gpu_se_ki_1_dt"): f32 = 0x74,
        /// Unknown; 65536.0.
        UNK_7C("unk_7c"): f32 = 0x7c,
        /// Proportional gain.
        KP("gpu_se_kp"): f32 = 0x80,
        /// Second proportional gain.
        KP_1("gpu_se_kp_1"): f32 = 0x84,
        /// Unknown; 100.
        UNK_8C("unk_8c"): u32 = 0x8c,
        /// `M`, see [`HwDataA`](super::HwDataA).
        MAX_PSTATE_SCALED_1("max_pstate_scaled_1"): u32 = 0x90,
        /// Unknown; 8000.0.
        UNK_9C("unk_9c"): f32 = 0x9c,
        /// Unknown; 1400.
        UNK_A0("unk_a0"): u32 = 0xa0,
        /// First time constant, ms.
        TC_MS("gpu_se_filter_time_constant_ms"): u32 = 0xa8,
        /// Second time constant, ms.
        TC_1_MS("gpu_se_filter_time_constant_1_ms"): u32 = 0xac,
        /// First time constant, clocks.
        TC_CLKS("gpu_se_filter_time_constant_clks"): u64 = 0xb0,
        /// Second time constant, clocks.
        TC_1_CLKS("gpu_se_filter_time_constant_1_clks"): u64 = 0xb8,
        /// Unknown; 65536.0.
        UNK_C4("unk_c4"): f32 = 0xc4,
        /// Unknown; 65536.0.
        UNK_114("unk_114"): f32 = 0x114,
        /// Unknown; 40.
        UNK_124("unk_124"): u32 = 0x124,
        /// `M`, see [`HwDataA`](super::HwDataA).
        MAX_PSTATE_SCALED_2("max_pstate_scaled_2"): u32 = 0x128,
    }
}
