// SPDX-License-Identifier: MIT OR Apache-2.0

//! hw-cal-a: the power controllers.

use agx_abi::hwdata::{HwDataA as A, PowerZone, ShaderEngine};
use agxemu_firmware::chip::Part;

use super::*;

/// hw-cal-a.
pub fn hw_cal_a(part: &Part) -> Vec<u8> {
    let tuning = part.chip.tuning;
    let mut a = Blob::<A>::new(part.firmware.abi);
    state(&mut a, tuning);
    power_filter(&mut a, tuning);
    peak_power(&mut a, tuning);
    performance(&mut a, tuning);
    die(&mut a, tuning);
    average_power(&mut a, tuning);
    shader_engine(&mut a, tuning);
    a.shared(tuning, A::HWS1, A::HWS2, A::HWS3);
    coefficients(&mut a, part, tuning);
    a.set(A::UNK_3CE8, 1);
    let [core, sram] = tuning.leakage;
    a.set(A::CORE_LEAK_COEF, leakage(part, core, 0.12));
    a.set(A::SRAM_LEAK_COEF, leakage(part, sram, 0.2));
    a.bytes
}

/// Returns the leakage of each cluster: `whole` with all its cores. The share `apart` of it is not
/// a core's, and stays when a core is missing.
fn leakage(part: &Part, whole: [f32; 8], apart: f32) -> [f32; 8] {
    let mut values = [0.0; 8];
    for cluster in 0..part.chip.clusters {
        let i = cluster as usize;
        values[i] = whole[i] * (apart + (1.0 - apart) * part.share(cluster));
    }
    values
}

/// Returns a row for each cluster, of those of the largest chip of the family.
fn rows<const N: usize>(part: &Part, of: &[&[f32]]) -> [[f32; N]; 8] {
    let mut rows = [[0.0; N]; 8];
    let clusters = part.chip.clusters as usize;
    for (row, values) in rows.iter_mut().zip(of).take(clusters) {
        row[..values.len()].copy_from_slice(values);
    }
    rows
}

fn coefficients(a: &mut Blob<A>, part: &Part, tuning: &Tuning) {
    let [first, second] = tuning.coefficients;
    a.put(A::UNK_COEF_A1, rows(part, first))
        .put(A::UNK_COEF_A2, rows(part, first))
        .put(A::UNK_COEF_A1_WIDE, rows(part, first))
        .put(A::UNK_COEF_A2_WIDE, rows(part, first))
        .put(A::UNK_COEF_B1, rows(part, second))
        .put(A::UNK_COEF_B2, rows(part, second))
        .put(A::UNK_COEF_B1_WIDE, rows(part, second))
        .put(A::UNK_COEF_B2_WIDE, rows(part, second));
}

fn state(a: &mut Blob<A>, tuning: &Tuning) {
    let mut sram = [0.0; 16];
    sram[..tuning.states()].fill(SRAM_K);
    a.set(A::CLOCKS_PER_PERIOD, tuning.clocks)
        .put(A::CLOCKS_PER_PERIOD_2, tuning.clocks)
        .set(A::PWR_STATUS, 4)
        .set(A::UNK_10, 1.0)
        .all(1, [A::ACTUAL_PSTATE, A::TGT_PSTATE, A::UNK_40])
        .set(A::MIN_PSTATE_SCALED, 100)
        .set(A::MIN_PSTATE_SCALED_4, 100.0)
        .all(
            100 * tuning.base_state,
            [
                A::BASE_PSTATE_SCALED,
                A::BASE_PSTATE_SCALED_2,
                A::BASE_PSTATE_SCALED_3,
                A::BASE_PSTATE_SCALED_4,
            ],
        )
        .all(
            tuning.max_state(),
            [
                A::MAX_PSTATE_SCALED,
                A::MAX_PSTATE_SCALED_2,
                A::MAX_PSTATE_SCALED_3,
                A::MAX_PSTATE_SCALED_4,
                A::MAX_PSTATE_SCALED_5,
                A::MAX_PSTATE_SCALED_7,
                A::MAX_PSTATE_SCALED_8,
                A::MAX_PSTATE_SCALED_9,
                A::MAX_PSTATE_SCALED_10,
                A::MAX_PSTATE_SCALED_11,
                A::MAX_PSTATE_SCALED_12,
                A::MAX_PSTATE_SCALED_13,
                A::MAX_PSTATE_SCALED_14,
            ],
        )
        .set(A::MAX_PSTATE_SCALED_6, tuning.max_state() as f32)
        .all(
            tuning.max_power,
            [
                A::MAX_POWER_2,
                A::MAX_POWER_3,
                A::MAX_POWER_4,
                A::MAX_POWER_5,
                A::MAX_POWER_6,
                A::MAX_POWER_8,
            ],
        )
        .all(tuning.max_power as f32, [A::MAX_POWER_1, A::MAX_POWER_7])
        .all(
            MIN_DUTY,
            [
                A::PWR_MIN_DUTY_CYCLE,
                A::PWR_MIN_DUTY_CYCLE_3,
                A::PWR_MIN_DUTY_CYCLE_4,
            ],
        )
        .set(A::PWR_MIN_DUTY_CYCLE_2, MIN_DUTY as f32)
        .set(A::MAX_FREQ_MHZ, tuning.frequencies[tuning.states() - 1])
        .set(A::SRAM_K, sram)
        .all(FIXED_ONE, [A::UNK_6FC, A::UNK_7FC, A::UNK_8A8, A::UNK_D20])
        .set(A::UNK_64C, 625)
        .set(A::UNK_ALPHA_NEG, 0.8)
        .set(A::UNK_ALPHA, 0.2);
}

fn power_filter(a: &mut Blob<A>, tuning: &Tuning) {
    let (new, old) = filter(313);
    a.set(A::PWR_FILTER_A, new)
        .set(A::PWR_FILTER_A_NEG, old)
        .set(A::PWR_INTEGRAL_GAIN, 0.020_212_9)
        .set(A::PWR_INTEGRAL_MIN_CLAMP, 0.0)
        .set(A::PWR_PROPORTIONAL_GAIN, 5.283_185_5)
        .set(
            A::PWR_PSTATE_RELATED_K,
            -(tuning.max_state() as f32) / tuning.max_power as f32,
        )
        .set(
            A::PWR_PSTATE_MAX_DC_OFFSET,
            MIN_DUTY as i32 - tuning.max_state() as i32,
        );
}

fn peak_power(a: &mut Blob<A>, tuning: &Tuning) {
    let tc = tuning.peak_ms / PERIOD;
    let (new, old) = filter(tc);
    a.set(A::PPM_FILTER_TC_PERIODS_X4, 4 * tc)
        .set(A::PPM_FILTER_A, new)
        .set(A::PPM_FILTER_A_NEG, old)
        .set(A::PPM_KI_DT, each_period(tuning.peak[0]))
        .set(A::PPM_KP, tuning.peak[1])
        .set(A::PPM_FILTER_TC_MS, tuning.peak_ms)
        .put(A::PPM_FILTER_TC_CLKS, tc * CLOCKS);
}

fn performance(a: &mut Blob<A>, tuning: &Tuning) {
    let (new, old) = filter(5);
    let (new_2, old_2) = filter(tuning.load_tc);
    let [least, step] = tuning.boost;
    a.all(
        tuning.target,
        [A::PERF_TGT_UTILIZATION, A::PERF_TGT_UTILIZATION_2],
    )
    .set(A::PERF_BOOST_MIN_UTIL, least)
    .set(A::PERF_BOOST_CE_STEP, step)
    .set(A::PERF_RESET_ITERS, 6)
    .set(A::UNK_774, 6)
    .set(A::UNK_778, 1)
    .set(A::PERF_FILTER_DROP_THRESHOLD, 0)
    .set(A::PERF_FILTER_A, new)
    .set(A::PERF_FILTER_A_NEG, old)
    .set(A::PERF_FILTER_A2, new_2)
    .set(A::PERF_FILTER_A2_NEG, old_2)
    .set(A::PERF_KI, tuning.load_ki[0])
    .set(A::PERF_KI2, tuning.load_ki[1])
    .set(A::PERF_KP, tuning.load_kp[0])
    .set(A::PERF_KP2, tuning.load_kp[1])
    .set(A::PERF_INTEGRAL_MIN_CLAMP, 0.0)
    .set(A::UNK_79C, 95.0)
    .set(
        A::BOOST_STATE_UNK_K,
        (tuning.states() as u32 - 1 - tuning.base_state) as f32 / 0.95,
    );
}

fn die(a: &mut Blob<A>, tuning: &Tuning) {
    let [sensors, reserve] = tuning.sensors;
    let [other, other_reserve] = tuning.other_sensors;
    a.all(
        sensors,
        [A::FAST_DIE0_SENSOR_MASK, A::FAST_DIE0_SENSOR_MASK_2],
    )
    .set(A::FAST_DIE0_SENSOR_MASK_ALT, reserve)
    .put(A::FAST_DIE1_SENSOR_MASK, other)
    .put(A::FAST_DIE1_SENSOR_MASK_2, other)
    .put(A::FAST_DIE1_SENSOR_MASK_ALT, other_reserve)
    .set(A::FAST_DIE0_RELEASE_TEMP_CC, DIE_RELEASE)
    .set(A::UNK_87C, tuning.die_87c)
    .set(A::UNK_880, 4)
    .set(A::UNK_894, 1.0)
    .set(A::FAST_DIE0_KI_DT, each_period(tuning.die[0]))
    .set(A::FAST_DIE0_KP, tuning.die[1])
    .set(A::FAST_DIE0_PROP_TGT_DELTA, 0)
    .set(A::UNK_8CC, tuning.die_8cc)
    .set(A::UNK_E24, tuning.die_e24)
    .all(1, [A::UNK_E28, A::UNK_163C]);
}

fn average_power(a: &mut Blob<A>, tuning: &Tuning) {
    let tc = tuning.average_ms / PERIOD;
    let (new, old) = filter(tc);
    let (target_new, target_old) = filter(tuning.average_target);
    a.set(A::UNK_C2C, 1)
        .set(A::AVG_POWER_TARGET_FILTER_A, target_new)
        .set(A::AVG_POWER_TARGET_FILTER_A_NEG, target_old)
        .set(A::AVG_POWER_TARGET_FILTER_TC_X4, 4 * tuning.average_target)
        .set(
            A::AVG_POWER_TARGET_FILTER_TC_XPERIOD,
            tuning.average_target * PERIOD,
        )
        .put(
            A::AVG_POWER_TARGET_FILTER_TC_CLKS,
            tuning.average_target * CLOCKS,
        )
        .set(A::AVG_POWER_FILTER_TC_PERIODS_X4, 4 * tc)
        .set(A::AVG_POWER_FILTER_A, new)
        .set(A::AVG_POWER_FILTER_A_NEG, old)
        .set(A::AVG_POWER_KI_DT, each_period(tuning.average[0]))
        .set(A::AVG_POWER_KP, tuning.average[1])
        .set(A::AVG_POWER_MIN_DUTY_CYCLE, MIN_DUTY)
        .set(A::AVG_POWER_FILTER_TC_MS, tuning.average_ms)
        .put(A::AVG_POWER_FILTER_TC_CLKS, tc * CLOCKS);
    let Some([target, offset, tc]) = tuning.zone else {
        return;
    };
    let (new, old) = filter(tc);
    let zone = A::POWER_ZONES.at(0);
    a.set(A::POWER_ZONE_COUNT, 1)
        .set(zone.then(PowerZone::TARGET), target)
        .set(zone.then(PowerZone::TARGET_OFFSET), target - offset)
        .set(zone.then(PowerZone::TC_X4), 4 * tc)
        .set(zone.then(PowerZone::TC_XPERIOD), tc * PERIOD)
        .put(zone.then(PowerZone::UNK_10), 1_320_000_000)
        .set(zone.then(PowerZone::A_NEG), old)
        .set(zone.then(PowerZone::A), new);
}

fn shader_engine(a: &mut Blob<A>, tuning: &Tuning) {
    type S = ShaderEngine;
    let dt = PERIOD as f32 / 1000.0;
    let Some(e) = A::UNK_E10_0.present(a.abi) else {
        return;
    };
    let (tc, tc_1) = (9, 3);
    let ((new, old), (new_1, old_1)) = (filter(tc), filter(tc_1));
    a.set(e.then(S::UNK_38), 4)
        .set(e.then(S::UNK_3C), 8000)
        .set(e.then(S::INACTIVE_THRESHOLD), 2500)
        .set(e.then(S::ENGAGEMENT_CRITERIA), tuning.engagement)
        .set(e.then(S::RESET_CRITERIA), 50)
        .set(e.then(S::UNK_54), 50)
        .set(e.then(S::UNK_58), 1)
        .set(e.then(S::FILTER_A), new)
        .set(e.then(S::FILTER_A_NEG), old)
        .set(e.then(S::FILTER_1_A), new_1)
        .set(e.then(S::FILTER_1_A_NEG), old_1)
        .set(e.then(S::KI_DT), -50.0 * dt)
        .set(e.then(S::KI_1_DT), -100.0 * dt)
        .set(e.then(S::KP), -5.0)
        .set(e.then(S::KP_1), -10.0)
        .all(
            FIXED_ONE,
            [e.then(S::UNK_7C), e.then(S::UNK_C4), e.then(S::UNK_114)],
        )
        .set(e.then(S::UNK_8C), 100)
        .set(e.then(S::MAX_PSTATE_SCALED_1), tuning.max_state())
        .set(e.then(S::MAX_PSTATE_SCALED_2), tuning.max_state())
        .set(e.then(S::UNK_9C), 8000.0)
        .set(e.then(S::UNK_A0), 1400)
        .set(e.then(S::TC_MS), tc * PERIOD)
        .set(e.then(S::TC_1_MS), tc_1 * PERIOD)
        .set(e.then(S::TC_CLKS), u64::from(tc * CLOCKS))
        .set(e.then(S::TC_1_CLKS), u64::from(tc_1 * CLOCKS))
        .set(e.then(S::UNK_124), 40);
}
