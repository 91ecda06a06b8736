// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the boot loader leaves in hw-cal-a, hw-cal-b and globals: those of a chip and its cores.
//!
//! The structures name what each field is; a field without a value here is zero on such a machine
//! too, or the driver's. Power and leakage are from fuses on a real one, and only plausible here.

mod a;
mod b;
mod globals;
mod tuning;

pub use a::hw_cal_a;
pub use b::hw_cal_b;
pub use globals::globals;
use tuning::Tuning;

use agx_abi::hwdata::{HwDataShared1, HwDataShared2, HwDataShared3};
use agx_abi::{Abi, Field, Opt, Value};

/// The state that it starts from, of a Mac mini.
const BASE_STATE: u32 = 3;
/// 100 times the base state.
const BASE: u32 = 100 * BASE_STATE;

/// Timer clocks in a millisecond.
const CLOCK_KHZ: u32 = 24_000;
/// The period of the power controllers, ms.
const PERIOD: u32 = 8;
/// Timer clocks in a period.
const CLOCKS: u32 = CLOCK_KHZ * PERIOD;

/// The lowest duty cycle of the controllers.
const MIN_DUTY: u32 = 40;
/// What several controllers have in some field.
const FIXED_ONE: f32 = 65536.0;
/// Voltage of the SRAM at least, mV.
const MIN_SRAM_MV: u32 = 850;
/// Factor of the SRAM.
const SRAM_K: f32 = 1.02;

/// Average power: time constants in ms and in periods, gains.
const AVG_TC_MS: u32 = 1000;
const AVG_TC: u32 = AVG_TC_MS / PERIOD;
/// Peak power.
const PPM_TC_MS: u32 = 100;
const PPM_TC: u32 = PPM_TC_MS / PERIOD;
/// Temperature of the die.
const DIE_KI_DT: f32 = 200.0 * PERIOD as f32 / 1000.0;
const DIE_KP: f32 = 5.0;
const DIE_RELEASE: u32 = 100 * 80;
const DIE_87C: i32 = -220;
const DIE_8CC: u32 = 9880;
/// The one power zone: target and offset in mW, time constant.
const ZONE_TARGET: u32 = 30_000;
const ZONE_OFFSET: u32 = 100;
const ZONE_TC: u32 = 6875;

/// Returns an integral gain for each period, of one for each second.
fn each_period(gain: f32) -> f32 {
    gain * PERIOD as f32 / 1000.0
}

/// Returns the weight of a new value, and of the old one, in a filter with time constant `tc`.
fn filter(tc: u32) -> (f32, f32) {
    let new = 1.0 / tc as f32;
    (new, 1.0 - new)
}

/// A structure in the making.
struct Blob<S> {
    abi: Abi,
    bytes: Vec<u8>,
    structure: std::marker::PhantomData<S>,
}

impl<S: Value> Blob<S> {
    fn new(abi: Abi) -> Self {
        Self {
            abi,
            bytes: vec![0; S::size_in(abi)],
            structure: std::marker::PhantomData,
        }
    }

    fn set<T: Value>(&mut self, field: Field<S, T>, value: T) -> &mut Self {
        field.write_in(self.abi, &mut self.bytes, value);
        self
    }

    /// Sets `field`, if the version has it.
    fn put<T: Value>(&mut self, field: Field<S, Opt<T>>, value: T) -> &mut Self {
        if let Some(field) = field.present(self.abi) {
            self.set(field, value);
        }
        self
    }

    /// Gives all `fields` the same value.
    fn all<T: Value + Copy, const N: usize>(
        &mut self,
        value: T,
        fields: [Field<S, T>; N],
    ) -> &mut Self {
        for field in fields {
            self.set(field, value);
        }
        self
    }

    /// Writes to a place that has no name.
    fn raw(&mut self, offset: usize, bytes: &[u8]) -> &mut Self {
        self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// The three blocks that hw-cal-a and globals both have.
    fn shared(
        &mut self,
        first: Field<S, HwDataShared1>,
        second: Field<S, HwDataShared2>,
        third: Field<S, HwDataShared3>,
    ) -> &mut Self {
        let mut table = [-1; 16];
        table[1..7].copy_from_slice(&[0x7282, 0x50ea, 0x370a, 0x25be, 0x1c1f, 0x16fb]);
        self.set(first.then(HwDataShared1::TABLE), table)
            .set(first.then(HwDataShared1::UNK_A4), 0xffff)
            .set(
                second.then(HwDataShared2::TABLE),
                [0x800, 0x1555, -1, -1, -1, -1, -1, -1, 0, 0],
            )
            .set(second.then(HwDataShared2::UNK_28), [0xff; 16])
            .set(second.then(HwDataShared2::UNK_508), 0xc0_0007)
            // The chip has no third table.
            .set(third.then(HwDataShared3::UNK_0), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agx_abi::globals::Globals;
    use agx_abi::hwdata::{HwDataA, HwDataB, PowerZone, ShaderEngine};
    use agx_abi::Layout;

    const ABI: Abi = Abi::G13V13_5;
    use agxemu_firmware::chip::{Part, T6002};

    #[test]
    fn powers_are_those_of_the_table() {
        let b = hw_cal_b(&Part::default(), 0x8_0000_0000);
        let relative = HwDataB::REL_MAX_POWERS.read_in(ABI, &b);
        assert_eq!(relative[..7], [0, 19, 26, 38, 60, 87, 100]);
        assert_eq!(
            HwDataB::REL_BOOST_FREQS.read_in(ABI, &b)[..7],
            [0, 0, 0, 0, 36, 73, 100]
        );
        assert_eq!(HwDataB::VOLTAGES_SRAM.read_in(ABI, &b)[6], [931; 8]);
        assert_eq!(HwDataB::VOLTAGES_SRAM.read_in(ABI, &b)[1], [850; 8]);
    }

    #[test]
    fn each_chip_has_its_own() {
        let part = Part::new(&T6002).with_cores("ffffffffffffff00").unwrap();
        let b = hw_cal_b(&part, 0x8_0000_0000);
        assert_eq!(HwDataB::CHIP_ID.read_in(ABI, &b), 0x6002);
        assert_eq!(HwDataB::GPU_CORE_ID.read_in(ABI, &b), 13);
        assert_eq!(HwDataB::NUM_CORES.read_in(ABI, &b), 64);
        let a = hw_cal_a(&part);
        // The first cluster has what is not of a core, and the others all.
        let leakage = HwDataA::CORE_LEAK_COEF.read_in(ABI, &a);
        assert_eq!(leakage[0], 1244.0 * 0.12);
        assert!((leakage[7] - 1042.0).abs() < 0.01);
        assert_eq!(HwDataA::MAX_POWER_2.read_in(ABI, &a), 166_743);
        let g = globals(&part);
        assert_eq!(Globals::MAX_POWER.read_in(ABI, &g), 166_743);
    }

    /// Returns the fields of structure `S` of which all bytes are zero.
    fn empty<S: Layout>(bytes: &[u8]) -> Vec<&'static str> {
        S::FIELDS
            .iter()
            .filter_map(|field| Some((field.name, field.range(ABI)?)))
            .filter(|(_, range)| bytes[range.clone()].iter().all(|b| *b == 0))
            .map(|(name, _)| name)
            .collect()
    }

    /// Each field that has a name is filled, but for those that are zero on such a machine.
    #[test]
    fn nothing_is_left_out() {
        let zero_a = [
            // Constants that are 0 for this chip.
            "PWR_INTEGRAL_MIN_CLAMP",
            "PERF_FILTER_DROP_THRESHOLD",
            "PERF_INTEGRAL_MIN_CLAMP",
            "FAST_DIE0_PROP_TGT_DELTA",
            // Tables that it does not have.
            "UNK_COEF_A1",
            "UNK_COEF_A2",
            "UNK_COEF_B1",
            "UNK_COEF_B2",
            "UNK_HWS2",
            "HWS3",
            "AUX_LEAK_COEF",
        ];
        assert_eq!(empty::<HwDataA>(&hw_cal_a(&Part::default())), zero_a);
        let zero_b = [
            "UNK_20",
            "UNK_28",
            // The driver's.
            "IO_MAPPINGS",
            "MORE_IO_MAPPINGS",
            "SGX_SRAM_PTR",
            // 0 for this chip.
            "UNK_4E0",
            "UNK_534",
            "TIMER_OFFSET",
            "UNK_B30",
        ];
        let b = hw_cal_b(&Part::default(), 0x8_0000_0000);
        assert_eq!(empty::<HwDataB>(&b), zero_b);
        let zero = [
            // The driver's.
            "KTRACE_ENABLE",
            "UNK_2C_0",
            "PENDING_SUBMISSIONS",
            // 0 for this chip.
            "FAST_DIE0_PROP_TGT_DELTA",
            "IDLE_OFF_STANDBY_TIMER",
            "UNK_HWS2_4",
            "UNK_HWS2_24",
            "HWS3",
            // The firmware's.
            "IDLE_TS",
            "PENDING_STAMPS",
            "FAULT_INFO",
            // A table that it does not have.
            "UNK_118E8",
            "UNK_118EC",
        ];
        assert_eq!(empty::<Globals>(&globals(&Part::default())), zero);
    }

    #[test]
    fn samples_of_each_kind() {
        let a = hw_cal_a(&Part::default());
        assert_eq!(HwDataA::PWR_PSTATE_MAX_DC_OFFSET.read_in(ABI, &a), -560);
        assert_eq!(HwDataA::PPM_FILTER_TC_PERIODS_X4.read_in(ABI, &a), 48);
        assert_eq!(
            HwDataA::PPM_FILTER_TC_CLKS
                .present(ABI)
                .unwrap()
                .read_in(ABI, &a),
            12 * 192_000
        );
        assert_eq!(
            HwDataA::PWR_PSTATE_RELATED_K.read_in(ABI, &a),
            -600.0 / 19_551.0
        );
        let zone = HwDataA::POWER_ZONES.at(0);
        assert_eq!(zone.then(PowerZone::TC_XPERIOD).read_in(ABI, &a), 55_000);
        let engine = HwDataA::UNK_E10_0.present(ABI).unwrap();
        assert_eq!(
            engine.then(ShaderEngine::TC_1_CLKS).read_in(ABI, &a),
            576_000
        );
        let g = globals(&Part::default());
        assert_eq!(Globals::POWER_ZONE_COUNT.read_in(ABI, &g), 1);
        assert_eq!(Globals::AVG_POWER_KI_DT.read_in(ABI, &g), 0.06);
        assert_eq!(g[0x66], 40);
    }
}
