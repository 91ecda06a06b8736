// SPDX-License-Identifier: MIT

//! Messages of the statistics channel.

/// Type: see [`Power`].
pub const POWER: u32 = 0x00;
/// Type: see [`PowerOn`].
pub const POWER_ON: u32 = 0x02;
/// Type: see [`PowerOff`].
pub const POWER_OFF: u32 = 0x03;
/// Type: see [`Utilisation`].
pub const UTILISATION: u32 = 0x04;
/// Type: see [`AveragePower`].
pub const AVERAGE_POWER: u32 = 0x09;
/// Type: see [`Temperature`].
pub const TEMPERATURE: u32 = 0x0a;
/// Type: see [`PowerState`].
pub const POWER_STATE: u32 = 0x0b;
/// Type: see [`FwBusy`].
pub const FW_BUSY: u32 = 0x0c;

layout! {
    /// Any message of the statistics channel.
    pub struct StatsMessage(""): 0x30 | 0x40 {
        /// The type of the message.
        KIND(""): u32 = 0x00,
    }

    /// Power that the GPU draws.
    pub struct Power("StatsMsg_Power"): 0x30 | 0x40 {
        /// The type of the message: [`POWER`].
        KIND("msg_type"): u32 = 0x00,
        /// The power in units of 1/8192 mW.
        POWER("power"): u64 = 0x1c,
    }

    /// The GPU was powered on.
    pub struct PowerOn("StatsMsg_PowerOn"): 0x30 | 0x40 {
        /// The type of the message: [`POWER_ON`].
        KIND("msg_type"): u32 = 0x00,
        /// Ticks that it was off.
        OFF_TICKS("power_off_ticks"): u64 = 0x04,
    }

    /// The GPU was powered off.
    pub struct PowerOff("StatsMsg_PowerOff"): 0x30 | 0x40 {
        /// The type of the message: [`POWER_OFF`].
        KIND("msg_type"): u32 = 0x00,
        /// Ticks that it was on.
        ON_TICKS("power_on_ticks"): u64 = 0x04,
    }

    /// The utilisation of the GPU in a period.
    pub struct Utilisation("StatsMsg_Util"): 0x30 | 0x40 {
        /// The type of the message: [`UTILISATION`].
        KIND("msg_type"): u32 = 0x00,
        /// The time in ticks.
        TIMESTAMP("timestamp"): u64 = 0x04,
        /// Per cent.
        UTIL1("util1"): u32 = 0x0c,
        /// Per cent.
        UTIL2("util2"): u32 = 0x10,
        /// Per cent.
        UTIL3("util3"): u32 = 0x14,
        /// Per cent.
        UTIL4("util4"): u32 = 0x18,
    }

    /// Power over a longer time.
    pub struct AveragePower("StatsMsg_AvgPower"): 0x30 | 0x40 {
        /// The type of the message: [`AVERAGE_POWER`].
        KIND("msg_type"): u32 = 0x00,
        /// Time that the GPU was active, in 1/100 s.
        ACTIVE_CS("active_cs"): u64 = 0x04,
        /// Average power, mW.
        AVERAGE_MW("avg_power"): u32 = 0x18,
    }

    /// Temperature: `RAW / SCALE / 64` °C.
    pub struct Temperature("StatsMsg_Temp"): 0x30 | 0x40 {
        /// The type of the message: [`TEMPERATURE`].
        KIND("msg_type"): u32 = 0x00,
        /// The sum of the readings.
        RAW("raw_value"): u32 = 0x0c,
        /// The divisor of the sum.
        SCALE("scale"): u32 = 0x10,
        /// The lowest temperature.
        MIN("tmin"): u32 = 0x14,
        /// The highest temperature.
        MAX("tmax"): u32 = 0x18,
    }

    /// The state of the power management.
    pub struct PowerState("StatsMsg_PowerState"): 0x30 | 0x40 {
        /// The type of the message: [`POWER_STATE`].
        KIND("msg_type"): u32 = 0x00,
        /// The time in ticks.
        TIMESTAMP("timestamp"): u64 = 0x04,
        /// Ticks when it was last busy.
        LAST_BUSY("last_busy_ts"): u64 = 0x0c,
        /// 1 if the GPU is active.
        ACTIVE("active"): u32 = 0x14,
        /// 1 if the GPU is off.
        POWEROFF("poweroff"): u32 = 0x18,
        /// Performance state.
        PSTATE("pstate"): u32 = 0x20,
    }

    /// The report whether the firmware is busy.
    pub struct FwBusy("StatsMsg_FWBusy"): 0x30 | 0x40 {
        /// The type of the message: [`FW_BUSY`].
        KIND("msg_type"): u32 = 0x00,
        /// The time in ticks.
        TIMESTAMP("timestamp"): u64 = 0x04,
        /// 0 or 1.
        FLAG("flag"): u32 = 0x0c,
    }
}
