// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The `struct dma_fence` of own fences.
//!
//! The protocol of contexts and their fences is in [`context`](crate::context), which a model
//! checker compiles as well, with another module in the place of this one.

use crate::{
    context::{
        FenceContext,
        Timeline, //
    },
    ffi,
    names::TimelineNames, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    bindings,
    ffi::{
        c_char,
        c_void, //
    },
    prelude::*, //
};

/// A fence of a context. The kernel frees it as the kmalloc memory that begins with the fence.
///
/// `struct dma_fence_shim_own` in C, which allocates it.
#[repr(C)]
pub(crate) struct OwnFence {
    base: bindings::dma_fence,
    /// Does not change, and stays as long as the fence may be asked for its names.
    names: *const TimelineNames,
    /// Valid as long as the fence is armed and has not signalled; null in one that is lost. Read
    /// under the fence's lock, or by the owner of the fence.
    context: *const FenceContext,
    /// The next in a list of orphans, owned by that.
    next: *mut OwnFence,
}

const _: () = assert!(core::mem::offset_of!(OwnFence, base) == 0);
const _: () = assert!(
    size_of::<OwnFence>() == size_of::<bindings::dma_fence>() + 3 * size_of::<*const c_void>()
);

/// Neither `release` nor `wait`: so `dma_fence_signal()` clears `fence->ops`, and a signalled fence
/// may outlive the module.
static OPS: bindings::dma_fence_ops = bindings::dma_fence_ops {
    get_driver_name: Some(driver_name),
    get_timeline_name: Some(timeline_name),
    enable_signaling: None,
    signaled: None,
    wait: None,
    release: None,
    set_deadline: Some(set_deadline),
};

/// # Safety
///
/// `fence` must be an [`OwnFence`] that is armed.
unsafe extern "C" fn driver_name(fence: *mut bindings::dma_fence) -> *const c_char {
    // SAFETY: By the safety requirements; the names stay, see `OwnFence`.
    unsafe { (*(*fence.cast::<OwnFence>()).names).driver().as_char_ptr() }
}

/// # Safety
///
/// `fence` must be an [`OwnFence`] that is armed.
unsafe extern "C" fn timeline_name(fence: *mut bindings::dma_fence) -> *const c_char {
    // SAFETY: By the safety requirements; the names stay, see `OwnFence`.
    unsafe {
        (*(*fence.cast::<OwnFence>()).names)
            .timeline()
            .as_char_ptr()
    }
}

/// # Safety
///
/// `fence` must be an [`OwnFence`] that is armed.
unsafe extern "C" fn set_deadline(fence: *mut bindings::dma_fence, deadline: bindings::ktime_t) {
    let fence = fence.cast::<OwnFence>();
    // SAFETY: By the safety requirements. Signalling takes the lock, so in a fence that has not
    // signalled the context is valid while the lock is held, or null.
    unsafe {
        with_lock(fence, |signalled| {
            if let Some(context) = (*fence).context.as_ref().filter(|_| !signalled) {
                context.deadlines().note(deadline);
            }
        });
    }
}

/// Calls `f` under the fence's lock, with whether the fence has signalled.
///
/// # Safety
///
/// `fence` must be armed, and valid.
unsafe fn with_lock<R>(fence: *mut OwnFence, f: impl FnOnce(bool) -> R) -> R {
    let base = fence.cast::<bindings::dma_fence>();
    let signalled = 1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SIGNALED_BIT;
    // SAFETY: By the safety requirements, and the lock is released below. Under it the flag does
    // not change.
    unsafe {
        let flags = ffi::dma_fence_shim_lock(base);
        let result = f((&raw const (*base).flags).read_volatile() & signalled != 0);
        ffi::dma_fence_shim_unlock(base, flags);
        result
    }
}

/// Returns a timeline that no other fence has.
#[inline]
pub(crate) fn new_timeline() -> Timeline {
    // SAFETY: The function may be called at any time.
    Timeline::of(unsafe { bindings::dma_fence_context_alloc(1) })
}

/// Allocates a fence, which is not initialised; to be freed with `kfree()`.
#[inline]
pub(crate) fn alloc() -> Result<NonNull<OwnFence>> {
    // SAFETY: The function allocates memory, and nothing else.
    NonNull::new(unsafe { ffi::dma_fence_shim_alloc() }.cast()).ok_or(ENOMEM)
}

/// Frees a fence that was not armed.
///
/// # Safety
///
/// `fence` must be from [`alloc`], and not be used again.
pub(crate) unsafe fn free(fence: NonNull<OwnFence>) {
    // SAFETY: From kmalloc(), and the caller's alone, by the safety requirements.
    unsafe { bindings::kfree(fence.as_ptr().cast()) };
}

/// Frees a context.
///
/// # Safety
///
/// `context` must be from a [`KBox`], and not be used again.
pub(crate) unsafe fn free_context(context: NonNull<FenceContext>) {
    // Each queue has a context: what a box does takes longer, as it asks for memory of size 0.
    // SAFETY: By the safety requirements; a box of the size of a context is from kmalloc().
    unsafe {
        context.drop_in_place();
        bindings::kfree(context.as_ptr().cast());
    }
}

/// Initialises a fence with a count of two references.
///
/// # Safety
///
/// `fence` must be from [`alloc`], and be armed once. The context stays until the fence has
/// signalled or [`lose`] was called.
#[inline(always)]
pub(crate) unsafe fn arm(
    fence: NonNull<OwnFence>,
    context: &FenceContext,
    timeline: Timeline,
    seqno: u64,
) {
    let own = fence.as_ptr();
    // SAFETY: The memory is the caller's. `OPS` is as static as this module, which the context
    // keeps.
    unsafe {
        (&raw mut (*own).names).write(context.names());
        (&raw mut (*own).context).write(context);
        ffi::dma_fence_shim_arm(own.cast(), &OPS, timeline.id(), seqno);
    }
}

/// Signals a fence with an errno, or 0, and drops a reference.
///
/// # Safety
///
/// `fence` must be armed and not signalled, and the caller passes on a reference.
#[inline(always)]
pub(crate) unsafe fn finish(fence: NonNull<OwnFence>, error: i32) {
    // SAFETY: By the safety requirements.
    unsafe { ffi::dma_fence_shim_finish(fence.as_ptr().cast(), error) };
}

/// Severs a fence, which will never signal, from its context.
///
/// # Safety
///
/// `fence` must be armed and not signalled, and the caller owns a reference.
pub(crate) unsafe fn lose(fence: NonNull<OwnFence>) {
    // SAFETY: By the safety requirements; the field is protected by the lock.
    unsafe { with_lock(fence.as_ptr(), |_| (*fence.as_ptr()).context = ptr::null()) };
}

/// Returns the context that a fence was armed with.
///
/// # Safety
///
/// `fence` must be armed, not lost, and the caller's.
#[inline(always)]
pub(crate) unsafe fn context(fence: NonNull<OwnFence>) -> *const FenceContext {
    // SAFETY: By the safety requirements nobody writes the field.
    unsafe { (*fence.as_ptr()).context }
}

/// Returns the timeline and the sequence number that a fence was armed with.
///
/// # Safety
///
/// `fence` must be armed, and valid.
#[inline(always)]
pub(crate) unsafe fn id(fence: NonNull<OwnFence>) -> (Timeline, u64) {
    // SAFETY: By the safety requirements; these fields do not change after init.
    let base = unsafe { &raw const (*fence.as_ptr()).base };
    // SAFETY: By the safety requirements; these fields do not change after init.
    unsafe { (Timeline::of((*base).context), (*base).seqno) }
}

/// Returns the address of the field that links orphans.
///
/// # Safety
///
/// `fence` must be armed, and valid.
#[inline(always)]
pub(crate) unsafe fn next(fence: NonNull<OwnFence>) -> *mut *mut OwnFence {
    // SAFETY: By the safety requirements.
    unsafe { &raw mut (*fence.as_ptr()).next }
}

/// Keeps the module that this crate is in from being unloaded.
#[inline]
pub(crate) fn get_module() {
    // SAFETY: The caller's code depends on the module, which is there for that reason.
    unsafe { ffi::dma_fence_shim_get_module() };
}

/// Undoes [`get_module`].
///
/// # Safety
///
/// To be called once for each call of [`get_module`], when nothing needs the module for that any
/// more.
#[inline]
pub(crate) unsafe fn put_module() {
    // SAFETY: By the safety requirements.
    unsafe { ffi::dma_fence_shim_put_module() };
}

/// Reports a wrong use of this crate by a driver, with a stack trace, once.
#[cold]
pub(crate) fn api_violation(what: &'static CStr) {
    // SAFETY: A string that ends with NUL.
    unsafe { ffi::dma_fence_shim_api_violation(what.as_char_ptr()) };
}

/// Reports that an armed fence was dropped.
#[cold]
pub(crate) fn warn_orphaned(context: &FenceContext, seqno: u64) {
    pr_warn!(
        "fence {seqno} of {:?} was dropped before it signalled\n",
        context.names().timeline()
    );
}

/// Reports that a fence was not the next one of its timeline.
#[cold]
pub(crate) fn warn_out_of_order(context: &FenceContext, seqno: u64) {
    pr_err!(
        "fence {seqno} of {:?} is out of order\n",
        context.names().timeline()
    );
}

/// Reports that armed fences are left over when both ends of their context have gone.
#[cold]
pub(crate) fn warn_left_behind(context: &FenceContext) {
    pr_err!(
        "fences of {:?} are left behind, and so is their context\n",
        context.names().timeline()
    );
}

/// Reports that an orphaned fence will never signal.
#[cold]
pub(crate) fn warn_lost(context: &FenceContext, seqno: u64) {
    pr_err!(
        "fence {}:{seqno} of {:?} was dropped and will never signal\n",
        context.timeline().id(),
        context.names().timeline()
    );
}
