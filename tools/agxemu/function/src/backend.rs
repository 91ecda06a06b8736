// SPDX-License-Identifier: MIT OR Apache-2.0

//! What QEMU asks for, handed to the device.

use std::fs::File;
use std::io;
use std::sync::Arc;

use vfio_bindings::bindings::vfio::{
    VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_DATA_EVENTFD, VFIO_IRQ_SET_DATA_NONE,
    VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
};
use vfio_user::{DmaMapFlags, DmaUnmapFlags, ServerBackend};

use crate::config::{Config, Identity};
use crate::lines::{MsiLines, VECTORS};
use crate::memory::Mapping;
use crate::Device;

/// The function.
pub struct Function<D> {
    identity: Identity,
    device: Arc<D>,
    config: Config,
    lines: MsiLines,
}

impl<D: Device> Function<D> {
    /// Returns the function in front of `device`.
    pub fn new(identity: Identity, device: Arc<D>, lines: MsiLines) -> Self {
        Self {
            config: Config::new(&identity),
            identity,
            device,
            lines,
        }
    }
}

impl<D: Device> ServerBackend for Function<D> {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> io::Result<()> {
        match region {
            VFIO_PCI_CONFIG_REGION_INDEX => self.config.read(offset, data),
            bar => self.device.read(bar, offset, data),
        }
        Ok(())
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> io::Result<()> {
        match region {
            VFIO_PCI_CONFIG_REGION_INDEX => self.config.write(offset, data),
            bar => self.device.write(bar, offset, data),
        }
        Ok(())
    }

    fn dma_map(
        &mut self,
        _flags: DmaMapFlags,
        offset: u64,
        address: u64,
        size: u64,
        file: Option<File>,
    ) -> io::Result<()> {
        let Some(file) = file else {
            // Only what is backed by a file can be reached; RAM is.
            let line = format!("{size:#x} bytes at {address:#x} come without a file: not mapped");
            self.device.note(&line);
            return Ok(());
        };
        let mapping = Mapping::new(&file, offset, size as usize)?;
        self.device.ram().map(address, Arc::new(mapping));
        self.device.memory_changed();
        Ok(())
    }

    fn dma_unmap(&mut self, flags: DmaUnmapFlags, address: u64, size: u64) -> io::Result<()> {
        let all = flags.contains(DmaUnmapFlags::UNMAP_ALL);
        let (start, size) = if all { (0, 0) } else { (address, size) };
        self.device.ram().unmap(start, size);
        self.device.memory_changed();
        Ok(())
    }

    fn reset(&mut self) -> io::Result<()> {
        self.config = Config::new(&self.identity);
        self.device.reset();
        Ok(())
    }

    fn set_irqs(
        &mut self,
        index: u32,
        flags: u32,
        start: u32,
        count: u32,
        files: Vec<File>,
    ) -> io::Result<()> {
        if index != VFIO_PCI_MSI_IRQ_INDEX || flags & VFIO_IRQ_SET_ACTION_TRIGGER == 0 {
            return Ok(());
        }
        let start = start as usize;
        if flags & VFIO_IRQ_SET_DATA_EVENTFD != 0 && !files.is_empty() {
            self.lines.connect(start, files);
            self.device.lines_connected();
        } else if flags & VFIO_IRQ_SET_DATA_NONE != 0 && count == 0 {
            self.lines.disconnect(0, VECTORS);
        } else {
            self.lines.disconnect(start, count as usize);
        }
        Ok(())
    }
}
