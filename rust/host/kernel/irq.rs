// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! IRQ abstractions.

use core::marker::PhantomData;

/// A request for an IRQ line for a given device.
pub struct IrqRequest<'a> {
    irq: u32,
    _dev: PhantomData<&'a ()>,
}

impl IrqRequest<'_> {
    /// Returns the IRQ number of an [`IrqRequest`].
    pub fn irq(&self) -> u32 {
        self.irq
    }
}
