// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Memory regions that the boot loader has set up.

use crate::ffi;
use agx_abi::uat::PAGE_SIZE;
use core::{
    ptr::NonNull,
    slice, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    error::to_result,
    prelude::*, //
};

/// A reserved memory region, mapped.
///
/// # Invariants
///
/// `at` is a mapping of `size` bytes of normal memory that lives as long as `self`.
pub(crate) struct Region {
    base: u64,
    size: usize,
    at: NonNull<u8>,
}

// SAFETY: By the type invariant it is memory that it owns the mapping of, for whatever thread.
unsafe impl Send for Region {}
// SAFETY: It only gives out a pointer and numbers that never change; accesses are up to its users.
unsafe impl Sync for Region {}

impl Region {
    /// Returns the region that the device's `memory-region-names` calls `name`, of at least `min`
    /// bytes.
    ///
    /// # Errors
    ///
    /// The reason is in the log.
    pub(crate) fn find(dev: &Device<Bound>, name: &'static CStr, min: usize) -> Result<Self> {
        let (mut base, mut size) = (0, 0);
        // `Device` is a transparent wrapper of `struct device`.
        let raw: *const Device<Bound> = dev;
        // SAFETY: `dev` is valid, the name is a string, and the results are ours.
        let ret = unsafe {
            ffi::asahi_region_find(
                raw.cast_mut().cast(),
                name.as_char_ptr(),
                &mut base,
                &mut size,
            )
        };
        to_result(ret).inspect_err(|_| dev_err!(dev, "no memory region '{name}'\n"))?;

        if size < min as u64 {
            dev_err!(
                dev,
                "memory region '{name}' has {size:#x} bytes, {min:#x} are needed\n"
            );
            return Err(EINVAL);
        }
        if base % PAGE_SIZE != 0 {
            dev_err!(
                dev,
                "memory region '{name}' at {base:#x} is not aligned to a page\n"
            );
            return Err(EINVAL);
        }

        // SAFETY: The region is memory that the boot loader has set aside for this device.
        let at = unsafe { ffi::asahi_region_map(base, size) };
        let at = NonNull::new(at.cast()).ok_or(ENOMEM).inspect_err(|_| {
            dev_err!(dev, "memory region '{name}' cannot be mapped\n");
        })?;
        // INVARIANT: Just mapped, and unmapped on drop.
        Ok(Self {
            base,
            size: size as usize,
            at,
        })
    }

    /// Returns its physical address.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// Returns its size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Returns where the CPU has it.
    pub(crate) fn cpu_addr(&self) -> NonNull<u8> {
        self.at
    }

    /// Returns what the boot loader left in it.
    ///
    /// # Safety
    ///
    /// The region must not be written to as long as the result is used: it must be one of those
    /// that only the boot loader writes.
    pub(crate) unsafe fn content(&self) -> &[u8] {
        // SAFETY: By the type invariant, and the function's requirements.
        unsafe { slice::from_raw_parts(self.at.as_ptr(), self.size) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the mapping exists; no reference to it outlives `self`.
        unsafe { ffi::asahi_region_unmap(self.at.as_ptr().cast()) };
    }
}
