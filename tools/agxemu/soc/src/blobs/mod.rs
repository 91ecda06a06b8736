// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the boot loader leaves in hw-cal-a, hw-cal-b and globals: those of a chip and its cores.
//!
//! The structures name what each field is; a field without a value here is zero on such a machine
//! too, or the driver's. Left at zero are also curves of M2 and its larger relatives, and the
//! states and leakage of their second and third supply: neither driver nor firmware here looks at
//! them. Power and leakage are from fuses on a real one, and only plausible here.

mod a;
mod b;
mod globals;

pub use a::hw_cal_a;
pub use b::hw_cal_b;
pub use globals::globals;

use agx_abi::hwdata::{HwDataShared1, HwDataShared2, HwDataShared3};
use agx_abi::{Abi, Everywhere, Field, Opt, Value};
use agxemu_firmware::chip::Tuning;

/// Timer clocks in a millisecond.
const CLOCK_KHZ: u32 = 24_000;
/// The period of the power controllers, ms.
const PERIOD: u32 = 8;
/// Timer clocks in it.
const CLOCKS: u32 = CLOCK_KHZ * PERIOD;
/// The lowest duty cycle of the controllers.
const MIN_DUTY: u32 = 40;
/// What several controllers have in some field.
const FIXED_ONE: f32 = 65536.0;
/// Factor of the SRAM.
const SRAM_K: f32 = 1.02;

/// Temperature of the die above which the controller works, in hundredths of a degree.
const DIE_RELEASE: u32 = 100 * 80;

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

impl<S: Everywhere> Blob<S> {
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
        tuning: &Tuning,
        first: Field<S, HwDataShared1>,
        second: Field<S, HwDataShared2>,
        third: Field<S, HwDataShared3>,
    ) -> &mut Self {
        let (table_1, word_1) = tuning.table_1;
        let (table_2, word_2) = tuning.table_2;
        self.set(first.then(HwDataShared1::TABLE), table_1)
            .set(first.then(HwDataShared1::UNK_A4), word_1)
            .set(second.then(HwDataShared2::TABLE), table_2)
            .set(second.then(HwDataShared2::UNK_28), [0xff; 16])
            .set(second.then(HwDataShared2::UNK_508), word_2);
        if let Some((word, table)) = tuning.table_3 {
            self.set(third.then(HwDataShared3::UNK_0), 1)
                .set(third.then(HwDataShared3::UNK_4), 500)
                .set(third.then(HwDataShared3::UNK_8), word)
                .set(third.then(HwDataShared3::TABLE), table)
                .set(third.then(HwDataShared3::UNK_4C), 1);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agx_abi::globals::Globals;
    use agx_abi::hwdata::{HwDataA, HwDataB, PowerZone, ShaderEngine};
    use agx_abi::Layout;

    const ABI: Abi = Abi::G13V13_5;
    use agxemu_firmware::chip::{Chip, Part, T6002};

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

    /// Words that only firmware 12.3 and 12.4 has, and the state that a machine starts from.
    #[test]
    fn words_of_earlier_firmwares() {
        for (name, firmware, want) in [
            ("t8103", "12.3", [7, 850, 0x48, 0x8, 0x1020]),
            ("t8112", "12.4", [9, 780, 0x2048, 0x4000, 0x1020]),
            ("t6002", "12.3", [7, 790, 0x2084, 0x80, 0x1020]),
        ] {
            let part = Part::new(Chip::find(name).unwrap());
            let part = part.with_firmware(firmware).unwrap();
            let (abi, b) = (part.firmware.abi, hw_cal_b(&part, 0));
            let words = [
                HwDataB::NUM_PSTATES,
                HwDataB::MIN_SRAM_VOLTAGE,
                HwDataB::UNK_AB8,
                HwDataB::UNK_ABC,
                HwDataB::UNK_AC0,
            ];
            let words = words.map(|field| field.present(abi).unwrap().read_in(abi, &b));
            assert_eq!(words, want, "{name}");
            let first = HwDataB::UNK_0.present(abi).unwrap();
            assert_eq!(first.read_in(abi, &b), 0x13_0000_0000, "{name}");
        }
        // Mac minis start higher.
        for (name, base) in [
            ("t8103", 300),
            ("t8112", 100),
            ("t6001", 100),
            ("t6020", 300),
            ("t6021", 100),
        ] {
            let part = Part::new(Chip::find(name).unwrap());
            let a = hw_cal_a(&part);
            let got = HwDataA::BASE_PSTATE_SCALED.read_in(part.firmware.abi, &a);
            assert_eq!(got, base, "{name}");
        }
    }

    /// Figures of each chip: limits of its die and load, gains for the averages, the SRAM's
    /// voltage.
    #[test]
    fn constants_are_those_of_the_chip() {
        let of = |name: &str| Part::new(Chip::find(name).unwrap());
        let a = |part: &Part| (part.firmware.abi, hw_cal_a(part));
        for (name, constant, die, load, average, least) in [
            ("t8103", -220, 1.6, 85, 1000, 850),
            ("t8112", 900, 1.6, 85, 300, 780),
            ("t6000", 900, 4.0, 85, 1000, 790),
            ("t6001", 900, 4.0, 85, 1000, 790),
            ("t6002", 900, 4.0, 85, 1000, 790),
            ("t6020", 500, 10.8, 85, 302, 790),
            ("t6021", 500, 5.6, 85, 300, 790),
            ("t6022", 500, 0.0768, 70, 302, 790),
        ] {
            let part = of(name);
            let (abi, a) = a(&part);
            assert_eq!(HwDataA::UNK_87C.read_in(abi, &a), constant, "{name}");
            let ki = HwDataA::FAST_DIE0_KI_DT.read_in(abi, &a);
            assert!((ki - die).abs() < 1e-4, "{name}: {ki}");
            let target = HwDataA::PERF_TGT_UTILIZATION.read_in(abi, &a);
            assert_eq!(target, load, "{name}");
            let tc = HwDataA::AVG_POWER_FILTER_TC_MS.read_in(abi, &a);
            assert_eq!(tc, average, "{name}");
            let zones = HwDataA::POWER_ZONE_COUNT.read_in(abi, &a);
            assert_eq!(zones, u32::from(name == "t8103"), "{name}");
            let b = hw_cal_b(&part, 0x8_0000_0000);
            let lowest = HwDataB::VOLTAGES_SRAM.read_in(abi, &b)[0][0];
            assert_eq!(lowest, least, "{name}");
        }
        let b = hw_cal_b(&of("t6020"), 0);
        let abi = Abi::G14XV13_5;
        assert_eq!(HwDataB::UNK_454.read_in(abi, &b), 0);
        assert_eq!(HwDataB::UNK_4E0.read_in(abi, &b), 4);
        let a = hw_cal_a(&of("t6020"));
        let rows = HwDataA::UNK_COEF_A1_WIDE.present(abi).unwrap();
        let rows = rows.read_in(abi, &a);
        // A row for each of the two clusters.
        assert_eq!(rows[1][..5], [0.0, 0.0, 0.0, 6.9, 6.9]);
        assert_eq!(rows[2], [0.0; 16]);
        let third = HwDataA::HWS3.then(HwDataShared3::TABLE).read_in(abi, &a);
        assert_eq!((third[7], third[8]), (125, 7500));
        let g = globals(&of("t6021"));
        let standby = Globals::IDLE_OFF_STANDBY_TIMER.present(abi).unwrap();
        assert_eq!(standby.read_in(abi, &g), 700);
        assert_eq!(
            Globals::UNK_118EC.read_in(abi, &g)[..6],
            [0, 2, 2, 1, 1, 90]
        );
        // What differs between the firmwares of one chip.
        let old = of("t8112").with_firmware("12.4").unwrap();
        let (b, g) = (hw_cal_b(&old, 0), globals(&old));
        let abi = old.firmware.abi;
        assert_eq!(HwDataB::UNK_AE4.read_in(abi, &b), [0, 0xf, 0x3f, 0x3f]);
        assert_eq!(Globals::UNK_903C.read_in(abi, &g), 0);
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
