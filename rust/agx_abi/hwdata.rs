// SPDX-License-Identifier: MIT

//! Calibration data from the boot loader: [`HwDataA`], [`HwDataB`] and the blocks in them.

use crate::Field;

layout! {
    /// Calibration data, mostly of the power controllers. Filled by the boot loader.
    ///
    /// In the values below: `P` is the highest power of all performance states in mW, `M` and `B`
    /// 100 times the highest and the base performance state, `period`
    /// [`HwDataB::POWER_SAMPLE_PERIOD`], `cpp` the timer's clocks in a period, `n`, `q` and `t`
    /// time constants in periods.
    pub struct HwDataA("AGXHWDataA"): 0x3d6c | 0x421c | 0x6c34 {
        /// `cpp = 24000·period (t602x 200000)`.
        CLOCKS_PER_PERIOD("clocks_per_period"): u32 = 0x4,
        /// `cpp`.
        CLOCKS_PER_PERIOD_2("clocks_per_period_2"): u32 = - | 0x8,
        /// `4`.
        PWR_STATUS("pwr_status"): u32 = 0x0c | 0x10,
        /// `1.0`.
        UNK_10("unk_10"): f32 = 0x10 | 0x14,
        /// `1`.
        ACTUAL_PSTATE("actual_pstate"): u32 = 0x28 | 0x2c,
        /// `1`.
        TGT_PSTATE("tgt_pstate"): u32 = 0x2c | 0x30,
        /// `B`.
        BASE_PSTATE_SCALED("base_pstate_scaled"): u32 = 0x3c | 0x44,
        /// `1`.
        UNK_40("unk_40"): u32 = 0x40 | 0x48,
        /// `M`.
        MAX_PSTATE_SCALED("max_pstate_scaled"): u32 = 0x44 | 0x4c,
        /// `100`.
        MIN_PSTATE_SCALED("min_pstate_scaled"): u32 = 0x4c | 0x54,
        /// `sram_k for each pstate`.
        SRAM_K("unk_74"): [f32; 16] = 0x74 | 0x80,
        /// `625`.
        UNK_64C("unk_64c"): u32 = 0x64c | 0x658,
        /// `1−1/pwr_filter_tc`.
        PWR_FILTER_A_NEG("pwr_filter_a_neg"): f32 = 0x658 | 0x664,
        /// `1/pwr_filter_tc`.
        PWR_FILTER_A("pwr_filter_a"): f32 = 0x660 | 0x66c,
        /// A constant of the chip.
        PWR_INTEGRAL_GAIN("pwr_integral_gain"): f32 = 0x668 | 0x674,
        /// A constant of the chip.
        PWR_INTEGRAL_MIN_CLAMP("pwr_integral_min_clamp"): f32 = 0x670 | 0x67c,
        /// `P`.
        MAX_POWER_1("max_power_1"): f32 = 0x674 | 0x680,
        /// A constant of the chip.
        PWR_PROPORTIONAL_GAIN("pwr_proportional_gain"): f32 = 0x678 | 0x684,
        /// `−M/P`.
        PWR_PSTATE_RELATED_K("pwr_pstate_related_k"): f32 = 0x680 | 0x68c,
        /// `pwr_min_duty − M`.
        PWR_PSTATE_MAX_DC_OFFSET("pwr_pstate_max_dc_offset"): i32 = 0x684 | 0x690,
        /// `M`.
        MAX_PSTATE_SCALED_2("max_pstate_scaled_2"): u32 = 0x68c | 0x698,
        /// `P`.
        MAX_POWER_2("max_power_2"): u32 = 0x698 | 0x6a4,
        /// `M`.
        MAX_PSTATE_SCALED_3("max_pstate_scaled_3"): u32 = 0x6b8 | 0x6d4,
        /// `4·n, n = ppm_tc_ms/period`.
        PPM_FILTER_TC_PERIODS_X4("ppm_filter_tc_periods_x4"): u32 = 0x6d4 | 0x6f0,
        /// `1−1/n`.
        PPM_FILTER_A_NEG("ppm_filter_a_neg"): f32 = 0x6e0 | 0x6fc,
        /// `1/n`.
        PPM_FILTER_A("ppm_filter_a"): f32 = 0x6e8 | 0x704,
        /// `ppm_ki·period/1000`.
        PPM_KI_DT("ppm_ki_dt"): f32 = 0x6f0 | 0x70c,
        /// `65536.0`.
        UNK_6FC("unk_6fc"): f32 = 0x6fc | 0x718,
        /// A constant of the chip.
        PPM_KP("ppm_kp"): f32 = 0x700 | 0x71c,
        /// A constant of the chip.
        PWR_MIN_DUTY_CYCLE("pwr_min_duty_cycle"): u32 = 0x70c | 0x728,
        /// `M`.
        MAX_PSTATE_SCALED_4("max_pstate_scaled_4"): u32 = 0x710 | 0x72c,
        /// `P`.
        MAX_POWER_3("max_power_3"): u32 = 0x720 | 0x73c,
        /// A constant of the chip.
        PPM_FILTER_TC_MS("ppm_filter_tc_ms"): u32 = 0x728 | 0x744,
        /// `n·period·24000`.
        PPM_FILTER_TC_CLKS("ppm_filter_tc_clks"): u32 = - | 0x74c,
        /// A constant of the chip.
        PERF_TGT_UTILIZATION("perf_tgt_utilization"): u32 = 0x75c | 0x788,
        /// A constant of the chip.
        PERF_BOOST_MIN_UTIL("perf_boost_min_util"): u32 = 0x764 | 0x790,
        /// A constant of the chip.
        PERF_BOOST_CE_STEP("perf_boost_ce_step"): u32 = 0x768 | 0x794,
        /// A constant of the chip.
        PERF_RESET_ITERS("perf_reset_iters"): u32 = 0x76c | 0x798,
        /// `6`.
        UNK_774("unk_774"): u32 = 0x774 | 0x7a0,
        /// `1`.
        UNK_778("unk_778"): u32 = 0x778 | 0x7a4,
        /// A constant of the chip.
        PERF_FILTER_DROP_THRESHOLD("perf_filter_drop_threshold"): u32 = 0x77c | 0x7a8,
        /// `1−1/tc`.
        PERF_FILTER_A_NEG("perf_filter_a_neg"): f32 = 0x780 | 0x7ac,
        /// `1−1/tc2`.
        PERF_FILTER_A2_NEG("perf_filter_a2_neg"): f32 = 0x784 | 0x7b0,
        /// `1/tc`.
        PERF_FILTER_A("perf_filter_a"): f32 = 0x788 | 0x7b4,
        /// `1/tc2`.
        PERF_FILTER_A2("perf_filter_a2"): f32 = 0x78c | 0x7b8,
        /// A constant of the chip.
        PERF_KI("perf_ki"): f32 = 0x790 | 0x7bc,
        /// A constant of the chip.
        PERF_KI2("perf_ki2"): f32 = 0x794 | 0x7c0,
        /// A constant of the chip.
        PERF_INTEGRAL_MIN_CLAMP("perf_integral_min_clamp"): f32 = 0x798 | 0x7c4,
        /// `95.0`.
        UNK_79C("unk_79c"): f32 = 0x79c | 0x7c8,
        /// A constant of the chip.
        PERF_KP("perf_kp"): f32 = 0x7a0 | 0x7cc,
        /// A constant of the chip.
        PERF_KP2("perf_kp2"): f32 = 0x7a4 | 0x7d0,
        /// `(max−base pstate)/0.95`.
        BOOST_STATE_UNK_K("boost_state_unk_k"): f32 = 0x7a8 | 0x7d4,
        /// `B`.
        BASE_PSTATE_SCALED_2("base_pstate_scaled_2"): u32 = 0x7ac | 0x7d8,
        /// `M`.
        MAX_PSTATE_SCALED_5("max_pstate_scaled_5"): u32 = 0x7b0 | 0x7dc,
        /// `B`.
        BASE_PSTATE_SCALED_3("base_pstate_scaled_3"): u32 = 0x7b4 | 0x7e0,
        /// A constant of the chip.
        PERF_TGT_UTILIZATION_2("perf_tgt_utilization_2"): u32 = 0x7c0 | 0x7ec,
        /// `B`.
        BASE_PSTATE_SCALED_4("base_pstate_scaled_4"): u32 = 0x7e0 | 0x81c,
        /// `65536.0`.
        UNK_7FC("unk_7fc"): f32 = 0x7fc | 0x838,
        /// A constant of the chip.
        PWR_MIN_DUTY_CYCLE_2("pwr_min_duty_cycle_2"): f32 = 0x800 | 0x83c,
        /// `M`.
        MAX_PSTATE_SCALED_6("max_pstate_scaled_6"): f32 = 0x804 | 0x840,
        /// `max MHz`.
        MAX_FREQ_MHZ("max_freq_mhz"): u32 = 0x808 | 0x844,
        /// A constant of the chip.
        PWR_MIN_DUTY_CYCLE_3("pwr_min_duty_cycle_3"): u32 = 0x818 | 0x854,
        /// `100.0`.
        MIN_PSTATE_SCALED_4("min_pstate_scaled_4"): f32 = 0x824 | 0x860,
        /// `M`.
        MAX_PSTATE_SCALED_7("max_pstate_scaled_7"): u32 = 0x828 | 0x864,
        /// `0.8`.
        UNK_ALPHA_NEG("unk_alpha_neg"): f32 = 0x830 | 0x86c,
        /// `0.2`.
        UNK_ALPHA("unk_alpha"): f32 = 0x834 | 0x870,
        /// `k[0]`.
        FAST_DIE0_SENSOR_MASK("fast_die0_sensor_mask64"): u64 = 0x870 | 0x8ac,
        /// `100·release`.
        FAST_DIE0_RELEASE_TEMP_CC("fast_die0_release_temp_cc"): u32 = 0x878 | 0x8b4 | 0x8bc,
        /// `k (i32)`.
        UNK_87C("unk_87c"): i32 = 0x87c | 0x8b8 | 0x8c0,
        /// `4`.
        UNK_880("unk_880"): u32 = 0x880 | 0x8bc | 0x8c4,
        /// `1.0`.
        UNK_894("unk_894"): f32 = 0x894 | 0x8d0 | 0x8d8,
        /// `gain·period/1000`.
        FAST_DIE0_KI_DT("fast_die0_ki_dt"): f32 = 0x89c | 0x8d8 | 0x8e0,
        /// `65536.0`.
        UNK_8A8("unk_8a8"): f32 = 0x8a8 | 0x8e4 | 0x8ec,
        /// A constant of the chip.
        FAST_DIE0_KP("fast_die0_kp"): f32 = 0x8ac | 0x8e8 | 0x8f0,
        /// A constant of the chip.
        PWR_MIN_DUTY_CYCLE_4("pwr_min_duty_cycle_4"): u32 = 0x8b8 | 0x8f4 | 0x8fc,
        /// `M`.
        MAX_PSTATE_SCALED_8("max_pstate_scaled_8"): u32 = 0x8bc | 0x8f8 | 0x900,
        /// `M`.
        MAX_PSTATE_SCALED_9("max_pstate_scaled_9"): u32 = 0x8c0 | 0x8fc | 0x904,
        /// `100·k`.
        FAST_DIE0_PROP_TGT_DELTA("fast_die0_prop_tgt_delta"): u32 = 0x8c4 | 0x900 | 0x908,
        /// A constant of the chip.
        UNK_8CC("unk_8cc"): u32 = 0x8cc | 0x908 | 0x910,
        /// `M`.
        MAX_PSTATE_SCALED_10("max_pstate_scaled_10"): u32 = 0x8ec | 0x938 | 0x940,
        /// `per cluster rows`.
        UNK_COEF_A1("unk_924"): [[f32; 8]; 8] = 0x924 | 0x970 | -,
        /// The same with more rows.
        UNK_COEF_A1_WIDE("unk_924"): [[f32; 16]; 8] = - | - | 0x978,
        /// As the one before.
        UNK_COEF_A2("unk_a24"): [[f32; 8]; 8] = 0xa24 | 0xa70 | -,
        /// The same with more rows.
        UNK_COEF_A2_WIDE("unk_a24"): [[f32; 16]; 8] = - | - | 0xb78,
        /// `M`.
        MAX_PSTATE_SCALED_11("max_pstate_scaled_11"): u32 = 0xb94 | 0xbe0 | 0xde8,
        /// `1`.
        UNK_C2C("unk_c2c"): u32 = 0xc2c | 0xe80 | 0x1088,
        /// A constant of the chip.
        POWER_ZONE_COUNT("power_zone_count"): u32 = 0xc30 | 0xe84 | 0x108c,
        /// `P`.
        MAX_POWER_4("max_power_4"): u32 = 0xc34 | 0xe88 | 0x1090,
        /// `P`.
        MAX_POWER_5("max_power_5"): u32 = 0xc38 | 0xe8c | 0x1094,
        /// `P`.
        MAX_POWER_6("max_power_6"): u32 = 0xc3c | 0xe90 | 0x1098,
        /// `1−1/t, t = target tc`.
        AVG_POWER_TARGET_FILTER_A_NEG("avg_power_target_filter_a_neg"): f32 =
            0xc48 | 0xe9c | 0x10a4,
        /// `1/t`.
        AVG_POWER_TARGET_FILTER_A("avg_power_target_filter_a"): f32 = 0xc4c | 0xea0 | 0x10a8,
        /// `4·t`.
        AVG_POWER_TARGET_FILTER_TC_X4("avg_power_target_filter_tc_x4"): u32 =
            0xc50 | 0xea4 | 0x10ac,
        /// `t·period`.
        AVG_POWER_TARGET_FILTER_TC_XPERIOD("avg_power_target_filter_tc_xperiod"): u32 =
            0xc54 | 0xea8 | 0x10b0,
        /// `t·period·24000`.
        AVG_POWER_TARGET_FILTER_TC_CLKS("avg_power_target_filter_tc_clks"): u32 =
            - | 0xeac | 0x10b4,
        /// `zones, see below`.
        POWER_ZONES("power_zones"): [PowerZone; 5] = 0xc58 | 0xeb4 | 0x10bc,
        /// `4·q, q = avg_tc_ms/period`.
        AVG_POWER_FILTER_TC_PERIODS_X4("avg_power_filter_tc_periods_x4"): u32 =
            0xcf8 | 0xf7c | 0x1184,
        /// `1−1/q`.
        AVG_POWER_FILTER_A_NEG("avg_power_filter_a_neg"): f32 = 0xd04 | 0xf88 | 0x1190,
        /// `1/q`.
        AVG_POWER_FILTER_A("avg_power_filter_a"): f32 = 0xd0c | 0xf90 | 0x1198,
        /// `ki_only·period/1000`.
        AVG_POWER_KI_DT("avg_power_ki_dt"): f32 = 0xd14 | 0xf98 | 0x11a0,
        /// `65536.0`.
        UNK_D20("unk_d20"): f32 = 0xd20 | 0xfa4 | 0x11ac,
        /// A constant of the chip.
        AVG_POWER_KP("avg_power_kp"): f32 = 0xd24 | 0xfa8 | 0x11b0,
        /// A constant of the chip.
        AVG_POWER_MIN_DUTY_CYCLE("avg_power_min_duty_cycle"): u32 = 0xd30 | 0xfb4 | 0x11bc,
        /// `M`.
        MAX_PSTATE_SCALED_12("max_pstate_scaled_12"): u32 = 0xd34 | 0xfb8 | 0x11c0,
        /// `M`.
        MAX_PSTATE_SCALED_13("max_pstate_scaled_13"): u32 = 0xd38 | 0xfbc | 0x11c4,
        /// `P`.
        MAX_POWER_7("max_power_7"): f32 = 0xd40 | 0xfc4 | 0x11cc,
        /// `P`.
        MAX_POWER_8("max_power_8"): u32 = 0xd44 | 0xfc8 | 0x11d0,
        /// A constant of the chip.
        AVG_POWER_FILTER_TC_MS("avg_power_filter_tc_ms"): u32 = 0xd4c | 0xfd0 | 0x11d8,
        /// `q·period·24000`.
        AVG_POWER_FILTER_TC_CLKS("avg_power_filter_tc_clks"): u32 = - | 0xfd8 | 0x11e0,
        /// `M`.
        MAX_PSTATE_SCALED_14("max_pstate_scaled_14"): u32 = 0xd64 | 0xff8 | 0x1200,
        /// See [`ShaderEngine`].
        UNK_E10_0("unk_e10_0"): ShaderEngine = - | 0x10b4 | 0x12bc,
        /// `k[0]`.
        FAST_DIE0_SENSOR_MASK_2("fast_die0_sensor_mask64_2"): u64 = 0x0e1c | 0x1278 | 0x1480,
        /// A constant of the chip.
        UNK_E24("unk_e24"): u32 = 0x0e24 | 0x1280 | 0x1490,
        /// `1`.
        UNK_E28("unk_e28"): u32 = 0x0e28 | 0x1284 | 0x1494,
        /// A row for each cluster.
        UNK_COEF_B1("unk_e48"): [[f32; 8]; 8] = 0x0e48 | 0x12a4 | -,
        /// The same with more rows.
        UNK_COEF_B1_WIDE("unk_e48"): [[f32; 16]; 8] = - | - | 0x14b4,
        /// A row for each cluster.
        UNK_COEF_B2("unk_f48"): [[f32; 8]; 8] = 0x0f48 | 0x13a4 | -,
        /// The same with more rows.
        UNK_COEF_B2_WIDE("unk_f48"): [[f32; 16]; 8] = - | - | 0x16b4,
        /// `k[0]`.
        FAST_DIE0_SENSOR_MASK_ALT("fast_die0_sensor_mask64_alt"): u64 = 0x162c | 0x1a88 | 0x2498,
        /// `1`.
        UNK_163C("unk_163c"): u32 = 0x163c | 0x1a90 | 0x24a8,
        /// See [`HwDataShared1`].
        HWS1("hws1"): HwDataShared1 = 0x3648 | 0x3a9c | 0x64b4,
        /// `u16×16: curve2.t1[i]/2, 0xffff→0`.
        UNK_HWS2("unk_hws2"): [u16; 16] = - | 0x3b44 | 0x655c,
        /// See [`HwDataShared2`].
        HWS2("hws2"): HwDataShared2 = 0x36f0 | 0x3b64 | 0x657c,
        /// See [`HwDataShared3`].
        HWS3("hws3"): HwDataShared3 = 0x3c08 | 0x407c | 0x6a94,
        /// `1`.
        UNK_3CE8("unk_3ce8"): u32 = 0x3ce8 | 0x4160 | 0x6b78,
        /// `per cluster`.
        CORE_LEAK_COEF("unk_3cf4"): [f32; 8] = 0x3cf4 | 0x416c | 0x6b84,
        /// `per cluster`.
        SRAM_LEAK_COEF("unk_3d14"): [f32; 8] = 0x3d14 | 0x418c | 0x6ba4,
        /// `CS/AFR leak, t602x`.
        AUX_LEAK_COEF("unk_3d34_0"): [f32; 8] = - | 0x41ac | 0x6bc4,
    }

    /// Calibration data, mostly of the GPU. Filled by the boot loader, but for what is the
    /// driver's.
    pub struct HwDataB("AGXHWDataB"): 0x0b6c | 0x1884 {
        /// `0x1400000000`.
        UNK_8("unk_8"): u64 = 0x8 | 0x0,
        /// `0xffc00000`.
        UNK_18("unk_18"): u64 = 0x18 | 0x8,
        /// 0.
        UNK_20("unk_20"): u64 = 0x20 | 0x10,
        /// 0.
        UNK_28("unk_28"): u64 = 0x28 | 0x18,
        /// Address of the dummy page, see [`crate::uat::DUMMY_PAGE`].
        UNK_30("unk_30"): u64 = 0x30 | 0x20,
        /// See [`crate::uat::TIMESTAMP_BASE`].
        TIMESTAMP_AREA_BASE("timestamp_region_base"): u64 = 0x38 | 0x28,
        /// Device registers that the firmware uses, see [`IoMapping`]. The driver's.
        IO_MAPPINGS("io_mappings+0"): [IoMapping; 20] = 0x1d0 | 0x640,
        /// The rest of that list. See [`HwDataB::io_mapping`].
        MORE_IO_MAPPINGS("io_mappings+640"): [IoMapping; 5] = - | 0x8c0,
        /// Address of the GPU's SRAM, on chips that have one. The driver's.
        SGX_SRAM_PTR("sgx_sram_ptr"): u64 = - | 0x960,
        /// Number of the chip: `0x8103` …
        CHIP_ID("chip_id"): u32 = 0x450 | 0x968,
        /// A constant of the chip.
        UNK_454("unk_454"): u32 = 0x454 | 0x96c,
        /// `1`.
        UNK_458("unk_458"): u32 = 0x458 | 0x970,
        /// `1`.
        UNK_460("unk_460"): u32 = 0x460 | 0x978,
        /// `1`.
        UNK_464("unk_464"): u32 = 0x464 | 0x97c,
        /// `1`.
        UNK_468("unk_468"): u32 = 0x468 | 0x980,
        /// `1`.
        UNK_47C("unk_47c"): u32 = 0x47c | 0x994,
        /// `1`.
        UNK_484("unk_484"): u32 = 0x484 | 0x99c,
        /// `1`.
        UNK_48C("unk_48c"): u32 = 0x48c | 0x9a4,
        /// 24000: clock of the timer, kHz.
        BASE_CLOCK_KHZ("base_clock_khz"): u32 = 0x490 | 0x9a8,
        /// 8: period of the power controller, ms.
        POWER_SAMPLE_PERIOD("power_sample_period"): u32 = 0x494 | 0x9ac,
        /// `1`.
        UNK_49C("unk_49c"): u32 = 0x49c | 0x9b4,
        /// `1`.
        UNK_4A0("unk_4a0"): u32 = 0x4a0 | 0x9b8,
        /// `1`.
        UNK_4A4("unk_4a4"): u32 = 0x4a4 | 0x9bc,
        /// `0x1f`.
        UNK_4C0("unk_4c0"): u32 = 0x4c0 | 0x9d8,
        /// A constant of the chip.
        UNK_4E0("unk_4e0"): u64 = 0x4e0 | 0x9f8,
        /// `1`.
        UNK_4F0("unk_4f0"): u32 = 0x4f0 | 0xa08,
        /// `1`.
        UNK_4F4("unk_4f4"): u32 = 0x4f4 | 0xa0c,
        /// `0x31`.
        UNK_504("unk_504"): u32 = 0x504 | 0xa20,
        /// 1: flush the caches in the secure way.
        UNK_524("unk_524"): u32 = 0x524 | 0xa40,
        /// A constant of the chip.
        UNK_534("unk_538"): u32 = 0x538 | 0xa54,
        /// Fragment units of all clusters.
        NUM_FRAGS("num_frags"): u32 = 0x53c | 0xa5c,
        /// `1`.
        UNK_554("unk_554"): u32 = 0x554 | 0xa74,
        /// Physical address of the region `ttbs`.
        UAT_TTB_BASE("gpu_region_base"): u64 = 0x558 | 0xa78,
        /// Number that the firmware has for the kind of GPU: G13G is 11.
        GPU_CORE_ID("gpu_core"): u32 = 0x560 | 0xa80,
        /// Number that it has for the revision: A0 1, A1 2, B0 3, B1 4, C0 5, C1 6.
        GPU_REV_ID("gpu_rev"): u32 = 0x564 | 0xa84,
        /// Cores of all clusters.
        NUM_CORES("num_cores"): u32 = 0x568 | 0xa88,
        /// Number of the highest performance state.
        MAX_PSTATE("max_pstate"): u32 = 0x56c | 0xa8c,
        /// Frequency of each performance state, MHz.
        FREQUENCIES("frequencies"): [u32; 16] = 0x574 | 0xa90,
        /// Voltages of each performance state, mV; columns without a value repeat the first.
        VOLTAGES("voltages"): [[u32; 8]; 16] = 0x5b4 | 0xad0,
        /// The same for the SRAM, not below its minimum.
        VOLTAGES_SRAM("voltages_sram"): [[u32; 8]; 16] = 0x7b4 | 0xcd0,
        /// `per pstate`.
        SRAM_K("unk_9b4"): [f32; 16] = 0x9b4 | 0xf10,
        /// `100·P_i/P`.
        REL_MAX_POWERS("rel_max_powers"): [u32; 16] = 0xa34 | 0xf90,
        /// `(f_i−f_base)/((f_max−f_base)/100), 0 below base`.
        REL_BOOST_FREQS("rel_boost_freqs"): [u32; 16] = 0xa74 | 0xfd0,
        /// `u32 0..15 (V13)`.
        UNK_ARR_0("unk_arr_0"): [u32; 32] = - | 0x1010,
        /// `u32×4: V12 0,f,3f,3f; V13 0,3,7,7`.
        UNK_AE4("unk_ae4"): [u32; 4] = 0x0ae4 | 0x16ec,
        /// `1`.
        UNK_B10("unk_b10"): u32 = 0x0b10 | 0x1718 | 0x1720,
        /// 0.
        TIMER_OFFSET(""): u32 = 0x0b14 | 0x171c | 0x1724,
        /// `1`.
        UNK_B24("unk_b24"): u32 = 0x0b24 | 0x172c | 0x1734,
        /// `1`.
        UNK_B28("unk_b28"): u32 = 0x0b28 | 0x1730 | 0x1738,
        /// `1`.
        UNK_B2C("unk_b2c"): u32 = 0x0b2c | 0x1734 | 0x173c,
        /// A constant of the chip.
        UNK_B30("unk_b30"): u32 = 0x0b30 | 0x1738 | 0x1740,
        /// `1`.
        UNK_B38_0("unk_b38_0"): u32 = - | 0x1740 | 0x1748,
        /// `1`.
        UNK_B38_4("unk_b38_4"): u32 = - | 0x1744 | 0x174c,
        /// `u32×12 = 0xffffffff`.
        UNK_B38("unk_b38"): [u64; 6] = 0x0b38 | 0x174c | 0x1754,
        /// `0x1a`.
        UNK_C3C("unk_c3c"): u32 = - | 0x1880,
    }

    /// Device registers that the firmware uses, in [`HwDataB::IO_MAPPINGS`]. Unused ones are zero.
    pub struct IoMapping("IOMapping"): 0x20 {
        /// Physical address.
        PHYS("phys_addr"): u64 = 0x00,
        /// Address for the firmware, with the offset in its page.
        VIRT("virt_addr"): u64 = 0x08,
        /// Size of all elements on all dies, in bytes.
        SIZE("size"): u32 = 0x10,
        /// Size of one element, in bytes.
        RANGE_SIZE("range_size"): u32 = 0x14,
        /// Whether the firmware may write.
        WRITABLE("readwrite"): u64 = 0x18,
    }

    /// A zone of the power controller.
    pub struct PowerZone("PowerZone"): 0x20 | 0x28 {
        /// 0.
        VALUE("val"): f32 = 0x00,
        /// Target, mW.
        TARGET("target"): u32 = 0x04,
        /// Target less its offset, mW.
        TARGET_OFFSET("target_off"): u32 = 0x08,
        /// Four times the time constant.
        TC_X4("filter_tc_x4"): u32 = 0x0c,
        /// The time constant times the period.
        TC_XPERIOD("filter_tc_xperiod"): u32 = 0x10,
        /// 1320000000.
        UNK_10("unk_10"): u32 = - | 0x14,
        /// 0.
        UNK_14("unk_14"): u32 = - | 0x18,
        /// 1 less the inverse of the time constant.
        A_NEG("filter_tc_neginv"): f32 = 0x14 | 0x1c,
        /// The inverse of the time constant.
        A("filter_tc_inv"): f32 = 0x18 | 0x20,
    }

    /// The first block that [`HwDataA`] and [`crate::globals::Globals`] both have.
    pub struct HwDataShared1("AGXHWDataShared1"): 0xa8 {
        /// Constants of the chip.
        TABLE("table"): [i32; 16] = 0x00,
        /// A constant of the chip.
        UNK_A4("unk_a4"): u32 = 0xa0,
    }

    /// The second block that [`HwDataA`] and [`crate::globals::Globals`] both have.
    pub struct HwDataShared2("AGXHWDataShared2"): 0x510 {
        /// Constants of the chip.
        TABLE("table"): [i32; 10] = 0x00,
        /// All ones.
        UNK_28("unk_28"): [u8; 16] = 0x28,
        /// Curves, on chips that have them.
        CURVES("unk_38"): [u8; 0x4c8] = 0x38,
        /// A constant of the chip.
        UNK_508("unk_508"): u32 = 0x508,
    }

    /// The third block that [`HwDataA`] and [`crate::globals::Globals`] both have.
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
        /// 4.
        UNK_38("unk_38"): u32 = 0x38,
        /// 8000.
        UNK_3C("unk_3c"): u32 = 0x3c,
        /// A constant of the chip.
        INACTIVE_THRESHOLD("gpu_se_inactive_threshold"): u32 = 0x40,
        /// A constant of the chip.
        ENGAGEMENT_CRITERIA("gpu_se_engagement_criteria"): i32 = 0x48,
        /// A constant of the chip.
        RESET_CRITERIA("gpu_se_reset_criteria"): u32 = 0x4c,
        /// 50.
        UNK_54("unk_54"): u32 = 0x54,
        /// 1.
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
        /// 65536.0.
        UNK_7C("unk_7c"): f32 = 0x7c,
        /// Proportional gain.
        KP("gpu_se_kp"): f32 = 0x80,
        /// Second proportional gain.
        KP_1("gpu_se_kp_1"): f32 = 0x84,
        /// 100.
        UNK_8C("unk_8c"): u32 = 0x8c,
        /// `M`, see [`HwDataA`].
        MAX_PSTATE_SCALED_1("max_pstate_scaled_1"): u32 = 0x90,
        /// 8000.0.
        UNK_9C("unk_9c"): f32 = 0x9c,
        /// 1400.
        UNK_A0("unk_a0"): u32 = 0xa0,
        /// First time constant, ms.
        TC_MS("gpu_se_filter_time_constant_ms"): u32 = 0xa8,
        /// Second time constant, ms.
        TC_1_MS("gpu_se_filter_time_constant_1_ms"): u32 = 0xac,
        /// First time constant, clocks.
        TC_CLKS("gpu_se_filter_time_constant_clks"): u64 = 0xb0,
        /// Second time constant, clocks.
        TC_1_CLKS("gpu_se_filter_time_constant_1_clks"): u64 = 0xb8,
        /// 65536.0.
        UNK_C4("unk_c4"): f32 = 0xc4,
        /// 65536.0.
        UNK_114("unk_114"): f32 = 0x114,
        /// 40.
        UNK_124("unk_124"): u32 = 0x124,
        /// `M`, see [`HwDataA`].
        MAX_PSTATE_SCALED_2("max_pstate_scaled_2"): u32 = 0x128,
    }
}

impl HwDataB {
    /// Number of entries that the list of device registers has.
    pub const fn io_mapping_count() -> usize {
        let more = match Self::MORE_IO_MAPPINGS.present() {
            Some(more) => more.count(),
            None => 0,
        };
        Self::IO_MAPPINGS.count() + more
    }

    /// The entry `index` of the list of device registers.
    ///
    /// # Panics
    ///
    /// If `index` is not below [`HwDataB::io_mapping_count`].
    pub const fn io_mapping(index: usize) -> Field<Self, IoMapping> {
        let first = Self::IO_MAPPINGS.count();
        if index < first {
            return Self::IO_MAPPINGS.at(index);
        }
        match Self::MORE_IO_MAPPINGS.present() {
            Some(more) => more.at(index - first),
            None => panic!("no such entry"),
        }
    }
}
