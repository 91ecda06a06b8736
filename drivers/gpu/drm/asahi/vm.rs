// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Clients' address spaces, as DRM sees them.
//!
//! ```text
//!   Vm ─┬─ Bindings (drm_gpuvm): which object is bound where
//!       ├─ AddressSpace:      the page tables, and the slot
//!       └─ Heap:              the driver's own memory in the client's range
//! ```
//!
//! A VM lives as long as a handle, a queue or a job has a reference to it. An object stays bound
//! until it is unbound, the client closes its handle of the object, or the VM goes.

mod bindings;
mod mappings;

pub(crate) use self::bindings::VmList;
use self::{
    bindings::Bindings,
    mappings::{
        Mappings,
        New,
        Step, //
    }, //
};
use crate::{
    alloc::Heap,
    bind::Operation,
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
    mmu::{
        AddressSpace,
        Ranges, //
    },
    quota::{
        Pinned,
        Share,
        VM_BYTES, //
    }, //
};
use agx_abi::uat::{
    Protection,
    DUMMY_PAGE,
    PAGE_SIZE,
    USER_END,
    USER_START, //
};
use core::ops::Range;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    drm::gpuvm::{
        GpuVm,
        OpMapRequest, //
    },
    prelude::*,
    sizes::{
        SZ_512K,
        SZ_64K, //
    },
    sync::{
        aref::ARef,
        Arc, //
    }, //
};

/// A client's address space.
///
/// A worker ends what is bound in it, which may take long, after the last reference has gone.
///
/// | call | context |
/// |---|---|
/// | all but drop | process, allocates; not in signalling sections |
/// | drop | process, may sleep; not in signalling sections |
pub(crate) struct Vm {
    /// The parts of the VM; `None` only while it is dropped.
    parts: Option<KBox<DeferredDrop<Parts>>>,
    vms: Arc<DeferredDropQueue>,
}

struct Parts {
    bindings: Arc<Bindings>,
    /// The client's VMs, and its number among them.
    list: Arc<VmList>,
    id: u32,
    /// The root object, which identifies the objects that are private to this VM.
    root: ARef<Object>,
    kernel_range: Range<u64>,
    heap: Arc<Heap>,
    shared_heap: Arc<Heap>,
    /// The page that the firmware's blobs want at a fixed address.
    _dummy: ARef<Object>,
    space: Arc<AddressSpace>,
    /// The charge for memory that is not counted page by page.
    _own: Pinned,
    /// Objects do not keep their device; this does, until after them: fields are dropped in order.
    _drm: ARef<AsahiDevice>,
}

impl Vm {
    /// Returns an address space of which the driver may use `kernel_range`, in the client's `list`.
    /// Its memory is of `share`.
    pub(crate) fn new(
        drm: &AsahiDevice,
        dev: &Device<Bound>,
        gpu: &Gpu,
        list: &Arc<VmList>,
        kernel_range: Range<u64>,
        share: Share,
    ) -> Result<Arc<Self>> {
        let (own, _coming) = Pinned::reserve(VM_BYTES, share)?;
        let abi = gpu.heaps().abi;
        let space = AddressSpace::new(gpu.uat(), share)?;
        let root = gem::create_root(drm, list.address(), share)?;
        let dummy = gem::create(drm, PAGE_SIZE, 0, None, share)?;
        let pages = PinnedPages::new(&dummy, dev)?;
        space.map(
            DUMMY_PAGE,
            pages.at_offset(0).take(1),
            Protection::GPU_SHARED_RW,
        )?;

        // One for memory that only the GPU uses, and one for memory that the firmware uses as well.
        // The firmware does not cache it, so it may be unmapped at any time; the driver in the
        // field maps it as cached, and has a half of the range for each. Here the two share all of
        // it: a scene may need more than a half of what its client has reserved.
        let addresses = Ranges::new(kernel_range.clone())?;
        let heap = |protection, grain| Heap::new_client(&space, &addresses, protection, grain, abi);
        let shared_heap = heap(Protection::GPU_FW_SHARED_RW, SZ_64K)?;
        let heap = heap(Protection::GPU_SHARED_RW, SZ_512K)?;

        let mappings = Mappings {
            space: space.clone(),
        };
        let gpuvm = GpuVm::new::<Error, _>(
            c"asahi",
            drm,
            &*root,
            USER_START..USER_END,
            kernel_range.clone(),
            mappings,
        )?;

        let vms = gpu.vms();
        let heaps = [heap.clone(), shared_heap.clone()];
        let bindings = Bindings::new(drm, vms, gpuvm, kernel_range.clone(), heaps)?;
        let id = list.add(&bindings)?;
        // From here on its drop takes it out of the list.
        let parts = DeferredDrop::new(Parts {
            bindings,
            list: list.clone(),
            id,
            root,
            kernel_range,
            heap,
            shared_heap,
            _dummy: dummy,
            space,
            _own: own,
            _drm: drm.into(),
        })?;
        let this = Self {
            parts: Some(parts),
            vms: vms.clone(),
        };
        Ok(Arc::new(this, GFP_KERNEL_ACCOUNT)?)
    }

    fn parts(&self) -> &Parts {
        // PANIC: They are absent only while it is dropped.
        self.parts
            .as_ref()
            .expect("the parts are there until it is dropped")
    }

    /// Returns the root of objects that are private to it.
    pub(crate) fn root(&self) -> &Object {
        &self.parts().root
    }

    /// Returns the part that is the driver's.
    pub(crate) fn kernel_range(&self) -> &Range<u64> {
        &self.parts().kernel_range
    }

    /// Returns the driver's own memory in it, for the GPU.
    pub(crate) fn heap(&self) -> &Heap {
        &self.parts().heap
    }

    /// Returns the driver's own memory in it, for the GPU and the firmware.
    pub(crate) fn shared_heap(&self) -> &Heap {
        &self.parts().shared_heap
    }

    /// Returns its page tables.
    pub(crate) fn space(&self) -> &Arc<AddressSpace> {
        &self.parts().space
    }

    /// Ends a batch of what is bound in `range`, from the start on, and returns what is left of it.
    /// Takes memory only if part of a mapping stays.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is none for that part.
    pub(crate) fn unbind(&self, range: Range<u64>) -> Result<Range<u64>> {
        self.parts().bindings.unbind(range)
    }

    /// Ends all mappings of `object`, unless `is_open` says that the client has a handle of it.
    pub(crate) fn unbind_object(&self, object: &Object, is_open: &dyn Fn() -> bool) {
        let parts = self.parts();
        let _ = parts.list.unbind_from(&parts.bindings, object, is_open);
    }

    /// Binds part of `object` as described by `operation`, a bind. It replaces earlier mappings in
    /// the range.
    pub(crate) fn bind(
        &self,
        object: &Object,
        dev: &Device<Bound>,
        operation: &Operation,
    ) -> Result {
        let Operation::Bind {
            range,
            offset,
            protection,
            single_page,
            ..
        } = operation
        else {
            return Err(EINVAL);
        };
        operation
            .check_size(gem::size(object))
            .map_err(|_| EINVAL)?;
        if !object.may_be_bound_by(self.root()) {
            return Err(EINVAL);
        }

        let new = New {
            pages: PinnedPages::new(object, dev)?,
            protection: *protection,
            single_page: *single_page,
        };
        let mut step = Step::new(Some(new))?;
        // Allocated first, so that the mapping cannot fail after the old one has been removed.
        self.space().prepare(range.clone(), Share::Clients)?;

        let mut gpuvm = self.parts().bindings.gpuvm.lock();
        let vm_bo = gpuvm.obtain(object, ())?;
        let result = gpuvm.sm_map(OpMapRequest {
            addr: range.start,
            range: range.end - range.start,
            gem_offset: *offset,
            vm_bo: &vm_bo,
            context: &mut step,
        });
        drop(vm_bo);
        gpuvm.deferred_cleanup();
        result
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take() {
            self.vms.queue(parts);
        }
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        // No mapping is split, so the calls allocate nothing.
        let mut left = USER_START..USER_END;
        while !left.is_empty() {
            left = match self.bindings.unbind(left) {
                Ok(left) => left,
                Err(e) => {
                    pr_err!("a VM could not be emptied: {e:?}\n");
                    break;
                }
            };
        }
        self.list.remove(self.id);
        self.space.unmap(DUMMY_PAGE..DUMMY_PAGE + PAGE_SIZE);
    }
}
