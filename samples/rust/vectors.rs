// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Vectors of a PCI device that raises interrupts by messages. Samples have this file as a module.

use kernel::{
    device,
    pci,
    prelude::*, //
};

/// Allocates vectors for messages of that kind: `least` of them up to `most`.
///
/// # Errors
///
/// `ENOTSUPP` if the machine has no such messages, `ENOSPC` if fewer vectors are left, `ENOMEM`.
pub(crate) fn allocate<'a>(
    pdev: &'a pci::Device<device::Core<'_>>,
    kind: pci::IrqType,
    least: u32,
    most: u32,
) -> Result<pci::IrqVectorRegistration<'a>> {
    // `pci_setup_msi_device_domain()`, and that for MSI-X, makes the device's interrupt domain, or
    // fails for lack of memory, and cannot say why: its caller says `ENODEV`. A probe that ends
    // with that is one of a device which is not there, and the kernel does not report it.
    pdev.alloc_irq_vectors(least, most, pci::IrqTypes::default().with(kind))
        .map_err(|e| if e == ENODEV { ENOMEM } else { e })
}
