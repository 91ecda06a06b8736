// SPDX-License-Identifier: MIT

//! Variables that the host and the firmware share: [`Globals`].

use crate::hwdata::{HwDataShared1, HwDataShared2, HwDataShared3};
use crate::{
    Abi,
    Numbers,
    Opt, //
};

layout! {
    /// Variables that the host and the firmware share. Filled by the boot loader, but for what is
    /// the driver's.
    pub struct Globals("InitData_RegionC"): 0x11d40 | 0x12394 | 0x1715c {
        /// The mask of the ktrace channel: all ones to enable the ktrace channel, before
        /// initialisation.
        KTRACE_ENABLE("ktrace_enable"): u32 = 0x0,
        /// Unknown; the host writes `3000`.
        UNK_24_0("unk_24_0"): Opt<u32> = - | 0x24,
        /// Unknown; the host writes `1`.
        UNK_28("unk_28"): u32 = 0x28 | 0x34,
        /// Unknown; the host writes `G14X 1, else 0`.
        UNK_2C_0("unk_2c_0"): Opt<u32> = - | 0x38,
        /// Unknown; the host writes `1`.
        UNK_2C("unk_2c"): u32 = 0x2c | 0x3c,
        /// Unknown; the host writes `120`.
        UNK_34("unk_34"): u32 = 0x34 | 0x44,
        /// Unknown; the host writes `1`.
        UNK_8900("unk_8900"): u32 = 0x8900 | 0x8970 | 0xd1bc,
        /// Jobs that are about to be submitted: while there are any the firmware does not power
        /// the GPU off. Changed atomically, by the host only.
        PENDING_SUBMISSIONS("unk_atomic"): u32 = 0x8904 | 0x8974 | 0xd1c0,
        /// The host writes `P`.
        MAX_POWER("max_power"): u32 = 0x8908 | 0x8978 | 0xd1c4,
        /// The host writes `M`.
        MAX_PSTATE_SCALED("max_pstate_scaled"): u32 = 0x890c | 0x897c | 0xd1c8,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_2("max_pstate_scaled_2"): u32 = 0x8910 | 0x8980 | 0xd1cc,
        /// The host writes `M`.
        MAX_PSTATE_SCALED_3("max_pstate_scaled_3"): u32 = 0x891c | 0x898c | 0xd1d8,
        /// A constant of the chip.
        POWER_ZONE_COUNT("power_zone_count"): u32 = 0x8924 | 0x8994 | 0xd1e0,
        /// The host writes `q`.
        AVG_POWER_FILTER_TC_PERIODS("avg_power_filter_tc_periods"): u32 = 0x8928 | 0x8998 | 0xd1e4,
        /// As in [`crate::hwdata::HwDataA`].
        AVG_POWER_KI_DT("avg_power_ki_dt"): f32 = 0x892c | 0x899c | 0xd1e8,
        /// A constant of the chip.
        AVG_POWER_KP("avg_power_kp"): f32 = 0x8930 | 0x89a0 | 0xd1ec,
        /// A constant of the chip.
        AVG_POWER_MIN_DUTY_CYCLE("avg_power_min_duty_cycle"): u32 = 0x8934 | 0x89a4 | 0xd1f0,
        /// The host writes `t`.
        AVG_POWER_TARGET_FILTER_TC("avg_power_target_filter_tc"): u32 = 0x8938 | 0x89a8 | 0xd1f4,
        /// The host writes `{target, target−offset, tc} u32 each`.
        POWER_ZONES("power_zones"): [GlobalsPowerZone; 5] = 0x893c | 0x89ac | 0xd1f8,
        /// [`crate::hwdata::HwDataA`]'s `unk_8cc`.
        UNK_89BC("unk_89bc"): u32 = 0x89bc | 0x8a68 | 0xd2b4,
        /// The host writes `100·k`.
        FAST_DIE0_RELEASE_TEMP("fast_die0_release_temp"): u32 = 0x89c0 | 0x8a6c | 0xd2b8,
        /// [`crate::hwdata::HwDataA`]'s `unk_87c`.
        UNK_89C4("unk_89c4"): i32 = 0x89c4 | 0x8a70 | 0xd2bc,
        /// The host writes `100·k`.
        FAST_DIE0_PROP_TGT_DELTA("fast_die0_prop_tgt_delta"): u32 = 0x89c8 | 0x8a74 | 0xd2c0,
        /// A constant of the chip.
        FAST_DIE0_KP("fast_die0_kp"): f32 = 0x89cc | 0x8a78 | 0xd2c4,
        /// As in [`crate::hwdata::HwDataA`].
        FAST_DIE0_KI_DT("fast_die0_ki_dt"): f32 = 0x89d0 | 0x8a7c | 0xd2c8,
        /// Unknown; the host writes `1`.
        UNK_89E0("unk_89e0"): u32 = 0x89e0 | 0x8a8c | 0xd2d8,
        /// The host writes `P`.
        MAX_POWER_2("max_power_2"): u32 = 0x89e4 | 0x8a90 | 0xd2dc,
        /// A constant of the chip.
        PPM_KP("ppm_kp"): f32 = 0x89e8 | 0x8a94 | 0xd2e0,
        /// As in [`crate::hwdata::HwDataA`].
        PPM_KI_DT("ppm_ki_dt"): f32 = 0x89ec | 0x8a98 | 0xd2e4,
        /// Unknown; the host writes `1`.
        UNK_89F4_8("unk_89f4_8"): Opt<u32> = - | 0x8aa8 | 0xd2f4,
        /// See [`HwDataShared1`].
        HWS1("hws1"): HwDataShared1 = 0x89f8 | 0x8b0c | 0xd358,
        /// See [`HwDataShared2`].
        HWS2("hws2"): HwDataShared2 = 0x8aa0 | 0x8bb4 | 0xd400,
        /// A constant of the chip.
        IDLE_OFF_STANDBY_TIMER("unk_hws2_0"): Opt<u32> = - | 0x90c4 | 0xd910,
        /// Unknown; the host writes `f32×8 k`.
        UNK_HWS2_4("unk_hws2_4"): Opt<[f32; 8]> = - | 0x90c8 | 0xd914,
        /// A constant of the chip.
        UNK_HWS2_24("unk_hws2_24"): Opt<u32> = - | 0x90e8 | 0xd934,
        /// See [`HwDataShared3`].
        HWS3("hws3"): HwDataShared3 = 0x8fb4 | 0x90f0 | 0xd93c,
        /// Unknown; the host writes `1`.
        UNK_900C("unk_900c"): u32 = 0x900c | 0x9148 | 0xd994,
        /// Unknown; the host writes `1`.
        UNK_9010_0("unk_9010_0"): Opt<u32> = - | 0x914c | 0xd998,
        /// Unknown; the host writes `V13 1, V12 0`.
        UNK_903C("unk_903c"): u32 = 0x903c | 0x9190 | 0xd9dc,
        /// The handling of faults: 0xb reads zeros and drops writes of shaders, 0 halts.
        FAULT_CONTROL("fault_control"): u32 = 0x10e80 | 0x10fd8 | 0x15820,
        /// The request to initialise; the host writes 1.
        DO_INIT("do_init"): u32 = 0x10e84 | 0x10fdc | 0x15824,
        /// Ticks since when the GPU is idle; the firmware's.
        IDLE_TS("idle_ts"): u64 = 0x11010 | 0x11168 | 0x159b0,
        /// The host writes `40`.
        PROGRESS_CHECK_INTERVAL_3D("unk_11020"): u32 = 0x11020 | 0x11178 | 0x159c0,
        /// The host writes `10`.
        PROGRESS_CHECK_INTERVAL_TA("unk_11024"): u32 = 0x11024 | 0x1117c | 0x159c4,
        /// The host writes `250`.
        PROGRESS_CHECK_INTERVAL_CL("unk_11028"): u32 = 0x11028 | 0x11180 | 0x159c8,
        /// Unknown; the host writes `1`.
        UNK_1102C_0("unk_1102c_0"): Opt<u32> = - | 0x11184 | 0x159cc,
        /// Unknown; the host writes `1`.
        UNK_1102C_4("unk_1102c_4"): Opt<u32> = - | 0x11188 | 0x159d0,
        /// Unknown; the host writes `100`.
        UNK_1102C_8("unk_1102c_8"): Opt<u32> = - | 0x1118c | 0x159d4,
        /// Unknown; the host writes `1`.
        UNK_1102C_C("unk_1102c_c"): Opt<u32> = - | 0x11190 | 0x159d8,
        /// Idle time before the GPU is powered off, ms. The driver may change it at run time.
        IDLE_OFF_DELAY_MS("idle_to_off_delay_ms"): u32 = 0x11030 | 0x1119c | 0x159e4,
        /// The host writes `40`.
        FENDER_IDLE_OFF_DELAY_MS("fender_idle_to_off_delay_ms"): u32 = 0x11034 | 0x111a0 | 0x159e8,
        /// The host writes `5`.
        FW_EARLY_WAKE_TIMEOUT_MS("fw_early_wake_timeout_ms"): u32 = 0x11038 | 0x111a4 | 0x159ec,
        /// Commands in flight at a halt, see [`PendingStamp`]; the firmware's. The driver clears
        /// what it has read.
        PENDING_STAMPS("pending_stamps"): [PendingStamp; 256] = 0x1103c | 0x111a8 | 0x159f0,
        /// The last fault; written by the firmware.
        FAULT_INFO("fault_info"): GlobalsFaultInfo = 0x118c0 | 0x11a2c | 0x16274,
        /// The host writes `40`.
        CL_CONTEXT_SWITCH_TIMEOUT_MS("unk_118e0"): u32 = 0x118e0 | 0x11af0 | 0x168b8,
        /// The host writes `50`.
        CL_KILL_TIMEOUT_MS("unk_118e4_0"): Opt<u32> = - | 0x11af4 | 0x168bc,
        /// Unknown; the host writes `1 if global_tab`.
        UNK_118E8("unk_118e8"): u32 = 0x118e8 | 0x11afc | 0x168c4,
        /// Unknown; the host writes `global_tab bytes`.
        UNK_118EC("unk_118ec"): [u8; 1024] = 0x118ec | 0x11b00 | 0x168c8,
    }

    /// A zone of the power controller.
    pub struct GlobalsPowerZone("RCPowerZone"): 0xc {
        /// Target, mW.
        TARGET("target"): u32 = 0x0,
        /// Target less its offset, mW.
        TARGET_OFFSET("target_off"): u32 = 0x4,
        /// Time constant.
        TC("tc"): u32 = 0x8,
    }

    /// A command that was in flight when the firmware halted.
    pub struct PendingStamp("InitData_PendingStamp"): 0x8 {
        /// Bit 0: valid. From bit 3 or 4: the event slot. See [`PendingStamp::slot`].
        INFO("info"): u32 = 0x0,
        /// Value that the command will write.
        VALUE("wait_value"): u32 = 0x4,
    }

    /// The last fault, as the firmware reports it.
    pub struct GlobalsFaultInfo("InitData_FaultInfo"): 0x18 {
        /// Unknown.
        UNK_0("unk_0"): u32 = 0x00,
        /// Unknown.
        UNK_4("unk_4"): u32 = 0x04,
        /// Number of the user queue.
        QUEUE_UUID("queue_uuid"): u32 = 0x08,
        /// Unknown.
        UNK_C("unk_c"): u32 = 0x0c,
        /// Unknown.
        UNK_10("unk_10"): u32 = 0x10,
        /// Unknown.
        UNK_14("unk_14"): u32 = 0x14,
    }
}

impl Globals {
    /// [`Globals::FAULT_CONTROL`]: shaders read zeros from unmapped memory, and their writes to it
    /// vanish.
    pub const FAULT_CONTROL_SOFT: u32 = 0xb;
}

impl PendingStamp {
    /// Bit of [`PendingStamp::INFO`]: the entry holds a command.
    pub const VALID: u32 = 1;
    /// The first bit of the slot in [`PendingStamp::INFO`].
    const SLOT_SHIFT: Numbers = numbers!(3 | 4);
    /// The bits of [`PendingStamp::INFO`] above the slot's seven are not understood; the driver in
    /// the field masks them out.
    const SLOT_MASK: u32 = 0x7f;

    /// Returns the entry for a command, of version `abi`.
    pub fn new(abi: Abi, slot: u32, value: u32) -> Self {
        let mut entry = Self::zeroed();
        entry
            .set(Self::INFO, Self::VALID | (slot << Self::SLOT_SHIFT.of(abi)))
            .set(Self::VALUE, value);
        entry
    }

    /// Returns the event slot of the command, if the entry holds one.
    pub fn slot(&self, abi: Abi) -> Option<u32> {
        let info = self.get(Self::INFO);
        (info & Self::VALID != 0).then_some((info >> Self::SLOT_SHIFT.of(abi)) & Self::SLOT_MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_pending_stamps() {
        for (abi, slot) in Abi::ALL
            .map(|abi| [0, 1, 0x7f].map(|slot| (abi, slot)))
            .concat()
        {
            assert_eq!(PendingStamp::zeroed().slot(abi), None);
            let mut entry = PendingStamp::new(abi, slot, 0x300);
            assert_eq!(entry.slot(abi), Some(slot));
            // What the firmware may write above.
            entry.set(
                PendingStamp::INFO,
                entry.get(PendingStamp::INFO) | 0xffff_f800,
            );
            assert_eq!(entry.slot(abi), Some(slot));
        }
    }
}
