// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Interrupt controls.

use core::marker::PhantomData;
use std::cell::Cell;

thread_local! {
    /// The number of times that the thread, which stands for its processor, has disabled
    /// interrupts.
    static DISABLED: Cell<usize> = const { Cell::new(0) };
}

/// A guard that stands for disabled interrupts.
pub struct LocalInterruptDisabled(PhantomData<*mut ()>);

/// Disables the local processor's interrupts until the guard is dropped.
pub fn local_interrupt_disable() -> LocalInterruptDisabled {
    DISABLED.set(DISABLED.get() + 1);
    LocalInterruptDisabled(PhantomData)
}

impl Drop for LocalInterruptDisabled {
    fn drop(&mut self) {
        DISABLED.set(DISABLED.get() - 1);
    }
}

pub(crate) fn are_disabled() -> bool {
    DISABLED.get() != 0
}
