// SPDX-License-Identifier: MIT

//! Calibration data of the power controllers.

use super::{
    HwDataShared1,
    HwDataShared2,
    HwDataShared3,
    PowerZone,
    ShaderEngine, //
};
use crate::Opt;

layout! {
    /// Calibration data, mostly of the power controllers. Filled by the boot loader.
    ///
    /// In the values below: `P` is the highest power of all performance states in mW, `M` and `B`
    /// 100 times the highest and the base performance state, `period` the sample period of
    /// [`HwDataB`](super::HwDataB), `cpp` the timer's clocks in a period, `n`, `q` and `t` time
    /// constants in periods.
    pub struct HwDataA("AGXHWDataA"): 0x3d6c | 0x421c | 0x6c34 {
        /// The host writes `cpp = 24000·period (t602x 200000)`.
        CLOCKS_PER_PERIOD("clocks_per_period"): u32 = 0x4,
        /// The host writes `cpp`.
        CLOCKS_PER_PERIOD_2("clocks_per_period_2"): Opt<u32> = - | 0x8,
        /// The host writes `4`.
        PWR_STATUS("pwr_status"): u32 = 0x0c | 0x10,
        /// Unknown; the host writes `1.0`.
        UNK_10("unk_10"): f32 = 0x10 | 0x14,
        /// The host writes `1`.
        ACTUAL_PSTATE("actual_pstate"): u32 = 0x28 | 0x2c,
        /// The host writes `1`.
        TGT_PSTATE("tgt_pstate"): u32 = 0x2c | 0x30,
        /// The host writes `B`.
        BASE_PSTATE_SCALED("base_pstate_scaled"): u32 = 0x3c | 0x44,
        /// Unknown; the host writes `1`.
        UNK_40("unk_40"): u32 = 0x40 | 0x48,
        /// The host writes `M`.
        MAX_PSTATE_SCALED("max_pstate_scaled"): u32 = 0x44 | 0x4c,
        /// The host writes `100`.
        MIN_PSTATE_SCALED("min_pstate_scaled"): u32 = 0x4c | 0x54,
        /// The host writes `sram_k for each pstate`.
        SRAM_K("unk_74"): [f32; 16] = 0x74 | 0x80,
        /// Unknown; the host writes `625`.
        UNK_64C("unk_64c"): u32 = 0x64c | 0x658,
        /// The host writes `1−1/pwr_filter_tc`.
        PWR_FILTER_A_NEG("pwr_filter_a_neg"): f32 = 0x658 | 0x664,
        /// The host writes `1/pwr_filter_tc`.
        PWR_FILTER_A("pwr_filter_a"): f32 = 0x660 | 0x66c,
        /// A constant of the chip.
        PWR_INTEGRAL_GAIN("pwr_integral_gain"): f32 = 0x668 | 0x674,
        /// A constant of the chip.
        PWR_INTEGRAL_MIN_CLAMP("pwr_integral_min_clamp"): f32 = 0x670 | 0x67c,
        /// The host writes `P`.
        MAX_POWER_1("max_power_1"): f32 = 0x674 | 0x680,
        /// A constant of the chip.
        PWR_PROPORTIONAL_GAIN("pwr_proportional_gain"): f32 = 0x678 | 0x684,
        /// The host writes `−M/P`.
        PWR_PSTATE_RELATED_K("pwr_pstate_related_k"): f32 = 0x680 | 0x68c,
        /// The host writes `pwr_min_duty − M`.
        PWR_PSTATE_MAX_DC_OFFSET("pwr_pstate_max_dc_offset"): i32 = 0x684 | 0x690,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_2("max_pstate_scaled_2"): u32 = 0x68c | 0x698,
        /// The host writes `P`.
        MAX_POWER_2("max_power_2"): u32 = 0x698 | 0x6a4,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_3("max_pstate_scaled_3"): u32 = 0x6b8 | 0x6d4,
        /// The host writes `4·n, n = ppm_tc_ms/period`.
        PPM_FILTER_TC_PERIODS_X4("ppm_filter_tc_periods_x4"): u32 = 0x6d4 | 0x6f0,
        /// The host writes `1−1/n`.
        PPM_FILTER_A_NEG("ppm_filter_a_neg"): f32 = 0x6e0 | 0x6fc,
        /// The host writes `1/n`.
        PPM_FILTER_A("ppm_filter_a"): f32 = 0x6e8 | 0x704,
        /// The host writes `ppm_ki·period/1000`.
        PPM_KI_DT("ppm_ki_dt"): f32 = 0x6f0 | 0x70c,
        /// Unknown; the host writes `65536.0`.
        UNK_6FC("unk_6fc"): f32 = 0x6fc | 0x718,
        /// A constant of the chip.
        PPM_KP("ppm_kp"): f32 = 0x700 | 0x71c,
        /// A constant of the chip.
        PWR_MIN_DUTY_CYCLE("pwr_min_duty_cycle"): u32 = 0x70c | 0x728,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_4("max_pstate_scaled_4"): u32 = 0x710 | 0x72c,
        /// The host writes `P`.
        MAX_POWER_3("max_power_3"): u32 = 0x720 | 0x73c,
        /// A constant of the chip.
        PPM_FILTER_TC_MS("ppm_filter_tc_ms"): u32 = 0x728 | 0x744,
        /// The host writes `n·period·24000`.
        PPM_FILTER_TC_CLKS("ppm_filter_tc_clks"): Opt<u32> = - | 0x74c,
        /// A constant of the chip.
        PERF_TGT_UTILIZATION("perf_tgt_utilization"): u32 = 0x75c | 0x788,
        /// A constant of the chip.
        PERF_BOOST_MIN_UTIL("perf_boost_min_util"): u32 = 0x764 | 0x790,
        /// A constant of the chip.
        PERF_BOOST_CE_STEP("perf_boost_ce_step"): u32 = 0x768 | 0x794,
        /// A constant of the chip.
        PERF_RESET_ITERS("perf_reset_iters"): u32 = 0x76c | 0x798,
        /// Unknown; the host writes `6`.
        UNK_774("unk_774"): u32 = 0x774 | 0x7a0,
        /// Unknown; the host writes `1`.
        UNK_778("unk_778"): u32 = 0x778 | 0x7a4,
        /// A constant of the chip.
        PERF_FILTER_DROP_THRESHOLD("perf_filter_drop_threshold"): u32 = 0x77c | 0x7a8,
        /// The host writes `1−1/tc`.
        PERF_FILTER_A_NEG("perf_filter_a_neg"): f32 = 0x780 | 0x7ac,
        /// The host writes `1−1/tc2`.
        PERF_FILTER_A2_NEG("perf_filter_a2_neg"): f32 = 0x784 | 0x7b0,
        /// The host writes `1/tc`.
        PERF_FILTER_A("perf_filter_a"): f32 = 0x788 | 0x7b4,
        /// The host writes `1/tc2`.
        PERF_FILTER_A2("perf_filter_a2"): f32 = 0x78c | 0x7b8,
        /// A constant of the chip.
        PERF_KI("perf_ki"): f32 = 0x790 | 0x7bc,
        /// A constant of the chip.
        PERF_KI2("perf_ki2"): f32 = 0x794 | 0x7c0,
        /// A constant of the chip.
        PERF_INTEGRAL_MIN_CLAMP("perf_integral_min_clamp"): f32 = 0x798 | 0x7c4,
        /// Unknown; the host writes `95.0`.
        UNK_79C("unk_79c"): f32 = 0x79c | 0x7c8,
        /// A constant of the chip.
        PERF_KP("perf_kp"): f32 = 0x7a0 | 0x7cc,
        /// A constant of the chip.
        PERF_KP2("perf_kp2"): f32 = 0x7a4 | 0x7d0,
        /// The host writes `(max−base pstate)/0.95`.
        BOOST_STATE_UNK_K("boost_state_unk_k"): f32 = 0x7a8 | 0x7d4,
        /// The host writes `B`.
        BASE_PSTATE_SCALED_2("base_pstate_scaled_2"): u32 = 0x7ac | 0x7d8,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_5("max_pstate_scaled_5"): u32 = 0x7b0 | 0x7dc,
        /// The host writes `B`.
        BASE_PSTATE_SCALED_3("base_pstate_scaled_3"): u32 = 0x7b4 | 0x7e0,
        /// A constant of the chip.
        PERF_TGT_UTILIZATION_2("perf_tgt_utilization_2"): u32 = 0x7c0 | 0x7ec,
        /// The host writes `B`.
        BASE_PSTATE_SCALED_4("base_pstate_scaled_4"): u32 = 0x7e0 | 0x81c,
        /// Unknown; the host writes `65536.0`.
        UNK_7FC("unk_7fc"): f32 = 0x7fc | 0x838,
        /// A constant of the chip.
        PWR_MIN_DUTY_CYCLE_2("pwr_min_duty_cycle_2"): f32 = 0x800 | 0x83c,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_6("max_pstate_scaled_6"): f32 = 0x804 | 0x840,
        /// The host writes `max MHz`.
        MAX_FREQ_MHZ("max_freq_mhz"): u32 = 0x808 | 0x844,
        /// A constant of the chip.
        PWR_MIN_DUTY_CYCLE_3("pwr_min_duty_cycle_3"): u32 = 0x818 | 0x854,
        /// The host writes `100.0`.
        MIN_PSTATE_SCALED_4("min_pstate_scaled_4"): f32 = 0x824 | 0x860,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_7("max_pstate_scaled_7"): u32 = 0x828 | 0x864,
        /// Unknown; the host writes `0.8`.
        UNK_ALPHA_NEG("unk_alpha_neg"): f32 = 0x830 | 0x86c,
        /// Unknown; the host writes `0.2`.
        UNK_ALPHA("unk_alpha"): f32 = 0x834 | 0x870,
        /// The host writes `k[0]`.
        FAST_DIE0_SENSOR_MASK("fast_die0_sensor_mask64"): u64 = 0x870 | 0x8ac,
        /// The value for the second die, as the one before.
        FAST_DIE1_SENSOR_MASK("fast_die1_sensor_mask64"): Opt<u64> = - | - | 0x8b4,
        /// The host writes `100·release`.
        FAST_DIE0_RELEASE_TEMP_CC("fast_die0_release_temp_cc"): u32 = 0x878 | 0x8b4 | 0x8bc,
        /// Unknown; the host writes `k (i32)`.
        UNK_87C("unk_87c"): i32 = 0x87c | 0x8b8 | 0x8c0,
        /// Unknown; the host writes `4`.
        UNK_880("unk_880"): u32 = 0x880 | 0x8bc | 0x8c4,
        /// Unknown; the host writes `1.0`.
        UNK_894("unk_894"): f32 = 0x894 | 0x8d0 | 0x8d8,
        /// The host writes `gain·period/1000`.
        FAST_DIE0_KI_DT("fast_die0_ki_dt"): f32 = 0x89c | 0x8d8 | 0x8e0,
        /// Unknown; the host writes `65536.0`.
        UNK_8A8("unk_8a8"): f32 = 0x8a8 | 0x8e4 | 0x8ec,
        /// A constant of the chip.
        FAST_DIE0_KP("fast_die0_kp"): f32 = 0x8ac | 0x8e8 | 0x8f0,
        /// A constant of the chip.
        PWR_MIN_DUTY_CYCLE_4("pwr_min_duty_cycle_4"): u32 = 0x8b8 | 0x8f4 | 0x8fc,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_8("max_pstate_scaled_8"): u32 = 0x8bc | 0x8f8 | 0x900,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_9("max_pstate_scaled_9"): u32 = 0x8c0 | 0x8fc | 0x904,
        /// The host writes `100·k`.
        FAST_DIE0_PROP_TGT_DELTA("fast_die0_prop_tgt_delta"): u32 = 0x8c4 | 0x900 | 0x908,
        /// A constant of the chip.
        UNK_8CC("unk_8cc"): u32 = 0x8cc | 0x908 | 0x910,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_10("max_pstate_scaled_10"): u32 = 0x8ec | 0x938 | 0x940,
        /// Unknown; the host writes `per cluster rows`.
        UNK_COEF_A1("unk_924"): Opt<[[f32; 8]; 8]> = 0x924 | 0x970 | -,
        /// The wide form of the table before, with more rows.
        UNK_COEF_A1_WIDE("unk_924"): Opt<[[f32; 16]; 8]> = - | - | 0x978,
        /// As the one before.
        UNK_COEF_A2("unk_a24"): Opt<[[f32; 8]; 8]> = 0xa24 | 0xa70 | -,
        /// The wide form of the table before, with more rows.
        UNK_COEF_A2_WIDE("unk_a24"): Opt<[[f32; 16]; 8]> = - | - | 0xb78,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_11("max_pstate_scaled_11"): u32 = 0xb94 | 0xbe0 | 0xde8,
        /// Unknown; the host writes `1`.
        UNK_C2C("unk_c2c"): u32 = 0xc2c | 0xe80 | 0x1088,
        /// A constant of the chip.
        POWER_ZONE_COUNT("power_zone_count"): u32 = 0xc30 | 0xe84 | 0x108c,
        /// The host writes `P`.
        MAX_POWER_4("max_power_4"): u32 = 0xc34 | 0xe88 | 0x1090,
        /// The host writes `P`.
        MAX_POWER_5("max_power_5"): u32 = 0xc38 | 0xe8c | 0x1094,
        /// The host writes `P`.
        MAX_POWER_6("max_power_6"): u32 = 0xc3c | 0xe90 | 0x1098,
        /// The host writes `1−1/t, t = target tc`.
        AVG_POWER_TARGET_FILTER_A_NEG("avg_power_target_filter_a_neg"): f32 =
            0xc48 | 0xe9c | 0x10a4,
        /// The host writes `1/t`.
        AVG_POWER_TARGET_FILTER_A("avg_power_target_filter_a"): f32 = 0xc4c | 0xea0 | 0x10a8,
        /// The host writes `4·t`.
        AVG_POWER_TARGET_FILTER_TC_X4("avg_power_target_filter_tc_x4"): u32 =
            0xc50 | 0xea4 | 0x10ac,
        /// The host writes `t·period`.
        AVG_POWER_TARGET_FILTER_TC_XPERIOD("avg_power_target_filter_tc_xperiod"): u32 =
            0xc54 | 0xea8 | 0x10b0,
        /// The host writes `t·period·24000`.
        AVG_POWER_TARGET_FILTER_TC_CLKS("avg_power_target_filter_tc_clks"): Opt<u32> =
            - | 0xeac | 0x10b4,
        /// The host writes `zones, see below`.
        POWER_ZONES("power_zones"): [PowerZone; 5] = 0xc58 | 0xeb4 | 0x10bc,
        /// The host writes `4·q, q = avg_tc_ms/period`.
        AVG_POWER_FILTER_TC_PERIODS_X4("avg_power_filter_tc_periods_x4"): u32 =
            0xcf8 | 0xf7c | 0x1184,
        /// The host writes `1−1/q`.
        AVG_POWER_FILTER_A_NEG("avg_power_filter_a_neg"): f32 = 0xd04 | 0xf88 | 0x1190,
        /// The host writes `1/q`.
        AVG_POWER_FILTER_A("avg_power_filter_a"): f32 = 0xd0c | 0xf90 | 0x1198,
        /// The host writes `ki_only·period/1000`.
        AVG_POWER_KI_DT("avg_power_ki_dt"): f32 = 0xd14 | 0xf98 | 0x11a0,
        /// Unknown; the host writes `65536.0`.
        UNK_D20("unk_d20"): f32 = 0xd20 | 0xfa4 | 0x11ac,
        /// A constant of the chip.
        AVG_POWER_KP("avg_power_kp"): f32 = 0xd24 | 0xfa8 | 0x11b0,
        /// A constant of the chip.
        AVG_POWER_MIN_DUTY_CYCLE("avg_power_min_duty_cycle"): u32 = 0xd30 | 0xfb4 | 0x11bc,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_12("max_pstate_scaled_12"): u32 = 0xd34 | 0xfb8 | 0x11c0,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_13("max_pstate_scaled_13"): u32 = 0xd38 | 0xfbc | 0x11c4,
        /// The host writes `P`.
        MAX_POWER_7("max_power_7"): f32 = 0xd40 | 0xfc4 | 0x11cc,
        /// The host writes `P`.
        MAX_POWER_8("max_power_8"): u32 = 0xd44 | 0xfc8 | 0x11d0,
        /// A constant of the chip.
        AVG_POWER_FILTER_TC_MS("avg_power_filter_tc_ms"): u32 = 0xd4c | 0xfd0 | 0x11d8,
        /// The host writes `q·period·24000`.
        AVG_POWER_FILTER_TC_CLKS("avg_power_filter_tc_clks"): Opt<u32> = - | 0xfd8 | 0x11e0,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_14("max_pstate_scaled_14"): u32 = 0xd64 | 0xff8 | 0x1200,
        /// See [`ShaderEngine`].
        UNK_E10_0("unk_e10_0"): Opt<ShaderEngine> = - | 0x10b4 | 0x12bc,
        /// The host writes `k[0]`.
        FAST_DIE0_SENSOR_MASK_2("fast_die0_sensor_mask64_2"): u64 = 0x0e1c | 0x1278 | 0x1480,
        /// The value for the second die, as the one before.
        FAST_DIE1_SENSOR_MASK_2("fast_die1_sensor_mask64_2"): Opt<u64> = - | - | 0x1488,
        /// A constant of the chip.
        UNK_E24("unk_e24"): u32 = 0x0e24 | 0x1280 | 0x1490,
        /// Unknown; the host writes `1`.
        UNK_E28("unk_e28"): u32 = 0x0e28 | 0x1284 | 0x1494,
        /// A row for each cluster.
        UNK_COEF_B1("unk_e48"): Opt<[[f32; 8]; 8]> = 0x0e48 | 0x12a4 | -,
        /// The wide form of the table before, with more rows.
        UNK_COEF_B1_WIDE("unk_e48"): Opt<[[f32; 16]; 8]> = - | - | 0x14b4,
        /// A row for each cluster.
        UNK_COEF_B2("unk_f48"): Opt<[[f32; 8]; 8]> = 0x0f48 | 0x13a4 | -,
        /// The wide form of the table before, with more rows.
        UNK_COEF_B2_WIDE("unk_f48"): Opt<[[f32; 16]; 8]> = - | - | 0x16b4,
        /// The host writes `k[0]`.
        FAST_DIE0_SENSOR_MASK_ALT("fast_die0_sensor_mask64_alt"): u64 = 0x162c | 0x1a88 | 0x2498,
        /// The value for the second die, as the one before.
        FAST_DIE1_SENSOR_MASK_ALT("fast_die1_sensor_mask64_alt"): Opt<u64> = - | - | 0x24a0,
        /// Unknown; the host writes `1`.
        UNK_163C("unk_163c"): u32 = 0x163c | 0x1a90 | 0x24a8,
        /// See [`HwDataShared1`].
        HWS1("hws1"): HwDataShared1 = 0x3648 | 0x3a9c | 0x64b4,
        /// Unknown; the host writes `u16×16: curve2.t1[i]/2, 0xffff→0`.
        UNK_HWS2("unk_hws2"): Opt<[u16; 16]> = - | 0x3b44 | 0x655c,
        /// See [`HwDataShared2`].
        HWS2("hws2"): HwDataShared2 = 0x36f0 | 0x3b64 | 0x657c,
        /// See [`HwDataShared3`].
        HWS3("hws3"): HwDataShared3 = 0x3c08 | 0x407c | 0x6a94,
        /// Unknown; the host writes `1`.
        UNK_3CE8("unk_3ce8"): u32 = 0x3ce8 | 0x4160 | 0x6b78,
        /// The host writes `per cluster`.
        CORE_LEAK_COEF("unk_3cf4"): [f32; 8] = 0x3cf4 | 0x416c | 0x6b84,
        /// The host writes `per cluster`.
        SRAM_LEAK_COEF("unk_3d14"): [f32; 8] = 0x3d14 | 0x418c | 0x6ba4,
        /// The host writes `CS/AFR leak, t602x`.
        AUX_LEAK_COEF("unk_3d34_0"): Opt<[f32; 8]> = - | 0x41ac | 0x6bc4,
    }
}
