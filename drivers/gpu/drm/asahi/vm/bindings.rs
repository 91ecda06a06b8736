// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What is bound in a client's VMs.
//!
//! A client may bind millions of single pages. So what may end that many mappings does so in
//! batches, between which it holds no lock and can be stopped.

use super::mappings::{
    Mappings,
    Step, //
};
use crate::{
    alloc::Heap,
    deferred_drop::{
        DeferredDrop,
        DeferredDropQueue, //
    },
    device::AsahiDevice,
    ffi,
    gem::Object,
    handles::Handles, //
};
use agx_abi::uat::PAGE_SIZE;
use core::ops::Range;
use kernel::{
    drm::{
        gem::IntoGEMObject,
        gpuvm::UniqueRefGpuVm, //
    },
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    }, //
};

/// Number of mappings that a batch ends at most.
const BATCH: u32 = 256;

/// Number of pages from which on a batch ends no further mapping. One mapping is ended in one go.
const BATCH_PAGES: u64 = 1 << 16;

/// The mappings of one VM.
///
/// | call | context |
/// |---|---|
/// | all, and drop | process, may sleep; not in signalling sections |
#[pin_data]
pub(crate) struct Bindings {
    #[pin]
    pub(super) gpuvm: Mutex<UniqueRefGpuVm<Mappings>>,
    kernel_range: Range<u64>,
    /// The driver's own memory in it.
    heaps: [Arc<Heap>; 2],
    /// The worker that ends what a client that was killed has not.
    vms: Arc<DeferredDropQueue>,
    /// Objects do not keep their device; this does, until after them: fields are dropped in order.
    drm: ARef<AsahiDevice>,
}

impl Bindings {
    /// Returns those of `gpuvm`, of which the driver has `kernel_range`, for `heaps`.
    pub(super) fn new(
        drm: &AsahiDevice,
        vms: &Arc<DeferredDropQueue>,
        gpuvm: UniqueRefGpuVm<Mappings>,
        kernel_range: Range<u64>,
        heaps: [Arc<Heap>; 2],
    ) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                gpuvm <- new_mutex!(gpuvm),
                kernel_range,
                heaps,
                vms: vms.clone(),
                drm: drm.into(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Ends a batch of what is bound in `range`, from the start on, and returns what is left of it.
    /// Takes memory only if part of a mapping stays.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is none for that part.
    pub(super) fn unbind(&self, range: Range<u64>) -> Result<Range<u64>> {
        // `drm_gpuvm` does not take a range that touches the driver's.
        let part = if range.start < self.kernel_range.start {
            range.start..range.end.min(self.kernel_range.start)
        } else {
            range.start.max(self.kernel_range.end)..range.end
        };
        if part.is_empty() {
            return Ok(range.end..range.end);
        }
        let mut gpuvm = self.gpuvm.lock();
        if cuts(&gpuvm, &part) {
            drop(gpuvm);
            let mut step = Step::new(None)?;
            gpuvm = self.gpuvm.lock();
            // The pages at both ends first: what is left then is made of whole mappings.
            let mut result = gpuvm.sm_unmap(part.start, PAGE_SIZE, &mut step);
            if result.is_ok() {
                result = gpuvm.sm_unmap(part.end - PAGE_SIZE, PAGE_SIZE, &mut step);
            }
            gpuvm.deferred_cleanup();
            result?;
        }
        let stop = batch_end(&gpuvm, &part);
        let result = gpuvm.sm_unmap(part.start, stop - part.start, &mut Step::without_spares());
        gpuvm.deferred_cleanup();
        result.map(|()| stop..range.end)
    }

    /// Ends a batch of the mappings of `object`, unless `is_open` says that the client has a handle
    /// of it. Returns whether that was all.
    fn unbind_object(&self, object: &Object, is_open: &dyn Fn() -> bool) -> bool {
        let mut step = Step::without_spares();
        let mut gpuvm = self.gpuvm.lock();
        // With the lock: what has been bound by a handle is bound after that handle was there.
        if is_open() {
            return true;
        }
        let mut is_all = false;
        for _ in 0..BATCH {
            let Some(range) = first_mapping(&gpuvm, object) else {
                is_all = true;
                break;
            };
            // A whole mapping is not split, so the call allocates nothing.
            if let Err(e) = gpuvm.sm_unmap(range.start, range.end - range.start, &mut step) {
                pr_err!("an object could not be unbound: {e:?}\n");
                is_all = true;
                break;
            }
        }
        gpuvm.deferred_cleanup();
        is_all
    }
}

/// The list of the VMs of a client that exist. Those without a handle live on in queues and jobs.
///
/// | call | context |
/// |---|---|
/// | all | process, may sleep; not in signalling sections |
#[pin_data]
pub(crate) struct VmList {
    #[pin]
    all: Mutex<Handles<Arc<Bindings>>>,
}

impl VmList {
    /// Returns an empty list.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                all <- new_mutex!(Handles::new(usize::MAX)),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns its address, which no other list has while it lives.
    pub(crate) fn address(&self) -> usize {
        core::ptr::from_ref(self) as usize
    }

    /// Adds a VM, and returns its number in the list.
    pub(super) fn add(&self, vm: &Arc<Bindings>) -> Result<u32> {
        self.all.lock().insert(vm.clone())
    }

    /// Removes the VM with number `id`.
    pub(super) fn remove(&self, id: u32) {
        // Dropped behind the lock.
        let vm = self.all.lock().remove(id);
        drop(vm);
    }

    /// Ends all mappings of `object` in all VMs, unless `is_open` says that the client has a handle
    /// of it. When it returns the GPU uses none of them any more.
    ///
    /// A worker does the rest for a thread that is killed.
    ///
    /// The VMs are visited one by one, without a list, which would need memory, and without a lock.
    pub(crate) fn unbind_object(self: &Arc<Self>, object: &Object, is_open: &dyn Fn() -> bool) {
        let mut last = 0;
        while let Some((id, vm)) = self.after(last) {
            if !self.unbind_from(&vm, object, is_open) {
                return;
            }
            last = id;
        }
    }

    /// Ends all mappings of `object` in `vm` as [`VmList::unbind_object`] does. Returns `false` if
    /// a worker does the rest, in all VMs.
    pub(super) fn unbind_from(
        self: &Arc<Self>,
        vm: &Bindings,
        object: &Object,
        is_open: &dyn Fn() -> bool,
    ) -> bool {
        while !vm.unbind_object(object, is_open) {
            // SAFETY: It looks at the current process only.
            if !unsafe { ffi::asahi_killed() } {
                continue;
            }
            let rest = Rest {
                object: object.into(),
                list: self.clone(),
                _drm: vm.drm.clone(),
            };
            // Without memory for the worker's list it has been done by the drop.
            if let Ok(rest) = DeferredDrop::new(rest) {
                vm.vms.queue(rest);
            }
            return false;
        }
        true
    }

    /// Returns the bytes of the driver's own memory in all VMs.
    pub(crate) fn internal_memory(&self) -> u64 {
        let (mut last, mut bytes) = (0, 0);
        while let Some((id, vm)) = self.after(last) {
            bytes += vm.heaps.iter().map(|heap| heap.bytes()).sum::<u64>();
            last = id;
        }
        bytes
    }

    fn after(&self, last: u32) -> Option<(u32, Arc<Bindings>)> {
        let all = self.all.lock();
        all.after(last).map(|(id, vm)| (id, vm.clone()))
    }
}

/// The mappings of an object whose last handle a thread was closing when it was killed. They end
/// when this is dropped.
struct Rest {
    object: ARef<Object>,
    list: Arc<VmList>,
    /// Objects do not keep their device.
    _drm: ARef<AsahiDevice>,
}

impl Drop for Rest {
    fn drop(&mut self) {
        let mut last = 0;
        while let Some((id, vm)) = self.list.after(last) {
            while !vm.unbind_object(&self.object, &|| false) {}
            last = id;
        }
    }
}

/// Returns whether a mapping in `gpuvm` is partly in `range` and partly not.
fn cuts(gpuvm: &UniqueRefGpuVm<Mappings>, range: &Range<u64>) -> bool {
    // SAFETY: It is valid, and a unique reference is the lock that keeps its mappings as they are.
    unsafe { ffi::asahi_range_cuts(gpuvm.as_raw().cast(), range.start, range.end) }
}

/// Returns where a batch that begins at the start of `range` ends.
fn batch_end(gpuvm: &UniqueRefGpuVm<Mappings>, range: &Range<u64>) -> u64 {
    let (start, end) = (range.start, range.end);
    // SAFETY: It is valid, and a unique reference is the lock that keeps its mappings as they are.
    unsafe { ffi::asahi_batch_end(gpuvm.as_raw().cast(), start, end, BATCH, BATCH_PAGES) }
}

/// Returns the addresses of the first mapping of `object` in `gpuvm`, if there is one.
fn first_mapping(gpuvm: &UniqueRefGpuVm<Mappings>, object: &Object) -> Option<Range<u64>> {
    let (mut addr, mut range) = (0, 0);
    // SAFETY: Both are valid, and the results are ours. A unique reference to the address space is
    // the lock that keeps its mappings as they are.
    let found = unsafe {
        ffi::asahi_first_mapping(
            gpuvm.as_raw().cast(),
            IntoGEMObject::as_raw(object).cast(),
            &mut addr,
            &mut range,
        )
    };
    found.then(|| addr..addr + range)
}
