// SPDX-License-Identifier: MIT

//! Calibration data from the boot loader: [`HwDataA`], [`HwDataB`] and the blocks in them.

mod blocks;
mod machine;
mod power;

pub use blocks::{
    HwDataShared1,
    HwDataShared2,
    HwDataShared3,
    PowerZone,
    ShaderEngine, //
};
pub use machine::{
    HwDataB,
    IoMapping, //
};
pub use power::HwDataA;
