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
    gpu::Gpu,
    handles::Handles,
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
use kasync::sync::Notify;
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
    // Before the object and the addresses: fields are dropped in order.
    mapping: KernelMapping,
    size: u64,
    object: ARef<Object>,
    /// True if the client has closed its handle of the object.
    closed: Atomic<bool>,
    /// True if this mapping counts the memory of the object. Of all mappings of an object whose
    /// handle is closed, one does. Changes under the lock of the client's [`Handles`].
    counts: Atomic<bool>,
    addresses: Addresses,
    /// Objects do not keep their device.
    _drm: ARef<AsahiDevice>,
}

/// Part of a buffer object, and as many addresses to map it at.
pub(crate) struct Place {
    object: ARef<Object>,
    offset: u64,
    size: u64,
    addresses: Addresses,
}

impl Place {
    /// Takes `size` addresses of `share`, which is the client's, for what is at `offset` in
    /// `object`. May wait for jobs of the client to complete.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the object has no such pages, and those of [`Share::take`].
    pub(crate) fn new(
        gpu: &Gpu,
        object: ARef<Object>,
        offset: u64,
        size: u64,
        share: &Arc<Share>,
    ) -> Result<Self> {
        let range = page_range(offset, size).ok_or(EINVAL)?;
        if range.end > gem::size(&object) {
            return Err(EINVAL);
        }
        Ok(Self {
            addresses: share.take(size, gpu)?,
            object,
            offset,
            size,
        })
    }
}

impl Timestamps {
    /// Maps what `place` says.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, and those of [`PinnedPages::new`].
    pub(crate) fn new(
        drm: &AsahiDevice,
        dev: &Device<Bound>,
        gpu: &Gpu,
        place: Place,
    ) -> Result<Self> {
        let Place {
            object,
            offset,
            size,
            addresses,
        } = place;
        let uat = gpu.uat();
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
            addresses,
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

/// The share that a client has of the addresses for timestamps, which all clients have together.
///
/// | call | context |
/// |---|---|
/// | [`Share::take`] | process, may sleep; not in a signalling section |
/// | drop of [`Addresses`] | any but NMI |
pub(crate) struct Share {
    /// Bytes of timestamps that are mapped.
    mapped: Quota,
    /// Bytes of timestamps that have a handle. The other mapped ones belong to jobs that are not
    /// complete.
    bound: Quota,
    /// Notified when `mapped` becomes less.
    unmapped: Notify,
}

impl Share {
    /// Returns a share of which nothing is in use.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let share = Self {
            mapped: Quota::new(),
            bound: Quota::new(),
            unmapped: Notify::new(),
        };
        Ok(Arc::new(share, GFP_KERNEL_ACCOUNT)?)
    }

    /// Takes `size` bytes of it. If it would have as many without the timestamps that have no
    /// handle any more, the caller waits for the jobs that write to these.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if the timestamps that have handles leave too little, `ENODEV` if the device is
    /// unbound meanwhile, `ERESTARTSYS` if a signal becomes pending, and `ENOMEM`.
    fn take(self: &Arc<Self>, size: u64, gpu: &Gpu) -> Result<Addresses> {
        let limit = || (gpu.uat().timestamps.left() + self.mapped.used()) / TIMESTAMP_SHARE;
        loop {
            let unmapped = self.unmapped.notified();
            let limit = limit();
            let bound = Charge::new(&self.bound, size, limit).ok_or(ENOSPC)?;
            if let Some(mapped) = Charge::new(&self.mapped, size, limit) {
                // `Addresses` gives them back.
                core::mem::forget((bound, mapped));
                return Ok(Addresses {
                    share: self.clone(),
                    size,
                    is_bound: Atomic::new(true),
                });
            }
            drop(bound);
            gpu.wait_unless_unbound(unmapped)?;
        }
    }
}

/// Some bytes of a [`Share`].
///
/// # Invariants
///
/// `share.mapped` includes `size`, and `share.bound` does while `is_bound`.
struct Addresses {
    share: Arc<Share>,
    size: u64,
    is_bound: Atomic<bool>,
}

impl Addresses {
    /// Notes that the handle is gone.
    fn unbind(&self) {
        if self.is_bound.xchg(false, Relaxed) {
            self.share.bound.give_back(self.size);
        }
    }
}

impl Drop for Addresses {
    fn drop(&mut self) {
        self.unbind();
        self.share.mapped.give_back(self.size);
        self.share.unmapped.notify_waiters();
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

    /// Notes that the client has a handle of `object` again, for which that counts.
    pub(crate) fn open_object(&self, object: &Object) {
        for timestamps in self.in_object(object) {
            timestamps.closed.store(false, Relaxed);
            timestamps.counts.store(false, Relaxed);
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
        gone.addresses.unbind();
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
