// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The `struct dma_fence` of a driver's own fences.
//!
//! The protocol of contexts and their fences is in [`context`](crate::context). The model checker
//! compiles that with a replacement for this module.
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)

pub(crate) use crate::module_ref::{
    get_module,
    put_module, //
};
use crate::{
    context::FenceContext,
    evidence::Timeline,
    ffi,
    names::TimelineNames,
    set::FenceSet, //
};
use core::{
    mem::MaybeUninit,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    bindings,
    ffi::{
        c_char,
        c_void, //
    },
    prelude::*, //
};

/// A fence of a context, `struct dma_fence_shim_own` in C, where it is allocated. The kernel frees
/// it with `kfree()`.
#[repr(C)]
pub(crate) struct OwnFence {
    base: bindings::dma_fence,
    /// Does not change. Valid as long as the fence may be asked for its names.
    names: *const TimelineNames,
    /// Valid while the fence is armed and has not signalled. Null after [`clear_context`]. Read
    /// under the fence's lock, or by the owner of the fence.
    context: *const FenceContext,
    /// The next fence of a list of orphans, which owns it.
    next: *mut OwnFence,
    /// Dependencies that the fence must not signal before. Initialised once it is orphaned, or its
    /// job was submitted early.
    dependencies: MaybeUninit<FenceSet>,
}

const _: () = assert!(core::mem::offset_of!(OwnFence, base) == 0);
const _: () = assert!(
    size_of::<OwnFence>() == size_of::<bindings::dma_fence>() + 4 * size_of::<*const c_void>()
);

/// The operations of own fences. There is neither `release` nor `wait`, so `dma_fence_signal()`
/// clears `fence->ops`, and a signalled fence may outlive the module.
static OPS: bindings::dma_fence_ops = bindings::dma_fence_ops {
    get_driver_name: Some(driver_name),
    get_timeline_name: Some(timeline_name),
    enable_signaling: None,
    signaled: None,
    wait: None,
    release: None,
    set_deadline: Some(set_deadline),
};

/// Returns the name of the driver.
///
/// # Safety
///
/// `fence` must be an [`OwnFence`] that is armed.
unsafe extern "C" fn driver_name(fence: *mut bindings::dma_fence) -> *const c_char {
    // SAFETY: The fence is armed by the safety requirements, so its names are valid.
    unsafe { (*(*fence.cast::<OwnFence>()).names).driver().as_char_ptr() }
}

/// Returns the name of the timeline.
///
/// # Safety
///
/// `fence` must be an [`OwnFence`] that is armed.
unsafe extern "C" fn timeline_name(fence: *mut bindings::dma_fence) -> *const c_char {
    // SAFETY: The fence is armed by the safety requirements, so its names are valid.
    unsafe {
        (*(*fence.cast::<OwnFence>()).names)
            .timeline()
            .as_char_ptr()
    }
}

/// Records a deadline in the context of a fence that has not signalled.
///
/// # Safety
///
/// `fence` must be an [`OwnFence`] that is armed.
unsafe extern "C" fn set_deadline(fence: *mut bindings::dma_fence, deadline: bindings::ktime_t) {
    let fence = fence.cast::<OwnFence>();
    // SAFETY: The fence is armed by the safety requirements. Signalling takes the lock. So while
    // the lock is held, the context of a fence that has not signalled is valid or null.
    unsafe {
        with_lock(fence, |signalled| {
            if let Some(context) = (*fence).context.as_ref().filter(|_| !signalled) {
                context.deadlines().note(deadline);
            }
        });
    }
}

/// Calls `f` with the fence's lock held. The argument is whether the fence has signalled.
///
/// # Safety
///
/// `fence` must be armed, and valid.
unsafe fn with_lock<R>(fence: *mut OwnFence, f: impl FnOnce(bool) -> R) -> R {
    let base = fence.cast::<bindings::dma_fence>();
    let signalled = 1 << bindings::dma_fence_flag_bits_DMA_FENCE_FLAG_SIGNALED_BIT;
    // SAFETY: The fence is valid by the safety requirements. The lock is released below, and the
    // flag does not change while it is held.
    unsafe {
        let flags = ffi::dma_fence_shim_lock(base);
        let result = f((&raw const (*base).flags).read_volatile() & signalled != 0);
        ffi::dma_fence_shim_unlock(base, flags);
        result
    }
}

/// Returns a new timeline.
#[inline]
pub(crate) fn new_timeline() -> Timeline {
    // SAFETY: The function may be called in any context.
    Timeline::of(unsafe { bindings::dma_fence_context_alloc(1) })
}

/// Allocates the uninitialised memory of a fence, which is freed with [`free`] unless it is armed.
#[inline]
pub(crate) fn alloc() -> Result<NonNull<OwnFence>> {
    // SAFETY: The function only allocates memory, and may be called in process context.
    NonNull::new(unsafe { ffi::dma_fence_shim_alloc() }.cast()).ok_or(ENOMEM)
}

/// Frees a fence that was not armed.
///
/// # Safety
///
/// `fence` must be from [`alloc`], and not be used again.
#[inline]
pub(crate) unsafe fn free(fence: NonNull<OwnFence>) {
    // SAFETY: By the safety requirements the memory is from `kmalloc()` and is not used again.
    unsafe { bindings::kfree(fence.as_ptr().cast()) };
}

/// Frees a context.
///
/// # Safety
///
/// `context` must be from a [`KBox`], and not be used again.
pub(crate) unsafe fn free_context(context: NonNull<FenceContext>) {
    // Shorter than dropping a box, which handles sizes of 0. Each queue has a context.
    // SAFETY: By the safety requirements the context is from a box, whose memory is from
    // `kmalloc()`, and is not used again.
    unsafe {
        context.drop_in_place();
        bindings::kfree(context.as_ptr().cast());
    }
}

/// Initialises a fence with a count of two references.
///
/// # Safety
///
/// `fence` must be from [`alloc`], and must be armed once. The context must be valid until the
/// fence has signalled or [`clear_context`] was called.
#[inline(always)]
pub(crate) unsafe fn arm(
    fence: NonNull<OwnFence>,
    context: &FenceContext,
    timeline: Timeline,
    seqno: u64,
) {
    let own = fence.as_ptr();
    // SAFETY: By the safety requirements the memory is from `alloc()`. `OPS` is valid until this
    // module is unloaded, to which the context has a reference.
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
/// `fence` must be armed and not signalled. The caller passes on a reference.
#[inline(always)]
pub(crate) unsafe fn finish(fence: NonNull<OwnFence>, error: i32) {
    // SAFETY: By the safety requirements the fence is armed and has not signalled.
    unsafe { ffi::dma_fence_shim_finish(fence.as_ptr().cast(), error) };
}

/// Clears the context of an orphaned fence, which will never signal.
///
/// # Safety
///
/// `fence` must be armed and not signalled, and the caller must own a reference.
pub(crate) unsafe fn clear_context(fence: NonNull<OwnFence>) {
    // SAFETY: The fence is valid by the safety requirements. The lock protects the field.
    unsafe { with_lock(fence.as_ptr(), |_| (*fence.as_ptr()).context = ptr::null()) };
}

/// Returns the context that a fence was armed with.
///
/// # Safety
///
/// `fence` must be armed, and the caller must own it. [`clear_context`] must not have been called.
#[inline(always)]
pub(crate) unsafe fn context(fence: NonNull<OwnFence>) -> *const FenceContext {
    // SAFETY: By the safety requirements the caller owns the fence, so the field does not change.
    unsafe { (*fence.as_ptr()).context }
}

/// Returns the timeline and the sequence number that a fence was armed with.
///
/// # Safety
///
/// `fence` must be armed, and valid.
#[inline(always)]
pub(crate) unsafe fn id(fence: NonNull<OwnFence>) -> (Timeline, u64) {
    // SAFETY: The fence is valid by the safety requirements.
    let base = unsafe { &raw const (*fence.as_ptr()).base };
    // SAFETY: The fence is valid by the safety requirements. The fields do not change once it is
    // armed.
    unsafe { (Timeline::of((*base).context), (*base).seqno) }
}

/// Returns the address of the field that links orphans.
///
/// # Safety
///
/// `fence` must be armed, and valid.
#[inline(always)]
pub(crate) unsafe fn next(fence: NonNull<OwnFence>) -> *mut *mut OwnFence {
    // SAFETY: The fence is valid by the safety requirements.
    unsafe { &raw mut (*fence.as_ptr()).next }
}

/// Returns the address of the field that keeps the dependencies of an orphan, or of a fence whose
/// job was submitted early.
///
/// # Safety
///
/// `fence` must be armed, and valid.
#[inline(always)]
pub(crate) unsafe fn dependencies(fence: NonNull<OwnFence>) -> *mut FenceSet {
    // SAFETY: The fence is valid by the safety requirements.
    unsafe { (&raw mut (*fence.as_ptr()).dependencies).cast() }
}

/// Reports once, with a stack trace, that a driver has broken a rule of this crate.
#[cold]
pub(crate) fn api_violation(what: &'static CStr) {
    // SAFETY: The string ends with NUL.
    unsafe { ffi::dma_fence_shim_api_violation(what.as_char_ptr()) };
}

/// Reports that an armed fence was dropped.
#[cold]
pub(crate) fn warn_orphaned(context: &FenceContext, seqno: u64) {
    pr_warn!(
        "fence {seqno} of {:?} is orphaned: it was dropped before it signalled\n",
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

/// Reports that both ends of a context were dropped before its fences.
#[cold]
pub(crate) fn warn_without_end(context: &FenceContext) {
    pr_err!(
        "fences of {:?} are orphaned: both ends of their context were dropped\n",
        context.names().timeline()
    );
}

/// Reports that an orphaned fence will never signal.
#[cold]
pub(crate) fn warn_never_signals(context: &FenceContext, seqno: u64) {
    pr_err!(
        "fence {}:{seqno} of {:?} is orphaned and will never signal\n",
        context.timeline().id(),
        context.names().timeline()
    );
}
