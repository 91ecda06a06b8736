// SPDX-License-Identifier: MIT OR Apache-2.0

//! What Apple's device tree and fuses say of the power of each chip.
//!
//! Voltages and powers are a single machine's in truth; these are examples. The firmware here does
//! not regulate anything.

use agxemu_firmware::chip::Chip;

/// What a chip is tuned to.
pub struct Tuning {
    /// Frequencies, MHz; the first state is "off".
    pub frequencies: &'static [u32],
    /// Their voltages, mV.
    pub voltages: &'static [u32],
    /// Their powers as parts of the highest, in hundredths.
    pub powers: &'static [u32],
    /// The highest power, mW.
    pub max_power: u32,
    /// Leakage of a cluster with all its cores: of the cores, and of their SRAM.
    pub leakage: [[f32; 8]; 2],
    /// Masks of the sensors of the dies, in use and in reserve.
    pub sensors: [u64; 2],
    /// The same of the second die, where that has masks of its own.
    pub other_sensors: [u64; 2],
    /// Average power: gains, and time constant of the target in periods.
    pub average: [f32; 2],
    pub average_target: u32,
    /// Gains for peak power.
    pub peak: [f32; 2],
}

const M1: Tuning = Tuning {
    frequencies: &[0, 396, 528, 720, 924, 1128, 1278],
    voltages: &[400, 603, 640, 690, 784, 862, 931],
    powers: &[0, 19, 26, 38, 60, 87, 100],
    max_power: 19_551,
    leakage: [
        [1000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [45.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ],
    sensors: [0x12, 0x12],
    other_sensors: [0; 2],
    average: [7.5, 4.0],
    average_target: 125,
    peak: [91.5, 6.9],
};

const M2: Tuning = Tuning {
    frequencies: &[0, 444, 612, 808, 968, 1110, 1236, 1338, 1398],
    voltages: &[400, 603, 675, 710, 775, 820, 875, 915, 950],
    powers: &[0, 18, 27, 37, 52, 66, 82, 96, 100],
    max_power: 22_800,
    leakage: [
        [1920.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [74.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ],
    ..M1
};

const M1_MAX: Tuning = Tuning {
    frequencies: &[0, 388, 486, 648, 777, 972, 1296],
    voltages: &[400, 634, 650, 668, 715, 778, 903],
    powers: &[0, 15, 20, 27, 36, 52, 100],
    max_power: 81_415,
    leakage: [
        [1314.0, 1330.0, 1314.0, 1288.0, 0.0, 0.0, 0.0, 0.0],
        [21.0, 21.0, 22.0, 21.0, 0.0, 0.0, 0.0, 0.0],
    ],
    sensors: [0x8080_8080, 0x9090_9090],
    other_sensors: [0; 2],
    average: [2.4, 1.5],
    average_target: 125,
    peak: [30.0, 1.5],
};

/// No example is known: half of an M1 Max \[I\].
const M1_PRO: Tuning = Tuning {
    max_power: 40_700,
    leakage: [
        [1314.0, 1330.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [21.0, 21.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ],
    sensors: [0x8080, 0x9090],
    ..M1_MAX
};

const M1_ULTRA: Tuning = Tuning {
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

const M2_MAX: Tuning = Tuning {
    frequencies: &[0, 444, 612, 808, 968, 1110, 1236, 1338, 1398],
    voltages: &[400, 637, 656, 687, 725, 790, 843, 887, 918],
    powers: &[0, 19, 26, 36, 48, 63, 79, 91, 100],
    max_power: 95_892,
    leakage: [
        [1564.0, 1416.0, 1428.0, 1614.0, 0.0, 0.0, 0.0, 0.0],
        [42.0, 39.0, 39.0, 44.0, 0.0, 0.0, 0.0, 0.0],
    ],
    sensors: [0x0400_0500_0c00_0d00, 0x1400_1500_1d00_1d00],
    other_sensors: [0; 2],
    average: [1.5125, 0.38],
    average_target: 1,
    peak: [18.0, 0.1],
};

/// No example is known: half of an M2 Max \[I\].
const M2_PRO: Tuning = Tuning {
    max_power: 47_946,
    leakage: [
        [1564.0, 1416.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [42.0, 39.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ],
    sensors: [0x0c00_0d00, 0x1d00_1d00],
    average: [2.6375, 0.18],
    peak: [28.0, 0.1],
    ..M2_MAX
};

/// No example is known: two M2 Max \[I\].
const M2_ULTRA: Tuning = Tuning {
    max_power: 191_784,
    leakage: [
        [
            1564.0, 1416.0, 1428.0, 1614.0, 1564.0, 1416.0, 1428.0, 1614.0,
        ],
        [42.0, 39.0, 39.0, 44.0, 42.0, 39.0, 39.0, 44.0],
    ],
    other_sensors: [0x0d00_0c00_0500_0400, 0x1d00_1c00_1500_1400],
    average: [1.0125, 0.15],
    peak: [11.0, 0.15],
    ..M2_MAX
};

impl Tuning {
    /// Returns that of `chip`.
    pub fn of(chip: &Chip) -> &'static Self {
        match chip.id {
            0x8112 => &M2,
            0x6000 => &M1_PRO,
            0x6001 => &M1_MAX,
            0x6002 => &M1_ULTRA,
            0x6020 => &M2_PRO,
            0x6021 => &M2_MAX,
            0x6022 => &M2_ULTRA,
            _ => &M1,
        }
    }

    /// Returns the number of its states.
    pub fn states(&self) -> usize {
        self.frequencies.len()
    }

    /// Returns 100 times the highest state.
    pub fn max_state(&self) -> u32 {
        100 * (self.states() as u32 - 1)
    }
}
