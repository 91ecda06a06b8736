// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Buffers that the firmware writes timestamps to.

use crate::{
    alloc::KernelMapping,
    bind::page_range,
    deferred_drop::{
        DeferredDrop,
        DeferredDropQueue, //
    },
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
use core::ffi::c_void;
use kasync::sync::Notify;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    drm::gem::IntoGEMObject,
    new_mutex,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    }, //
};

/// Part of a buffer object, mapped for the firmware.
///
/// A job that has it written keeps a reference until it is complete.
pub(crate) struct Timestamps {
    // Before the object and the addresses: fields are dropped in order.
    mapping: KernelMapping,
    size: u64,
    _kept: Kept,
    _object: LateObject,
    addresses: Addresses,
}

/// An object, and its device, which objects do not keep.
type WithDevice = (ARef<Object>, ARef<AsahiDevice>);

/// An object that is dropped by the worker that drops address spaces. The last reference may go
/// with a job, and jobs of other clients would wait until all of its memory is freed.
struct LateObject {
    /// The object; `None` only while it is dropped.
    object: Option<KBox<DeferredDrop<WithDevice>>>,
    vms: Arc<DeferredDropQueue>,
}

impl Drop for LateObject {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            self.vms.queue(object);
        }
    }
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
        let kept = Kept::new(&addresses.share, &object)?;
        let late = DeferredDrop::new((object.clone(), drm.into()))?;
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
            _kept: kept,
            _object: LateObject {
                object: Some(late),
                vms: gpu.vms().clone(),
            },
            addresses,
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
/// | [`Share::closed_memory`], drop of [`Timestamps`] | process, may sleep |
/// | drop of [`Addresses`] | any but NMI |
#[pin_data]
pub(crate) struct Share {
    /// Bytes of timestamps that are mapped.
    mapped: Quota,
    /// Bytes of timestamps that have a handle. The other mapped ones belong to jobs that are not
    /// complete.
    bound: Quota,
    /// Notified when `mapped` becomes less.
    unmapped: Notify,
    /// The objects that timestamps are mapped of, by address.
    #[pin]
    objects: Mutex<RBTree<usize, Count>>,
}

/// An object that timestamps are mapped of.
struct Count {
    /// The size of the object in bytes.
    size: u64,
    /// The number of timestamps that are mapped of it.
    mapped: usize,
}

impl Share {
    /// Returns a share of which nothing is in use.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                mapped: Quota::new(),
                bound: Quota::new(),
                unmapped: Notify::new(),
                objects <- new_mutex!(RBTree::new()),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns the bytes of all objects that only timestamps keep for the client, those of jobs
    /// included. `is_open` says whether the client has a handle of an object.
    pub(crate) fn closed_memory(&self, is_open: impl Fn(*mut c_void) -> bool) -> u64 {
        let objects = self.objects.lock();
        // The objects stay as long as they are in the tree: it is locked.
        let closed = objects
            .iter()
            .filter(|(at, _)| !is_open(**at as *mut c_void));
        closed.map(|(_, object)| object.size).sum()
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

/// The note that timestamps are mapped of an object, in a [`Share`].
///
/// # Invariants
///
/// It is counted in `share.objects`, and the object lives.
struct Kept {
    share: Arc<Share>,
    object: usize,
}

impl Kept {
    /// Notes it. The caller drops the result before its reference to `object`.
    fn new(share: &Arc<Share>, object: &Object) -> Result<Self> {
        let at = IntoGEMObject::as_raw(object) as usize;
        let first = Count {
            size: gem::size(object),
            mapped: 1,
        };
        let node = RBTreeNode::new(at, first, GFP_KERNEL_ACCOUNT)?;
        let mut objects = share.objects.lock();
        match objects.get_mut(&at) {
            Some(count) => count.mapped += 1,
            None => drop(objects.insert(node)),
        }
        drop(objects);
        // INVARIANT: It has just been counted.
        Ok(Self {
            share: share.clone(),
            object: at,
        })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut objects = self.share.objects.lock();
        let gone = match objects.get_mut(&self.object) {
            Some(count) if count.mapped > 1 => {
                count.mapped -= 1;
                None
            }
            _ => objects.remove_node(&self.object),
        };
        // Freed behind the lock.
        drop(objects);
        drop(gone);
    }
}

impl Handles<Arc<Timestamps>> {
    /// Takes the timestamps with number `handle` out. `ENOENT` if there are none.
    pub(crate) fn unbind(&mut self, handle: u32) -> Result<Arc<Timestamps>> {
        let gone = self.remove(handle)?;
        gone.addresses.unbind();
        Ok(gone)
    }
}
