// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Clients' address spaces, as DRM sees them.
//!
//! ```text
//!   Vm ─┬─ GpuVm (drm_gpuvm): which object is bound where
//!       ├─ AddressSpace:      the page tables, and the slot
//!       └─ Heap:              the driver's own memory in the client's range
//! ```
//!
//! A VM lives as long as a handle, a queue or a job has a reference to it. An object stays bound
//! until it is unbound, the client closes its handle of the object, or the VM goes.

mod mappings;

use self::mappings::{
    Mappings,
    New,
    Step, //
};
use crate::{
    alloc::Heap,
    bind::Operation,
    device::AsahiDevice,
    ffi,
    gem::{
        self,
        Object,
        PinnedPages, //
    },
    mmu::{
        AddressSpace,
        Ranges,
        Uat, //
    },
    quota::{
        Pinned,
        Share,
        VM_BYTES, //
    }, //
};
use agx_abi::{
    uat::{
        Protection,
        DUMMY_PAGE,
        PAGE_SIZE,
        USER_END,
        USER_START, //
    },
    Abi, //
};
use core::ops::Range;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    drm::{
        gem::IntoGEMObject,
        gpuvm::{
            GpuVm,
            OpMapRequest,
            UniqueRefGpuVm, //
        }, //
    },
    new_mutex,
    prelude::*,
    sizes::{
        SZ_512K,
        SZ_64K, //
    },
    sync::{
        aref::ARef,
        Arc,
        Mutex,
        MutexGuard, //
    }, //
};

/// A client's address space.
///
/// | call | context |
/// |---|---|
/// | all, and drop | process, allocates; not in signalling sections |
#[pin_data(PinnedDrop)]
pub(crate) struct Vm {
    #[pin]
    gpuvm: Mutex<UniqueRefGpuVm<Mappings>>,
    /// The root object, which identifies the objects that are private to this VM.
    root: ARef<Object>,
    kernel_range: Range<u64>,
    heap: Arc<Heap>,
    shared_heap: Arc<Heap>,
    /// The page that the firmware's blobs want at a fixed address.
    dummy: ARef<Object>,
    space: Arc<AddressSpace>,
    /// The charge for memory that is not counted page by page.
    _own: Pinned,
    /// Objects do not keep their device; this does, until after them: fields are dropped in order.
    _drm: ARef<AsahiDevice>,
}

impl Vm {
    /// Returns an address space of which the driver may use `kernel_range`. `abi`: version of the
    /// firmware's interface. `share`: whose memory it is.
    pub(crate) fn new(
        drm: &AsahiDevice,
        dev: &Device<Bound>,
        uat: &Arc<Uat>,
        abi: Abi,
        kernel_range: Range<u64>,
        share: Share,
    ) -> Result<Arc<Self>> {
        let (own, _coming) = Pinned::reserve(VM_BYTES, share)?;
        let space = AddressSpace::new(uat, share)?;
        let root = gem::create(drm, PAGE_SIZE, 0, None, share)?;
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

        Arc::pin_init(
            pin_init!(Self {
                gpuvm <- new_mutex!(gpuvm),
                root,
                kernel_range,
                heap,
                shared_heap,
                dummy,
                space,
                _own: own,
                _drm: drm.into(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns the root of objects that are private to it.
    pub(crate) fn root(&self) -> &Object {
        &self.root
    }

    /// Returns the part that is the driver's.
    pub(crate) fn kernel_range(&self) -> &Range<u64> {
        &self.kernel_range
    }

    /// Returns the driver's own memory in it, for the GPU.
    pub(crate) fn heap(&self) -> &Heap {
        &self.heap
    }

    /// Returns the driver's own memory in it, for the GPU and the firmware.
    pub(crate) fn shared_heap(&self) -> &Heap {
        &self.shared_heap
    }

    /// Returns its page tables.
    pub(crate) fn space(&self) -> &Arc<AddressSpace> {
        &self.space
    }

    /// Ends what is bound in `range`. Takes memory only if part of a mapping stays.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is none for that part.
    pub(crate) fn unbind(&self, range: Range<u64>) -> Result {
        let gpuvm = self.gpuvm.lock();
        if !cuts(&gpuvm, &range) {
            return self.unbind_by(gpuvm, range, Step::without_spares());
        }
        drop(gpuvm);
        let step = Step::new(None)?;
        self.unbind_by(self.gpuvm.lock(), range, step)
    }

    fn unbind_by(
        &self,
        mut gpuvm: MutexGuard<'_, UniqueRefGpuVm<Mappings>>,
        range: Range<u64>,
        mut step: Step<'_>,
    ) -> Result {
        // `drm_gpuvm` does not take a range that touches the driver's.
        let below = range.start..range.end.min(self.kernel_range.start);
        let above = range.start.max(self.kernel_range.end)..range.end;
        let result = [below, above]
            .into_iter()
            .filter(|part| !part.is_empty())
            .try_for_each(|part| gpuvm.sm_unmap(part.start, part.end - part.start, &mut step));
        gpuvm.deferred_cleanup();
        result
    }

    /// Ends all mappings of `object`. When it returns the GPU uses none of them any more.
    pub(crate) fn unbind_object(&self, object: &Object) {
        let mut step = Step::without_spares();
        let mut gpuvm = self.gpuvm.lock();
        while let Some(range) = first_mapping(&gpuvm, object) {
            // A whole mapping is not split, so the call allocates nothing.
            if let Err(e) = gpuvm.sm_unmap(range.start, range.end - range.start, &mut step) {
                pr_err!("an object could not be unbound: {e:?}\n");
                break;
            }
        }
        gpuvm.deferred_cleanup();
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
        if !object.may_be_bound_by(&self.root) {
            return Err(EINVAL);
        }

        let new = New {
            pages: PinnedPages::new(object, dev)?,
            protection: *protection,
            single_page: *single_page,
        };
        let mut step = Step::new(Some(new))?;
        // Allocated first, so that the mapping cannot fail after the old one has been removed.
        self.space.prepare(range.clone(), Share::Clients)?;

        let mut gpuvm = self.gpuvm.lock();
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

#[pinned_drop]
impl PinnedDrop for Vm {
    fn drop(self: Pin<&mut Self>) {
        // No mapping is split, so the call allocates nothing.
        let gpuvm = self.gpuvm.lock();
        if let Err(e) = self.unbind_by(gpuvm, USER_START..USER_END, Step::without_spares()) {
            pr_err!("a VM could not be emptied: {e:?}\n");
        }
        self.space.unmap(DUMMY_PAGE..DUMMY_PAGE + PAGE_SIZE);
    }
}

/// Returns whether a mapping in `gpuvm` is partly in `range` and partly not.
fn cuts(gpuvm: &UniqueRefGpuVm<Mappings>, range: &Range<u64>) -> bool {
    // SAFETY: It is valid, and a unique reference is the lock that keeps its mappings as they are.
    unsafe { ffi::asahi_range_cuts(gpuvm.as_raw().cast(), range.start, range.end) }
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
