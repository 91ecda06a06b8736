// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The machine, and what tests do to it.

pub(crate) mod locks;
pub(crate) mod memory;

#[cfg(not(feature = "loom"))]
pub(crate) mod timer;
#[cfg(not(feature = "loom"))]
pub(crate) mod work;
#[cfg(not(feature = "loom"))]
mod world;
#[cfg(not(feature = "loom"))]
pub(crate) use world::*;
#[cfg(not(feature = "loom"))]
pub use world::{
    Entered,
    World, //
};

#[cfg(feature = "loom")]
mod model;
#[cfg(feature = "loom")]
pub(crate) use model::*;
#[cfg(feature = "loom")]
pub use model::{
    atomically,
    live_allocations,
    run_reaped, //
};

use crate::{
    ffi::c_void,
    interrupt, //
};

/// Returns whether the calling thread has interrupts disabled.
pub fn are_interrupts_disabled() -> bool {
    interrupt::are_disabled()
}

/// A module that goes: where its code and data are.
pub struct Module(pub core::ops::Range<usize>);

impl Module {
    pub(crate) fn has(&self, address: *const c_void) -> bool {
        self.0.contains(&(address as usize))
    }
}
