// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Mappings in the kernel's half outside the heaps.

use super::buffer::Buffer;
use crate::mmu::{
    Ranges,
    Span,
    Uat, //
};
use agx_abi::uat::{
    Protection,
    BUFFER_MGR_CTL_GPU,
    PAGE_SIZE, //
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A mapping of pages in the kernel's half.
///
/// May be dropped in any process context. A mapping of what the firmware caches is dropped only
/// when that is asleep or dead.
pub(crate) struct KernelMapping {
    uat: Arc<Uat>,
    span: Span,
    size: u64,
    /// True if the mapping is kept if the firmware is abandoned, see [`Uat::abandon`].
    stays: bool,
}

impl KernelMapping {
    /// Maps `count` pages, at the physical addresses `pages`, at a free address in `ranges`,
    /// followed by an unmapped guard page.
    ///
    /// The pages are the driver's own: if the firmware is abandoned ([`Uat::abandon`]) the mapping
    /// stays, and the owner must keep the pages.
    pub(crate) fn new(
        uat: &Arc<Uat>,
        ranges: &Arc<Ranges>,
        pages: impl Iterator<Item = u64>,
        count: usize,
        protection: Protection,
    ) -> Result<Self> {
        let size = size_of_pages(count)?;
        let span = ranges.allocate(size.checked_add(PAGE_SIZE).ok_or(EINVAL)?, PAGE_SIZE)?;
        uat.map_kernel(span.start(), pages.take(count), protection)?;
        Ok(Self {
            uat: uat.clone(),
            span,
            size,
            stays: true,
        })
    }

    /// Maps pages of a client, without a guard page, as addresses are scarce.
    ///
    /// The mapping always ends with the object: a firmware that still uses it takes a fault.
    pub(crate) fn of_client(
        uat: &Arc<Uat>,
        ranges: &Arc<Ranges>,
        pages: impl Iterator<Item = u64>,
        count: usize,
        protection: Protection,
    ) -> Result<Self> {
        let size = size_of_pages(count)?;
        let span = ranges.allocate(size, PAGE_SIZE)?;
        uat.map_kernel(span.start(), pages.take(count), protection)?;
        Ok(Self {
            uat: uat.clone(),
            span,
            size,
            stays: false,
        })
    }

    /// Returns its address for the firmware.
    pub(crate) fn va(&self) -> u64 {
        self.span.start()
    }
}

fn size_of_pages(count: usize) -> Result<u64> {
    u64::try_from(count)?.checked_mul(PAGE_SIZE).ok_or(EINVAL)
}

impl Drop for KernelMapping {
    fn drop(&mut self) {
        if self.stays && self.uat.is_abandoned() {
            return;
        }
        self.uat.unmap_kernel(self.va()..self.va() + self.size);
    }
}

/// Memory that RTKit shares with the coprocessor, for its logs.
pub(crate) struct RtkitBuffer {
    // Before the buffer: fields are dropped in order.
    mapping: KernelMapping,
    buffer: Buffer,
}

impl RtkitBuffer {
    /// Allocates and maps `size` bytes.
    pub(crate) fn new(uat: &Arc<Uat>, size: usize) -> Result<Self> {
        let buffer = Buffer::new(size)?;
        let count = buffer.size() / PAGE_SIZE as usize;
        let mapping = KernelMapping::new(
            uat,
            &uat.rtkit,
            buffer.pages(),
            count,
            Protection::FW_SHARED_RW,
        )?;
        uat.set_lent(true);
        Ok(Self { mapping, buffer })
    }
}

impl Drop for RtkitBuffer {
    fn drop(&mut self) {
        if self.mapping.uat.is_abandoned() {
            self.buffer.keep();
        }
    }
}

// SAFETY: The buffer has that many bytes, and lives as long as the object.
unsafe impl rtkit::SharedBuffer for RtkitBuffer {
    fn cpu_addr(&self) -> NonNull<u8> {
        self.buffer.cpu_addr()
    }

    fn iova(&self) -> u64 {
        self.mapping.va()
    }

    fn size(&self) -> usize {
        self.buffer.size()
    }
}

/// The page by which the firmware manages all tiled vertex buffers: mapped once for the firmware
/// and once for the GPU.
pub(crate) struct ControlPage {
    uat: Arc<Uat>,
    _mapping: KernelMapping,
    va: u64,
    buffer: Buffer,
}

impl ControlPage {
    /// Allocates and maps it.
    pub(crate) fn new(uat: &Arc<Uat>) -> Result<Self> {
        let buffer = Buffer::new(PAGE_SIZE as usize)?;
        let mapping =
            KernelMapping::new(uat, &uat.rtkit, buffer.pages(), 1, Protection::FW_SHARED_RW)?;
        uat.map_kernel_lower(
            BUFFER_MGR_CTL_GPU,
            buffer.pages(),
            Protection::GPU_SHARED_RW,
        )?;
        Ok(Self {
            uat: uat.clone(),
            va: mapping.va(),
            _mapping: mapping,
            buffer,
        })
    }

    /// Returns its address for the GPU, and for the firmware.
    pub(crate) fn addresses(&self) -> (u64, u64) {
        (BUFFER_MGR_CTL_GPU, self.va)
    }
}

impl Drop for ControlPage {
    fn drop(&mut self) {
        if self.uat.is_abandoned() {
            self.buffer.keep();
        }
        self.uat
            .unmap_kernel_lower(BUFFER_MGR_CTL_GPU..BUFFER_MGR_CTL_GPU + PAGE_SIZE);
    }
}
