// SPDX-License-Identifier: MIT OR Apache-2.0

//! Configuration space, and what QEMU is told about BARs and interrupts.

use vfio_bindings::bindings::vfio::{
    vfio_region_info, VFIO_IRQ_INFO_EVENTFD, VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
    VFIO_PCI_NUM_IRQS, VFIO_PCI_NUM_REGIONS, VFIO_REGION_INFO_FLAG_READ,
    VFIO_REGION_INFO_FLAG_WRITE,
};
use vfio_user::{IrqInfo, ServerRegion};

use crate::lines::VECTORS;

const SIZE: usize = 256;
const COMMAND: usize = 0x04;
const STATUS: usize = 0x06;
const STATUS_CAPABILITIES: u16 = 1 << 4;
const REVISION: usize = 0x08;
const BARS: usize = 0x10;
const CAPABILITIES: usize = 0x34;
const MSI: usize = 0x40;
const MSI_ID: u8 = 0x05;
/// Four vectors, 64-bit addresses.
const MSI_CONTROL: u16 = (2 << 1) | (1 << 7);
const MSI_END: usize = MSI + 14;

/// What a function is, and has.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The vendor, and that of the subsystem.
    pub vendor: u16,
    /// The device, and that of the subsystem.
    pub device: u16,
    /// Class, subclass, interface.
    pub class: u32,
    /// BARs and their sizes; 32-bit memory.
    pub bars: &'static [(u32, u64)],
}

/// The configuration space.
pub struct Config {
    bytes: [u8; SIZE],
    /// Bits that the host may write.
    writable: [u8; SIZE],
}

impl Config {
    /// As after a reset.
    pub fn new(identity: &Identity) -> Self {
        let (vendor, device) = (identity.vendor, identity.device);
        let mut this = Self {
            bytes: [0; SIZE],
            writable: [0; SIZE],
        };
        this.put(0x00, &vendor.to_le_bytes());
        this.put(0x02, &device.to_le_bytes());
        this.put(STATUS, &STATUS_CAPABILITIES.to_le_bytes());
        this.put(REVISION, &(identity.class << 8).to_le_bytes());
        this.put(0x2c, &vendor.to_le_bytes());
        this.put(0x2e, &device.to_le_bytes());
        this.put(CAPABILITIES, &[MSI as u8]);
        this.put(MSI, &[MSI_ID, 0]);
        this.put(MSI + 2, &MSI_CONTROL.to_le_bytes());

        // Memory space, bus master, interrupt disable.
        this.allow(COMMAND, &0x0406u16.to_le_bytes());
        this.allow(0x3c, &[0xff]);
        for (bar, size) in identity.bars {
            let mask = !(*size as u32 - 1);
            this.allow(BARS + 4 * *bar as usize, &mask.to_le_bytes());
        }
        // Enable, number of enabled vectors; address and data.
        this.allow(MSI + 2, &0x0071u16.to_le_bytes());
        this.allow(MSI + 4, &[0xfc, 0xff, 0xff, 0xff]);
        this.allow(MSI + 8, &[0xff; 6]);
        debug_assert_eq!(MSI_END, MSI + 8 + 6);
        this
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn allow(&mut self, at: usize, mask: &[u8]) {
        self.writable[at..at + mask.len()].copy_from_slice(mask);
    }

    /// Reads; zeros behind the end.
    pub fn read(&self, offset: u64, data: &mut [u8]) {
        for (i, byte) in data.iter_mut().enumerate() {
            let at = offset as usize + i;
            *byte = self.bytes.get(at).copied().unwrap_or(0);
        }
    }

    /// Writes what may be written.
    pub fn write(&mut self, offset: u64, data: &[u8]) {
        for (i, value) in data.iter().enumerate() {
            let at = offset as usize + i;
            if let (Some(byte), Some(mask)) = (self.bytes.get_mut(at), self.writable.get(at)) {
                *byte = (*byte & !mask) | (value & mask);
            }
        }
    }
}

impl Identity {
    /// Returns the regions of the function.
    pub fn regions(&self) -> Vec<ServerRegion> {
        (0..VFIO_PCI_NUM_REGIONS)
            .map(|index| {
                let bar = self.bars.iter().find(|(bar, _)| *bar == index);
                let size = match (index, bar) {
                    (VFIO_PCI_CONFIG_REGION_INDEX, _) => SIZE as u64,
                    (_, Some((_, size))) => *size,
                    _ => 0,
                };
                let flags = match size {
                    0 => 0,
                    _ => VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
                };
                let region_info = vfio_region_info {
                    argsz: size_of::<vfio_region_info>() as u32,
                    flags,
                    index,
                    size,
                    ..Default::default()
                };
                ServerRegion {
                    region_info,
                    sparse_areas: Vec::new(),
                    mmap_fd: None,
                }
            })
            .collect()
    }
}

/// Returns the interrupts of the function: MSI alone.
pub fn irqs() -> Vec<IrqInfo> {
    (0..VFIO_PCI_NUM_IRQS)
        .map(|index| {
            let (count, flags) = match index {
                VFIO_PCI_MSI_IRQ_INDEX => (VECTORS as u32, VFIO_IRQ_INFO_EVENTFD),
                _ => (0, 0),
            };
            IrqInfo {
                index,
                flags,
                count,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Identity = Identity {
        vendor: 0x106b,
        device: 0xa6c0,
        class: 0x12_0000,
        bars: &[(0, 0x1_0000), (2, 0x4000), (4, 0x100_0000)],
    };

    #[test]
    fn bars_can_be_sized() {
        let mut c = Config::new(&IDENTITY);
        let mut word = [0; 4];
        for (bar, size) in [
            (0, 0x1_0000u64),
            (1, 0),
            (2, 0x4000),
            (4, 0x100_0000),
            (5, 0),
        ] {
            let at = 0x10 + 4 * bar;
            c.write(at, &[0xff; 4]);
            c.read(at, &mut word);
            let mask = u32::from_le_bytes(word);
            assert_eq!(u64::from(mask.wrapping_neg()), size, "BAR {bar}");
        }
    }

    #[test]
    fn identity_is_fixed_and_msi_is_found() {
        let mut c = Config::new(&IDENTITY);
        c.write(0, &[0; 4]);
        let mut id = [0; 4];
        c.read(0, &mut id);
        assert_eq!(u32::from_le_bytes(id), 0xa6c0_106b);
        let mut msi = [0; 4];
        c.read(0x40, &mut msi);
        assert_eq!(msi, [5, 0, 0x84, 0]);
        c.read(0xfe, &mut msi);
        assert_eq!(msi, [0; 4]);
    }
}
