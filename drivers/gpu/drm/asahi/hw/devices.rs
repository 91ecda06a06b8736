// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The devices of device trees that are GPUs of known chips.

use crate::hw::{
    chips,
    Chip, //
};
use kernel::{
    device_id::IdArray,
    of, //
};

/// The devices.
///
/// `of_device_table!` would make the module's aliases of them, by which it is loaded as soon as
/// there is a GPU. Renders have run on the emulator only: a desktop that found the driver would
/// have nothing to fall back to if they failed. So it is loaded by hand, until a Mac has drawn.
pub(crate) static OF_TABLE: IdArray<of::DeviceId, &'static Chip, 8> = IdArray::new([
    (of::DeviceId::new(c"apple,agx-g13g"), &&chips::T8103),
    (of::DeviceId::new(c"apple,agx-g14g"), &&chips::T8112),
    // The most specific name counts: only the smallest of the family has this one alone.
    (of::DeviceId::new(c"apple,agx-g13s"), &&chips::T6000),
    (of::DeviceId::new(c"apple,agx-g13c"), &&chips::T6001),
    (of::DeviceId::new(c"apple,agx-g13d"), &&chips::T6002),
    (of::DeviceId::new(c"apple,agx-g14s"), &&chips::T6020),
    (of::DeviceId::new(c"apple,agx-g14c"), &&chips::T6021),
    (of::DeviceId::new(c"apple,agx-g14d"), &&chips::T6022),
]);
