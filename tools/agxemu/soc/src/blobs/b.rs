// SPDX-License-Identifier: MIT OR Apache-2.0

//! hw-cal-b: the GPU.

use agx_abi::hwdata::HwDataB as B;
use agx_abi::uat::{DUMMY_PAGE, TIMESTAMP_BASE};

use agxemu_firmware::chip::Part;

use super::*;

/// hw-cal-b, with the region `ttbs` at the address given.
pub fn hw_cal_b(part: &Part, ttbs: u64) -> Vec<u8> {
    let chip = part.chip;
    let mut b = Blob::<B>::new(part.firmware.abi);
    // Firmware that has the words of the next field has smaller numbers here.
    let unk_ae4 = match B::UNK_B38_0.present(part.firmware.abi) {
        Some(_) => [0, 3, 7, 7],
        None => [0, 0xf, 0x3f, 0x3f],
    };
    b.set(B::UNK_8, 0x14_0000_0000)
        .set(B::UNK_18, 0xffc0_0000)
        .set(B::UNK_30, DUMMY_PAGE)
        .set(B::TIMESTAMP_AREA_BASE, TIMESTAMP_BASE)
        .set(B::CHIP_ID, chip.id)
        .set(B::BASE_CLOCK_KHZ, CLOCK_KHZ)
        .set(B::POWER_SAMPLE_PERIOD, PERIOD)
        .set(B::UNK_4C0, 0x1f)
        .set(B::UNK_504, 0x31)
        .set(B::NUM_FRAGS, chip.cores())
        .set(B::UAT_TTB_BASE, ttbs)
        .set(B::GPU_CORE_ID, chip.core_id)
        .set(B::GPU_REV_ID, chip.revision)
        .set(B::NUM_CORES, chip.cores())
        .set(B::UNK_AE4, unk_ae4)
        .set(B::UNK_B38, [u64::MAX; 6])
        .put(B::UNK_C3C, 0x1a)
        .all(
            1,
            [
                B::UNK_458,
                B::UNK_460,
                B::UNK_464,
                B::UNK_468,
                B::UNK_47C,
                B::UNK_484,
                B::UNK_48C,
                B::UNK_49C,
                B::UNK_4A0,
                B::UNK_4A4,
                B::UNK_4F0,
                B::UNK_4F4,
                B::UNK_524,
                B::UNK_554,
                B::UNK_B10,
                B::UNK_B24,
                B::UNK_B28,
                B::UNK_B2C,
            ],
        )
        .put(B::UNK_B38_0, 1)
        .put(B::UNK_B38_4, 1);
    let numbers = std::array::from_fn(|i| if i < 16 { i as u32 } else { 0 });
    b.put(B::UNK_ARR_0, numbers);
    let tuning = chip.tuning;
    // Only the earlier firmwares have these.
    b.put(B::UNK_0, 0x13_0000_0000)
        .put(B::UNK_10, 0x1_0000_0000)
        .put(B::NUM_PSTATES, tuning.states() as u32)
        .put(B::MIN_SRAM_VOLTAGE, tuning.sram)
        .put(B::UNK_AB8, tuning.unk_ab8[0])
        .put(B::UNK_ABC, tuning.unk_ab8[1])
        .put(B::UNK_AC0, 0x1020);
    b.set(B::UNK_454, tuning.unk_454)
        .set(B::UNK_4E0, tuning.unk_4e0)
        .set(B::UNK_534, tuning.unk_534)
        .set(B::UNK_B30, tuning.unk_b30);
    states(&mut b, tuning);
    b.bytes
}

fn states(b: &mut Blob<B>, tuning: &Tuning) {
    b.set(B::MAX_PSTATE, tuning.states() as u32 - 1);
    let (base, max) = (
        tuning.frequencies[tuning.base_state as usize],
        tuning.frequencies[tuning.states() - 1],
    );
    for (i, (&mhz, &mv)) in tuning.frequencies.iter().zip(tuning.voltages).enumerate() {
        let boost = 100 * mhz.saturating_sub(base) / (max - base);
        b.set(B::FREQUENCIES.at(i), mhz)
            .set(B::VOLTAGES.at(i), [mv; 8])
            .set(B::VOLTAGES_SRAM.at(i), [mv.max(tuning.sram); 8])
            .set(B::SRAM_K.at(i), SRAM_K)
            .set(B::REL_MAX_POWERS.at(i), tuning.powers[i])
            .set(B::REL_BOOST_FREQS.at(i), boost);
    }
}
