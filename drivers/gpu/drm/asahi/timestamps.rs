// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Buffers that the firmware writes timestamps to.

use crate::{
    alloc::KernelMapping,
    bind::page_range,
    device::AsahiDevice,
    gem::{
        self,
        Object,
        PinnedPages, //
    },
    mmu::Uat, //
};
use agx_abi::uat::{
    Protection,
    PAGE_SIZE, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

/// Part of a buffer object, mapped for the firmware.
///
/// A job that has it written keeps a reference until it is complete.
pub(crate) struct Timestamps {
    // Before the object: fields are dropped in order.
    mapping: KernelMapping,
    size: u64,
    _object: ARef<Object>,
    /// Objects do not keep their device.
    _drm: ARef<AsahiDevice>,
}

impl Timestamps {
    /// Maps `size` bytes from `offset` on of `object`.
    pub(crate) fn new(
        drm: &AsahiDevice,
        uat: &Arc<Uat>,
        dev: &Device<Bound>,
        object: ARef<Object>,
        offset: u64,
        size: u64,
    ) -> Result<Self> {
        let range = page_range(offset, size).ok_or(EINVAL)?;
        if range.end > gem::size(&object) {
            return Err(EINVAL);
        }
        let pages = PinnedPages::new(&object, dev)?;
        let mapping = KernelMapping::of_client(
            uat,
            &uat.timestamps,
            pages.at_offset(offset),
            (size / PAGE_SIZE) as usize,
            Protection::FW_SHARED_RW,
        )?;
        Ok(Self {
            mapping,
            size,
            _object: object,
            _drm: drm.into(),
        })
    }

    /// The firmware's address of it.
    pub(crate) fn va(&self) -> u64 {
        self.mapping.va()
    }

    /// Its size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}
