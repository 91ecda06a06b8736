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
    mmu::Uat,
    quota::{
        Charge,
        Quota,
        TIMESTAMP_SHARE, //
    }, //
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
        atomic::{
            Atomic,
            Relaxed, //
        },
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
    object: ARef<Object>,
    /// Whether the client has closed its handle of the object.
    closed: Atomic<bool>,
    _share: Charge<Arc<Quota>>,
    /// Objects do not keep their device.
    _drm: ARef<AsahiDevice>,
}

impl Timestamps {
    /// Maps `size` bytes from `offset` on of `object`. `quota`: what the client has already.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the object has no such pages; `ENOMEM`; `ENOSPC` if the client has as much as it
    /// may have of the addresses, which all clients share.
    pub(crate) fn new(
        drm: &AsahiDevice,
        uat: &Arc<Uat>,
        dev: &Device<Bound>,
        object: ARef<Object>,
        offset: u64,
        size: u64,
        quota: &Arc<Quota>,
    ) -> Result<Self> {
        let range = page_range(offset, size).ok_or(EINVAL)?;
        if range.end > gem::size(&object) {
            return Err(EINVAL);
        }
        let own = quota.used();
        let limit = (uat.timestamps.left() + own) / TIMESTAMP_SHARE;
        let share = Charge::new(quota.clone(), size, limit).ok_or(ENOSPC)?;
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
            object,
            closed: Atomic::new(false),
            _share: share,
            _drm: drm.into(),
        })
    }

    /// The firmware's address of it.
    pub(crate) fn va(&self) -> u64 {
        self.mapping.va()
    }

    /// The buffer object.
    pub(crate) fn object(&self) -> &Object {
        &self.object
    }

    /// Notes that the client has closed its handle of the object: nothing but us keeps that for it.
    pub(crate) fn set_closed(&self) {
        self.closed.store(true, Relaxed);
    }

    /// Whether it has.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Its size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}
