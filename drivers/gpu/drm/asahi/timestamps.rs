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
    handles::Handles,
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
    /// Whether this mapping counts the memory of the object. Of all mappings of an object whose
    /// handle is closed, one does. Changes under the lock of the client's [`Handles`].
    counts: Atomic<bool>,
    _share: Charge<Arc<Quota>>,
    /// Objects do not keep their device.
    _drm: ARef<AsahiDevice>,
}

impl Timestamps {
    /// Maps `size` bytes from `offset` on of `object`. `quota`: what the client has already.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the object has no such pages; `ENOMEM`; `ENOSPC` if the client has reached its
    /// limit of the addresses, which all clients share.
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
            counts: Atomic::new(false),
            _share: share,
            _drm: drm.into(),
        })
    }

    /// Returns the firmware's address of it.
    pub(crate) fn va(&self) -> u64 {
        self.mapping.va()
    }

    /// Returns its size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

impl Handles<Arc<Timestamps>> {
    /// Returns all timestamps in `object`.
    fn in_object<'a>(&'a self, object: &'a Object) -> impl Iterator<Item = &'a Timestamps> {
        let all = self.iter().map(|timestamps| &**timestamps);
        all.filter(move |timestamps| core::ptr::eq(&*timestamps.object, object))
    }

    /// Notes that the client has closed its handle of `object`, which only timestamps keep then.
    pub(crate) fn close_object(&self, object: &Object) {
        let mut counted = false;
        for timestamps in self.in_object(object) {
            timestamps.closed.store(true, Relaxed);
            counted |= timestamps.counts.load(Relaxed);
        }
        let first = self.in_object(object).next();
        if let (false, Some(first)) = (counted, first) {
            first.counts.store(true, Relaxed);
        }
    }

    /// Returns the bytes of all objects whose handles are closed.
    pub(crate) fn closed_memory(&self) -> u64 {
        self.iter()
            .filter(|timestamps| timestamps.counts.load(Relaxed))
            .map(|timestamps| gem::size(&timestamps.object))
            .sum()
    }

    /// Takes the timestamps with number `handle` out. `ENOENT` if there are none.
    ///
    /// Others in the same object, if there are any, count for it from now on.
    pub(crate) fn unbind(&mut self, handle: u32) -> Result<Arc<Timestamps>> {
        let gone = self.remove(handle)?;
        if gone.counts.load(Relaxed) {
            let next = self
                .in_object(&gone.object)
                .find(|timestamps| timestamps.closed.load(Relaxed));
            if let Some(next) = next {
                next.counts.store(true, Relaxed);
            }
        }
        Ok(gone)
    }
}
