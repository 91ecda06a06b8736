// SPDX-License-Identifier: MIT

//! Calibration data of the GPU, and the registers that the firmware uses.

use crate::{
    Abi,
    Field,
    Opt, //
};

layout! {
    /// Calibration data, mostly of the GPU. Filled by the boot loader, but for what is the
    /// driver's.
    pub struct HwDataB("AGXHWDataB"): 0x0b6c | 0x1884 {
        /// Unknown; the host writes `0x1300000000`.
        UNK_0("unk_0"): Opt<u64> = 0x0 | -,
        /// Unknown; the host writes `0x1400000000`.
        UNK_8("unk_8"): u64 = 0x8 | 0x0,
        /// Unknown; the host writes `0x100000000`.
        UNK_10("unk_10"): Opt<u64> = 0x10 | -,
        /// Unknown; the host writes `0xffc00000`.
        UNK_18("unk_18"): u64 = 0x18 | 0x8,
        /// Unknown; 0.
        UNK_20("unk_20"): u64 = 0x20 | 0x10,
        /// Unknown; 0.
        UNK_28("unk_28"): u64 = 0x28 | 0x18,
        /// Address of the dummy page, see [`crate::uat::DUMMY_PAGE`].
        UNK_30("unk_30"): u64 = 0x30 | 0x20,
        /// See [`crate::uat::TIMESTAMP_BASE`].
        TIMESTAMP_AREA_BASE("timestamp_region_base"): u64 = 0x38 | 0x28,
        /// Device registers that the firmware uses, see [`IoMapping`]. The driver's.
        IO_MAPPINGS("io_mappings+0"): [IoMapping; 20] = 0x1d0 | 0x640,
        /// The rest of that list. See [`HwDataB::io_mapping`].
        MORE_IO_MAPPINGS("io_mappings+640"): Opt<[IoMapping; 5]> = - | 0x8c0,
        /// Address of the GPU's SRAM, on chips that have one. The driver's.
        SGX_SRAM_PTR("sgx_sram_ptr"): Opt<u64> = - | 0x960,
        /// Number of the chip: `0x8103` …
        CHIP_ID("chip_id"): u32 = 0x450 | 0x968,
        /// A constant of the chip.
        UNK_454("unk_454"): u32 = 0x454 | 0x96c,
        /// Unknown; the host writes `1`.
        UNK_458("unk_458"): u32 = 0x458 | 0x970,
        /// Unknown; the host writes `1`.
        UNK_460("unk_460"): u32 = 0x460 | 0x978,
        /// Unknown; the host writes `1`.
        UNK_464("unk_464"): u32 = 0x464 | 0x97c,
        /// Unknown; the host writes `1`.
        UNK_468("unk_468"): u32 = 0x468 | 0x980,
        /// Unknown; the host writes `1`.
        UNK_47C("unk_47c"): u32 = 0x47c | 0x994,
        /// Unknown; the host writes `1`.
        UNK_484("unk_484"): u32 = 0x484 | 0x99c,
        /// Unknown; the host writes `1`.
        UNK_48C("unk_48c"): u32 = 0x48c | 0x9a4,
        /// 24000: clock of the timer, kHz.
        BASE_CLOCK_KHZ("base_clock_khz"): u32 = 0x490 | 0x9a8,
        /// 8: period of the power controller, ms.
        POWER_SAMPLE_PERIOD("power_sample_period"): u32 = 0x494 | 0x9ac,
        /// Unknown; the host writes `1`.
        UNK_49C("unk_49c"): u32 = 0x49c | 0x9b4,
        /// Unknown; the host writes `1`.
        UNK_4A0("unk_4a0"): u32 = 0x4a0 | 0x9b8,
        /// Unknown; the host writes `1`.
        UNK_4A4("unk_4a4"): u32 = 0x4a4 | 0x9bc,
        /// Unknown; the host writes `0x1f`.
        UNK_4C0("unk_4c0"): u32 = 0x4c0 | 0x9d8,
        /// A constant of the chip.
        UNK_4E0("unk_4e0"): u64 = 0x4e0 | 0x9f8,
        /// Unknown; the host writes `1`.
        UNK_4F0("unk_4f0"): u32 = 0x4f0 | 0xa08,
        /// Unknown; the host writes `1`.
        UNK_4F4("unk_4f4"): u32 = 0x4f4 | 0xa0c,
        /// Unknown; the host writes `0x31`.
        UNK_504("unk_504"): u32 = 0x504 | 0xa20,
        /// 1: flush the caches in the secure way.
        UNK_524("unk_524"): u32 = 0x524 | 0xa40,
        /// A constant of the chip.
        UNK_534("unk_534"): u32 = 0x534 | 0xa54,
        /// Fragment units of all clusters.
        NUM_FRAGS("num_frags"): u32 = 0x53c | 0xa5c,
        /// Unknown; the host writes `1`.
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
        /// Number of performance states.
        NUM_PSTATES("num_pstates"): Opt<u32> = 0x570 | -,
        /// Frequency of each performance state, MHz.
        FREQUENCIES("frequencies"): [u32; 16] = 0x574 | 0xa90,
        /// Voltages of each performance state, mV; columns without a value repeat the first.
        VOLTAGES("voltages"): [[u32; 8]; 16] = 0x5b4 | 0xad0,
        /// The voltages of the SRAM, not below its minimum.
        VOLTAGES_SRAM("voltages_sram"): [[u32; 8]; 16] = 0x7b4 | 0xcd0,
        /// The host writes `per pstate`.
        SRAM_K("unk_9b4"): [f32; 16] = 0x9b4 | 0xf10,
        /// The host writes `100·P_i/P`.
        REL_MAX_POWERS("rel_max_powers"): [u32; 16] = 0xa34 | 0xf90,
        /// The host writes `(f_i−f_base)/((f_max−f_base)/100), 0 below base`.
        REL_BOOST_FREQS("rel_boost_freqs"): [u32; 16] = 0xa74 | 0xfd0,
        /// Least voltage of the SRAM, mV.
        MIN_SRAM_VOLTAGE("min_sram_volt"): Opt<u32> = 0xab4 | -,
        /// A constant of the chip.
        UNK_AB8("unk_ab8"): Opt<u32> = 0xab8 | -,
        /// A constant of the chip.
        UNK_ABC("unk_abc"): Opt<u32> = 0xabc | -,
        /// Unknown; the host writes `0x1020`.
        UNK_AC0("unk_ac0"): Opt<u32> = 0xac0 | -,
        /// Unknown; the host writes `u32 0..15 (V13)`.
        UNK_ARR_0("unk_arr_0"): Opt<[u32; 32]> = - | 0x1010,
        /// Unknown; the host writes `u32×4: V12 0,f,3f,3f; V13 0,3,7,7`.
        UNK_AE4("unk_ae4"): [u32; 4] = 0x0ae4 | 0x16ec,
        /// Unknown; the host writes `1`.
        UNK_B10("unk_b10"): u32 = 0x0b10 | 0x1718 | 0x1720,
        /// The offset of the timer; 0.
        TIMER_OFFSET(""): u32 = 0x0b14 | 0x171c | 0x1724,
        /// Unknown; the host writes `1`.
        UNK_B24("unk_b24"): u32 = 0x0b24 | 0x172c | 0x1734,
        /// Unknown; the host writes `1`.
        UNK_B28("unk_b28"): u32 = 0x0b28 | 0x1730 | 0x1738,
        /// Unknown; the host writes `1`.
        UNK_B2C("unk_b2c"): u32 = 0x0b2c | 0x1734 | 0x173c,
        /// A constant of the chip.
        UNK_B30("unk_b30"): u32 = 0x0b30 | 0x1738 | 0x1740,
        /// Unknown; the host writes `1`.
        UNK_B38_0("unk_b38_0"): Opt<u32> = - | 0x1740 | 0x1748,
        /// Unknown; the host writes `1`.
        UNK_B38_4("unk_b38_4"): Opt<u32> = - | 0x1744 | 0x174c,
        /// Unknown; the host writes `u32×12 = 0xffffffff`.
        UNK_B38("unk_b38"): [u64; 6] = 0x0b38 | 0x174c | 0x1754,
        /// Unknown; the host writes `0x1a`.
        UNK_C3C("unk_c3c"): Opt<u32> = - | 0x1880,
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
        /// 1 if the firmware may write.
        WRITABLE("readwrite"): u64 = 0x18,
    }
}

impl HwDataB {
    /// Returns the number of entries that the list of device registers has in version `abi`.
    pub const fn io_mapping_count(abi: Abi) -> usize {
        let more = match Self::MORE_IO_MAPPINGS.present(abi) {
            Some(more) => more.count(),
            None => 0,
        };
        Self::IO_MAPPINGS.count() + more
    }

    /// Returns the entry `index` of the list of device registers in version `abi`.
    ///
    /// # Panics
    ///
    /// If `index` is not below [`HwDataB::io_mapping_count`].
    pub const fn io_mapping(abi: Abi, index: usize) -> Field<Self, IoMapping> {
        let first = Self::IO_MAPPINGS.count();
        if index < first {
            return Self::IO_MAPPINGS.at(index);
        }
        match Self::MORE_IO_MAPPINGS.present(abi) {
            Some(more) => more.at(index - first),
            None => panic!("no such entry"),
        }
    }
}
