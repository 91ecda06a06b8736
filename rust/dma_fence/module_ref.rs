// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! References to the module of this crate: what may outlive its user has the module's code called.

use crate::ffi;

/// Takes a reference to the module of this crate, which keeps it from being unloaded.
#[inline]
pub(crate) fn get_module() {
    // SAFETY: The caller's module depends on this one, so its reference count is not zero.
    unsafe { ffi::dma_fence_shim_get_module() };
}

/// Drops a reference to the module of this crate.
///
/// # Safety
///
/// Must be called at most once for each call of [`get_module`], when the reference is not needed
/// any more.
#[inline]
pub(crate) unsafe fn put_module() {
    // SAFETY: By the safety requirements the reference was taken by `get_module()`.
    unsafe { ffi::dma_fence_shim_put_module() };
}

/// A reference to the module of this crate, which has the code of a callback that is on a fence. So
/// a wait may be forgotten: then the module stays for ever.
pub(crate) struct ModuleRef(());

impl ModuleRef {
    pub(crate) fn new() -> Self {
        get_module();
        Self(())
    }
}

impl Drop for ModuleRef {
    fn drop(&mut self) {
        // SAFETY: `new()` has taken a reference.
        unsafe { put_module() };
    }
}
