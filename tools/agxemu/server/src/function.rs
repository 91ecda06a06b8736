// SPDX-License-Identifier: MIT OR Apache-2.0

//! The AGX as a PCI function.

use std::sync::Arc;

use agxemu_firmware::machine::Level;
use agxemu_soc::device::{
    Device, ASC_SIZE, BAR_ASC, BAR_BOOT, BAR_PMGR, BAR_SGX, BOOT_SIZE, PMGR_SIZE, SGX_SIZE,
};
use agxemu_soc::ram::Ram;
use agxemu_soc::soc::Soc;
use pci_function::Identity;

/// Apple's; the device is private to the emulator. A processing accelerator.
pub const IDENTITY: Identity = Identity {
    vendor: 0x106b,
    device: 0xa6c0,
    class: 0x12_0000,
    bars: &[
        (BAR_ASC, ASC_SIZE),
        (BAR_SGX, SGX_SIZE),
        (BAR_BOOT, BOOT_SIZE),
        (BAR_PMGR, PMGR_SIZE),
    ],
};

/// The device, and what is around it.
pub struct Agx {
    /// The system on chip.
    pub soc: Arc<Soc>,
    /// Its registers.
    pub device: Arc<Device>,
}

impl pci_function::Device for Agx {
    fn read(&self, bar: u32, offset: u64, data: &mut [u8]) {
        self.device.read(bar, offset, data);
    }

    fn write(&self, bar: u32, offset: u64, data: &[u8]) {
        self.device.write(bar, offset, data);
    }

    fn reset(&self) {
        self.device.reset();
    }

    fn ram(&self) -> &Ram {
        &self.soc.ram
    }

    fn memory_changed(&self) {
        self.soc.memory_changed();
    }

    fn lines_connected(&self) {
        self.soc.lines_connected();
    }

    fn note(&self, line: &str) {
        self.soc.note(Level::Debug, line);
    }
}
