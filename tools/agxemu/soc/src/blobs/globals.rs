// SPDX-License-Identifier: MIT OR Apache-2.0

//! globals: what host and firmware share.

use agx_abi::globals::{Globals as G, GlobalsPowerZone};

use agxemu_firmware::chip::Part;

use super::*;

/// How far a block without a name is behind a word. What the firmware does about its own power is
/// inferred.
const SUB: usize = 0x20;

/// globals.
pub fn globals(part: &Part) -> Vec<u8> {
    let abi = part.firmware.abi;
    let tuning = part.chip.tuning;
    let mut g = Blob::<G>::new(abi);
    let sub = G::UNK_34.offset_in(abi) + SUB;
    // Its last word is further back in the firmware that has this one.
    let last = G::UNK_24_0.present(abi).map_or(0x12, |_| 0x1e);
    // Those that have memory of the GPU's own have 1 there.
    let unk_2c_0 = u32::from(part.chip.sram.is_some());
    g.put(G::UNK_24_0, 3000)
        .put(G::UNK_2C_0, unk_2c_0)
        .set(G::UNK_34, 120)
        .raw(sub, &tuning.unk_54.to_le_bytes())
        .raw(sub + 2, &40_u16.to_le_bytes())
        .raw(sub + 4, &0xffff_u16.to_le_bytes())
        .raw(sub + 0xa, &1_u32.to_le_bytes())
        .raw(sub + last, &1_u32.to_le_bytes())
        .set(G::FAULT_CONTROL, G::FAULT_CONTROL_SOFT)
        .set(G::PROGRESS_CHECK_INTERVAL_3D, 40)
        .set(G::PROGRESS_CHECK_INTERVAL_TA, 10)
        .set(G::PROGRESS_CHECK_INTERVAL_CL, 250)
        .put(G::UNK_1102C_8, 100)
        .set(G::IDLE_OFF_DELAY_MS, 2)
        .set(G::FENDER_IDLE_OFF_DELAY_MS, 40)
        .set(G::FW_EARLY_WAKE_TIMEOUT_MS, 5)
        .set(G::CL_CONTEXT_SWITCH_TIMEOUT_MS, 40)
        .put(G::CL_KILL_TIMEOUT_MS, 50)
        .all(
            1,
            [
                G::UNK_28,
                G::UNK_2C,
                G::UNK_8900,
                G::UNK_89E0,
                G::UNK_900C,
                G::DO_INIT,
            ],
        )
        .shared(tuning, G::HWS1, G::HWS2, G::HWS3)
        // Only firmware that has the word before has it.
        .set(G::UNK_903C, G::UNK_9010_0.present(abi).map_or(0, |_| 1));
    for field in [
        G::UNK_89F4_8,
        G::UNK_9010_0,
        G::UNK_1102C_0,
        G::UNK_1102C_4,
        G::UNK_1102C_C,
    ] {
        g.put(field, 1);
    }
    let (hws2_4, hws2_24) = tuning.hws2;
    g.put(G::IDLE_OFF_STANDBY_TIMER, tuning.standby)
        .put(G::UNK_HWS2_4, hws2_4)
        .put(G::UNK_HWS2_24, hws2_24);
    if !tuning.table_4.is_empty() {
        let mut table = [0; 1024];
        table[..tuning.table_4.len()].copy_from_slice(tuning.table_4);
        g.set(G::UNK_118E8, 1).set(G::UNK_118EC, table);
    }
    power(&mut g, tuning);
    g.bytes
}

fn power(g: &mut Blob<G>, tuning: &Tuning) {
    g.all(tuning.max_power, [G::MAX_POWER, G::MAX_POWER_2])
        .all(
            tuning.max_state(),
            [
                G::MAX_PSTATE_SCALED,
                G::MAX_PSTATE_SCALED_2,
                G::MAX_PSTATE_SCALED_3,
            ],
        )
        .set(G::AVG_POWER_FILTER_TC_PERIODS, tuning.average_ms / PERIOD)
        .set(G::AVG_POWER_KI_DT, each_period(tuning.average[0]))
        .set(G::AVG_POWER_KP, tuning.average[1])
        .set(G::AVG_POWER_MIN_DUTY_CYCLE, MIN_DUTY)
        .set(G::AVG_POWER_TARGET_FILTER_TC, tuning.average_target)
        .set(G::UNK_89BC, tuning.die_8cc)
        .set(G::FAST_DIE0_RELEASE_TEMP, DIE_RELEASE)
        .set(G::UNK_89C4, tuning.die_87c)
        .set(G::FAST_DIE0_PROP_TGT_DELTA, 0)
        .set(G::FAST_DIE0_KP, tuning.die[1])
        .set(G::FAST_DIE0_KI_DT, each_period(tuning.die[0]))
        .set(G::PPM_KP, tuning.peak[1])
        .set(G::PPM_KI_DT, each_period(tuning.peak[0]));
    if let Some([target, offset, tc]) = tuning.zone {
        let zone = G::POWER_ZONES.at(0);
        g.set(G::POWER_ZONE_COUNT, 1)
            .set(zone.then(GlobalsPowerZone::TARGET), target)
            .set(zone.then(GlobalsPowerZone::TARGET_OFFSET), target - offset)
            .set(zone.then(GlobalsPowerZone::TC), tc);
    }
}
