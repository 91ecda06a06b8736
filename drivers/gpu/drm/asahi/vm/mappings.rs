// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Callbacks of `drm_gpuvm` that update the page tables.
//!
//! `drm_gpuvm` splits each bind and unbind into steps that map, unmap or remap one mapping.

use crate::{
    device::AsahiDrmDriver,
    gem::{
        Object,
        PinnedPages, //
    },
    mmu::AddressSpace,
    quota::{
        Coming,
        Pinned,
        Share,
        MAPPING_BYTES, //
    }, //
};
use agx_abi::uat::{
    Protection,
    PAGE_SIZE, //
};
use core::iter;
use kernel::{
    drm::gpuvm::{
        DriverGpuVm,
        GpuVaAlloc,
        OpMap,
        OpMapped,
        OpRemap,
        OpRemapped,
        OpUnmap,
        OpUnmapped, //
    },
    prelude::*,
    sync::Arc, //
};

/// The mapping that a bind creates.
pub(super) struct New<'a> {
    pub(super) pages: PinnedPages<'a>,
    pub(super) protection: Protection,
    pub(super) single_page: bool,
}

/// One operation: the mapping to create, if any, and preallocated memory.
pub(crate) struct Step<'a> {
    new: Option<New<'a>>,
    /// Preallocated mappings: one for the new mapping, and two for the remains of old mappings. An
    /// operation can cut one mapping in two, or two mappings at one end each.
    spare: KVec<Spare>,
}

/// Memory for a mapping, and the charge for it.
type Spare = (GpuVaAlloc<Mappings>, Pinned);

impl<'a> Step<'a> {
    /// The number of spare mappings that a change needs at most: the new mapping, and two in each
    /// of two cuts.
    const SPARE: usize = 5;

    /// Allocates all that the change may need. `ENOMEM` if there is none.
    pub(super) fn new(new: Option<New<'a>>) -> Result<Self> {
        let _coming = Coming::new(Self::SPARE as u64 * MAPPING_BYTES)?;
        let mut spare = KVec::with_capacity(Self::SPARE, GFP_KERNEL_ACCOUNT)?;
        for _ in 0..Self::SPARE {
            let charge = Pinned::count(MAPPING_BYTES, Share::Clients)?;
            let va = GpuVaAlloc::new(GFP_KERNEL_ACCOUNT)?;
            spare.push((va, charge), GFP_KERNEL_ACCOUNT)?;
        }
        Ok(Self { new, spare })
    }

    /// Returns an operation that neither binds nor cuts anything.
    pub(super) fn without_spares() -> Self {
        Self {
            new: None,
            spare: KVec::new(),
        }
    }

    fn spare(&mut self) -> Result<Spare> {
        self.spare.pop().ok_or(EINVAL)
    }
}

/// The page tables, as `drm_gpuvm` drives them.
pub(crate) struct Mappings {
    pub(super) space: Arc<AddressSpace>,
}

impl DriverGpuVm for Mappings {
    type Driver = AsahiDrmDriver;
    type Object = Object;
    type VaData = Pinned;
    type VmBoData = ();
    type SmContext<'ctx> = Step<'ctx>;

    fn sm_step_map<'op, 'ctx>(
        &mut self,
        op: OpMap<'op, Self>,
        step: &mut Step<'ctx>,
    ) -> Result<OpMapped<'op, Self>> {
        let (va, charge) = step.spare()?;
        let new = step.new.as_ref().ok_or(EINVAL)?;
        let count = (op.length() / PAGE_SIZE) as usize;
        let mut pages = new.pages.at_offset(op.gem_offset());
        if new.single_page {
            let page = pages.next().ok_or(EINVAL)?;
            let repeated = iter::repeat_n(page, count);
            self.space.map(op.addr(), repeated, new.protection)?;
        } else {
            self.space
                .map(op.addr(), pages.take(count), new.protection)?;
        }
        Ok(op.insert(va, charge))
    }

    fn sm_step_unmap<'op, 'ctx>(
        &mut self,
        op: OpUnmap<'op, Self>,
        _step: &mut Step<'ctx>,
    ) -> Result<OpUnmapped<'op, Self>> {
        self.space.unmap(op.va().range());
        let (done, _removed) = op.remove();
        Ok(done)
    }

    fn sm_step_remap<'op, 'ctx>(
        &mut self,
        op: OpRemap<'op, Self>,
        step: &mut Step<'ctx>,
    ) -> Result<OpRemapped<'op, Self>> {
        let [(start_va, start_charge), (end_va, end_charge)] = [step.spare()?, step.spare()?];
        // The parts that stay at either end keep their page table entries.
        let whole = op.va_to_unmap().range();
        let start = op
            .prev()
            .map_or(whole.start, |prev| prev.addr() + prev.length());
        let end = op.next().map_or(whole.end, |next| next.addr());
        self.space.unmap(start..end);

        let (done, _left) = op.remap([start_va, end_va], start_charge, end_charge);
        Ok(done)
    }
}
