// SPDX-License-Identifier: MIT OR Apache-2.0

//! What Apple's device tree and fuses say of the power of each chip.
//!
//! Voltages and powers are a single machine's in truth; these are examples. The firmware here does
//! not regulate anything.

/// What a chip is tuned to.
#[derive(Debug)]
pub struct Tuning {
    /// Frequencies, MHz; the first state is "off".
    pub frequencies: &'static [u32],
    /// Their voltages, mV.
    pub voltages: &'static [u32],
    /// Their powers as parts of the highest, in hundredths.
    pub powers: &'static [u32],
    /// The state that it starts from, counted from "off".
    pub base_state: u32,
    /// The highest power, mW.
    pub max_power: u32,
    /// Leakage of a cluster with all its cores: of the cores, and of their SRAM.
    pub leakage: [[f32; 8]; 2],
    /// Masks of the sensors of the dies, in use and in reserve.
    pub sensors: [u64; 2],
    /// The same of the second die, where that has masks of its own.
    pub other_sensors: [u64; 2],
    /// Average power: time constant in ms, gains, and time constant of the target in periods.
    pub average_ms: u32,
    pub average: [f32; 2],
    pub average_target: u32,
    /// Peak power: time constant in ms, and gains.
    pub peak_ms: u32,
    pub peak: [f32; 2],
    /// Temperature of the die: gains, and constants of unknown meaning.
    pub die: [f32; 2],
    pub die_87c: i32,
    pub die_8cc: u32,
    pub die_e24: u32,
    /// Load: utilisation that is aimed at, and least one and step of a boost, in hundredths.
    pub target: u32,
    pub boost: [u32; 2],
    /// The same: second time constant in periods, integral and proportional gains.
    pub load_tc: u32,
    pub load_ki: [f32; 2],
    pub load_kp: [f32; 2],
    /// When the controller of shader engines begins.
    pub engagement: i32,
    /// The power zone: target and offset in mW, time constant in periods.
    pub zone: Option<[u32; 3]>,
    /// Clocks in a period of the power controllers.
    pub clocks: u32,
    /// Voltage of the SRAM at least, mV.
    pub sram: u32,
    /// Constants of unknown meaning of the GPU, as hw-cal-b names them.
    pub unk_454: u32,
    pub unk_4e0: u64,
    pub unk_534: u32,
    pub unk_b30: u32,
    /// More of them, of the firmwares that have them.
    pub unk_ab8: [u32; 2],
    /// The first two tables that hw-cal-a and globals both have, and a word behind each.
    pub table_1: ([i32; 16], u32),
    pub table_2: ([i32; 10], u32),
    /// The third, with a word in front, on chips that have it.
    pub table_3: Option<(u32, [u32; 16])>,
    /// Coefficients of each cluster.
    pub coefficients: [&'static [&'static [f32]]; 2],
    /// Constants of unknown meaning of globals.
    pub unk_54: u16,
    pub standby: u32,
    pub hws2: ([f32; 8], u32),
    pub table_4: &'static [u8],
}

pub(super) const M1: Tuning = Tuning {
    frequencies: &[0, 396, 528, 720, 924, 1128, 1278],
    voltages: &[400, 603, 640, 690, 784, 862, 931],
    powers: &[0, 19, 26, 38, 60, 87, 100],
    // That of a Mac mini; others have the first that is not "off".
    base_state: 3,
    max_power: 19_551,
    leakage: [
        [1000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [45.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ],
    sensors: [0x12, 0x12],
    other_sensors: [0; 2],
    average_ms: 1000,
    average: [7.5, 4.0],
    average_target: 125,
    peak_ms: 100,
    peak: [91.5, 6.9],
    die: [200.0, 5.0],
    die_87c: -220,
    die_8cc: 9880,
    die_e24: 112,
    target: 85,
    boost: [100, 25],
    load_tc: 50,
    load_ki: [7.895_683_3, 0.197_392],
    load_kp: [14.707_963, 6.853_981],
    engagement: -1,
    zone: Some([30_000, 100, 6875]),
    clocks: 192_000,
    sram: 850,
    unk_454: 1,
    unk_4e0: 0,
    unk_534: 0,
    unk_b30: 0,
    unk_ab8: [0x48, 0x8],
    table_1: (
        [
            -1, 0x7282, 0x50ea, 0x370a, 0x25be, 0x1c1f, 0x16fb, -1, -1, -1, -1, -1, -1, -1, -1, -1,
        ],
        0xffff,
    ),
    table_2: ([0x800, 0x1555, -1, -1, -1, -1, -1, -1, 0, 0], 0xc0_0007),
    table_3: None,
    coefficients: [&[], &[]],
    unk_54: 0xffff,
    standby: 0,
    hws2: ([0.0; 8], 0),
    table_4: &[],
};

pub(super) const M2: Tuning = Tuning {
    frequencies: &[0, 444, 612, 808, 968, 1110, 1236, 1338, 1398],
    voltages: &[400, 603, 675, 710, 775, 820, 875, 915, 950],
    powers: &[0, 18, 27, 37, 52, 66, 82, 96, 100],
    base_state: 1,
    max_power: 22_800,
    leakage: [
        [1920.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [74.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ],
    sensors: [0x6800, 0x6800],
    average_ms: 300,
    average: [9.375, 3.22],
    average_target: 1,
    peak_ms: 34,
    peak: [205.0, 0.75],
    die_87c: 900,
    die_8cc: 11_000,
    die_e24: 125,
    boost: [90, 50],
    load_tc: 200,
    load_ki: [5.94, 5.94],
    load_kp: [14.85, 14.85],
    zone: None,
    sram: 780,
    unk_4e0: 4,
    unk_b30: 1,
    unk_ab8: [0x2048, 0x4000],
    table_1: ([0xffff; 16], 0),
    table_2: ([-1, -1, -1, -1, -1, -1, -1, -1, 0xa_a5aa, 0], 0xc0_0000),
    table_3: Some((
        5,
        [
            10_700, 10_700, 10_700, 10_700, 10_700, 6000, 1000, 1000, 1000, 10_700, 10_700, 10_700,
            10_700, 10_700, 10_700, 10_700,
        ],
    )),
    coefficients: [&[M2_ROW], &[M2_ROW]],
    ..M1
};

const M2_ROW: &[f32] = &[0.0, 0.0, 0.0, 0.0, 5.3, 0.0, 5.3, 5.3];

pub(super) const M1_MAX: Tuning = Tuning {
    frequencies: &[0, 388, 486, 648, 777, 972, 1296],
    voltages: &[400, 634, 650, 668, 715, 778, 903],
    powers: &[0, 15, 20, 27, 36, 52, 100],
    base_state: 1,
    max_power: 81_415,
    leakage: [
        [1314.0, 1330.0, 1314.0, 1288.0, 0.0, 0.0, 0.0, 0.0],
        [21.0, 21.0, 22.0, 21.0, 0.0, 0.0, 0.0, 0.0],
    ],
    sensors: [0x8080_8080, 0x9090_9090],
    average: [2.4, 1.5],
    peak: [30.0, 1.5],
    die: [500.0, 72.0],
    die_87c: 900,
    die_8cc: 11_000,
    die_e24: 125,
    boost: [90, 50],
    load_ki: [6.3, 0.197_392],
    load_kp: [15.75, 6.853_981],
    zone: None,
    sram: 790,
    unk_4e0: 4,
    unk_534: 1,
    unk_ab8: [0x2084, 0x80],
    table_1: ([0xffff; 16], 0xffff),
    table_2: ([-1, -1, -1, -1, 0x2aa, 0xaaa, -1, -1, 0, 0], 0xcc0_0001),
    coefficients: [
        &[
            &[9.838],
            &[9.819],
            &[9.826],
            &[9.799],
            &[9.799],
            &[9.826],
            &[9.819],
            &[9.838],
        ],
        &[&[13.0_f32] as &[f32]; 8],
    ],
    table_4: &[
        0, 1, 2, 1, 1, 90, 75, 1, 1, 1, 2, 90, 75, 1, 1, 1, 1, 90, 75, 1, 1,
    ],
    ..M1
};

/// No example is known: half of an M1 Max \[I\].
pub(super) const M1_PRO: Tuning = Tuning {
    max_power: 40_700,
    leakage: [
        [1314.0, 1330.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [21.0, 21.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ],
    sensors: [0x8080, 0x9090],
    ..M1_MAX
};

pub(super) const M1_ULTRA: Tuning = Tuning {
    powers: &[0, 15, 19, 25, 34, 50, 100],
    max_power: 166_743,
    leakage: [
        [
            1244.0, 1260.0, 1242.0, 1214.0, 1072.0, 1066.0, 1044.0, 1042.0,
        ],
        [18.0, 18.0, 18.0, 17.0, 15.0, 15.0, 15.0, 14.0],
    ],
    sensors: [0x8080_8080_8080_8080, 0x9090_9090_9090_9090],
    average: [0.6375, 0.58],
    average_target: 1,
    peak: [5.8, 0.355],
    ..M1_MAX
};

pub(super) const M2_MAX: Tuning = Tuning {
    frequencies: &[0, 444, 612, 808, 968, 1110, 1236, 1338, 1398],
    voltages: &[400, 637, 656, 687, 725, 790, 843, 887, 918],
    powers: &[0, 19, 26, 36, 48, 63, 79, 91, 100],
    base_state: 1,
    max_power: 95_892,
    leakage: [
        [1564.0, 1416.0, 1428.0, 1614.0, 0.0, 0.0, 0.0, 0.0],
        [42.0, 39.0, 39.0, 44.0, 0.0, 0.0, 0.0, 0.0],
    ],
    sensors: [0x0400_0500_0c00_0d00, 0x1400_1500_1d00_1d00],
    average_ms: 300,
    average: [1.5125, 0.38],
    average_target: 1,
    peak_ms: 34,
    peak: [18.0, 0.1],
    die: [700.0, 34.0],
    die_87c: 500,
    die_8cc: 11_000,
    die_e24: 125,
    boost: [90, 50],
    load_tc: 200,
    load_ki: [1.62, 1.62],
    load_kp: [5.4, 5.4],
    engagement: 700,
    zone: None,
    clocks: 200_000,
    sram: 790,
    unk_4e0: 4,
    table_1: ([0xffff; 16], 0),
    table_2: (
        [0x800, 0x1555, -1, -1, -1, -1, -1, -1, 0xa_aaaa, 0],
        0xc0_0007,
    ),
    table_3: Some((
        8,
        [
            125, 125, 125, 125, 125, 125, 125, 125, 7500, 125, 125, 125, 125, 125, 125, 125,
        ],
    )),
    coefficients: [
        &[
            &[0.0, 8.2, 0.0, 6.9, 6.9],
            &[0.0, 0.0, 0.0, 6.9, 6.9],
            &[0.0, 8.2, 0.0, 6.9, 0.0],
            &[0.0, 0.0, 0.0, 6.9, 0.0],
            &[0.0, 0.0, 0.0, 6.9, 0.0],
            &[0.0, 8.2, 0.0, 6.9, 0.0],
            &[0.0, 0.0, 0.0, 6.9, 6.9],
            &[0.0, 8.2, 0.0, 6.9, 6.9],
        ],
        &[
            &[0.0, 9.0, 0.0, 8.0, 8.0],
            &[0.0, 0.0, 0.0, 8.0, 8.0],
            &[0.0, 9.0, 0.0, 8.0, 0.0],
            &[0.0, 0.0, 0.0, 8.0, 0.0],
            &[0.0, 0.0, 0.0, 8.0, 0.0],
            &[0.0, 9.0, 0.0, 8.0, 0.0],
            &[0.0, 0.0, 0.0, 8.0, 8.0],
            &[0.0, 9.0, 0.0, 8.0, 8.0],
        ],
    ],
    unk_54: 4000,
    standby: 700,
    hws2: ([1.0, 0.8, 0.2, 0.9, 0.1, 0.25, 0.7, 0.9], 6),
    table_4: &[
        0, 2, 2, 1, 1, 90, 75, 1, 1, 1, 2, 90, 75, 1, 1, 1, 2, 90, 75, 1, 1, 1, 1, 90, 75, 1, 1,
    ],
    ..M1
};

/// No example is known: half of an M2 Max \[I\].
pub(super) const M2_PRO: Tuning = Tuning {
    // That of a Mac mini, as above.
    base_state: 3,
    max_power: 47_946,
    leakage: [
        [1564.0, 1416.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [42.0, 39.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ],
    sensors: [0x0c00_0d00, 0x1d00_1d00],
    average_ms: 302,
    average: [2.6375, 0.18],
    peak_ms: 32,
    peak: [28.0, 0.1],
    die: [1350.0, 34.0],
    unk_454: 0,
    ..M2_MAX
};

/// No example is known: two M2 Max \[I\].
pub(super) const M2_ULTRA: Tuning = Tuning {
    max_power: 191_784,
    leakage: [
        [
            1564.0, 1416.0, 1428.0, 1614.0, 1564.0, 1416.0, 1428.0, 1614.0,
        ],
        [42.0, 39.0, 39.0, 44.0, 42.0, 39.0, 39.0, 44.0],
    ],
    other_sensors: [0x0d00_0c00_0500_0400, 0x1d00_1c00_1500_1400],
    average_ms: 302,
    average: [1.0125, 0.15],
    peak: [11.0, 0.15],
    die: [9.6, 24.0],
    target: 70,
    boost: [75, 100],
    standby: 3000,
    hws2: ([1.0, 0.8, 0.2, 0.9, 0.1, 0.25, 0.5, 0.9], 6),
    ..M2_MAX
};

impl Tuning {
    /// Returns the number of its states.
    pub fn states(&self) -> usize {
        self.frequencies.len()
    }

    /// Returns 100 times the highest state.
    pub fn max_state(&self) -> u32 {
        100 * (self.states() as u32 - 1)
    }
}
