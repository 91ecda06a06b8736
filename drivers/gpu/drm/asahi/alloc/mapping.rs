// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Mappings in the kernel's half that are no heap's.

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
/// May be dropped in any process context. Whoever maps what the firmware caches drops it only when that
/// is asleep or dead.
pub(crate) struct KernelMapping {
    uat: Arc<Uat>,
    span: Span,
    size: u64,
}

impl KernelMapping {
    /// Maps `count` pages, at the physical addresses `pages`, somewhere in `ranges`. Nothing is mapped to the page
    /// behind them.
    pub(crate) fn new(
        uat: &Arc<Uat>,
        ranges: &Arc<Ranges>,
        pages: impl Iterator<Item = u64>,
        count: usize,
        protection: Protection,
    ) -> Result<Self> {
        Self::with_guard(uat, ranges, pages, count, protection, PAGE_SIZE)
    }

    /// The same without a guard page, for ranges in which room is scarce.
    pub(crate) fn without_guard(
        uat: &Arc<Uat>,
        ranges: &Arc<Ranges>,
        pages: impl Iterator<Item = u64>,
        count: usize,
        protection: Protection,
    ) -> Result<Self> {
        Self::with_guard(uat, ranges, pages, count, protection, 0)
    }

    fn with_guard(
        uat: &Arc<Uat>,
        ranges: &Arc<Ranges>,
        pages: impl Iterator<Item = u64>,
        count: usize,
        protection: Protection,
        guard: u64,
    ) -> Result<Self> {
        let size = u64::try_from(count)?.checked_mul(PAGE_SIZE).ok_or(EINVAL)?;
        let span = ranges.allocate(size.checked_add(guard).ok_or(EINVAL)?, PAGE_SIZE)?;
        uat.map_kernel(span.start(), pages.take(count), protection)?;
        Ok(Self {
            uat: uat.clone(),
            span,
            size,
        })
    }

    /// Where it is, for the firmware.
    pub(crate) fn va(&self) -> u64 {
        self.span.start()
    }
}

impl Drop for KernelMapping {
    fn drop(&mut self) {
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
        Ok(Self { mapping, buffer })
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

/// The page by which the firmware manages all tiled vertex buffers: mapped once for the firmware and once
/// for the GPU.
pub(crate) struct ControlPage {
    uat: Arc<Uat>,
    _mapping: KernelMapping,
    va: u64,
    _buffer: Buffer,
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
            _buffer: buffer,
        })
    }

    /// Where it is for the GPU, and for the firmware.
    pub(crate) fn addresses(&self) -> (u64, u64) {
        (BUFFER_MGR_CTL_GPU, self.va)
    }
}

impl Drop for ControlPage {
    fn drop(&mut self) {
        self.uat
            .unmap_kernel_lower(BUFFER_MGR_CTL_GPU..BUFFER_MGR_CTL_GPU + PAGE_SIZE);
    }
}
