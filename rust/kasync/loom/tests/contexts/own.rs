// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fences that note what becomes of them.

use super::{
    Log,
    LOG, //
};
use crate::{
    context::FenceContext,
    evidence::Timeline,
    set::FenceSet, //
};
use loom::{
    cell::UnsafeCell,
    sync::Arc, //
};
use std::{
    ffi::CStr,
    mem::MaybeUninit,
    ptr::{
        self,
        NonNull, //
    }, //
};

pub(crate) struct OwnFence {
    log: Arc<Log>,
    context: *const FenceContext,
    id: (Timeline, u64),
    next: *mut OwnFence,
    dependencies: MaybeUninit<FenceSet>,
    /// Written by its owner, at last when it signals or is lost.
    owned: UnsafeCell<()>,
}

pub(crate) fn log() -> Arc<Log> {
    LOG.with(|log| log.borrow().clone().unwrap())
}

pub(crate) fn new_timeline() -> Timeline {
    let log = log();
    let mut next = log.timelines.lock().unwrap();
    *next += 1;
    Timeline::of(*next)
}

pub(crate) fn alloc() -> kernel::error::Result<NonNull<OwnFence>> {
    let own = Box::new(OwnFence {
        log: log(),
        context: ptr::null(),
        id: (Timeline::of(0), 0),
        next: ptr::null_mut(),
        dependencies: MaybeUninit::uninit(),
        owned: UnsafeCell::new(()),
    });
    Ok(NonNull::new(Box::into_raw(own)).unwrap())
}

pub(crate) unsafe fn free(fence: NonNull<OwnFence>) {
    // SAFETY: From `alloc`, by the safety requirements of the real one.
    drop(unsafe { Box::from_raw(fence.as_ptr()) });
}

pub(crate) unsafe fn free_context(context: NonNull<FenceContext>) {
    // SAFETY: From a box, by the safety requirements of the real one.
    drop(unsafe { kernel::alloc::KBox::from_raw(context.as_ptr()) });
}

pub(crate) unsafe fn arm(
    mut fence: NonNull<OwnFence>,
    context: &FenceContext,
    timeline: Timeline,
    seqno: u64,
) {
    // SAFETY: The memory is the caller's.
    let fence = unsafe { fence.as_mut() };
    fence.context = context;
    fence.id = (timeline, seqno);
}

fn end(fence: NonNull<OwnFence>, f: impl FnOnce(&OwnFence)) {
    // SAFETY: The reference is the last, and the memory from `alloc`.
    let own = unsafe { Box::from_raw(fence.as_ptr()) };
    own.owned.with_mut(|_| ());
    f(&own);
}

pub(crate) unsafe fn finish(fence: NonNull<OwnFence>, error: i32) {
    end(fence, |own| {
        own.log.signalled.lock().unwrap().push((own.id.1, error));
    });
}

pub(crate) unsafe fn clear_context(fence: NonNull<OwnFence>) {
    // SAFETY: Valid, and the caller's.
    let own = unsafe { &mut *fence.as_ptr() };
    own.owned.with_mut(|_| ());
    own.context = ptr::null();
    // It goes when the scene is over.
    own.log.lost.lock().unwrap().push(fence.as_ptr() as usize);
}

pub(crate) unsafe fn context(fence: NonNull<OwnFence>) -> *const FenceContext {
    // SAFETY: Valid, and the caller's.
    unsafe { (*fence.as_ptr()).owned.with_mut(|_| ()) };
    // SAFETY: Valid, and the caller's.
    unsafe { (*fence.as_ptr()).context }
}

pub(crate) unsafe fn id(fence: NonNull<OwnFence>) -> (Timeline, u64) {
    // SAFETY: Valid, and the caller's.
    unsafe { (*fence.as_ptr()).id }
}

pub(crate) unsafe fn next(fence: NonNull<OwnFence>) -> *mut *mut OwnFence {
    // SAFETY: Valid, and the caller's.
    unsafe { (*fence.as_ptr()).owned.with_mut(|_| ()) };
    // SAFETY: Valid, and the caller's.
    unsafe { &raw mut (*fence.as_ptr()).next }
}

pub(crate) unsafe fn dependencies(fence: NonNull<OwnFence>) -> *mut FenceSet {
    // SAFETY: Valid, and the caller's.
    unsafe { (*fence.as_ptr()).owned.with_mut(|_| ()) };
    // SAFETY: Valid, and the caller's.
    unsafe { (&raw mut (*fence.as_ptr()).dependencies).cast() }
}

pub(crate) fn get_module() {
    *log().modules.lock().unwrap() += 1;
}

pub(crate) unsafe fn put_module() {
    *log().modules.lock().unwrap() -= 1;
}

pub(crate) fn api_violation(_: &'static CStr) {
    *log().violations.lock().unwrap() += 1;
}

pub(crate) fn warn_orphaned(context: &FenceContext, _: u64) {
    context.deadlines().assert_alive();
}

pub(crate) fn warn_out_of_order(_: &FenceContext, _: u64) {}

pub(crate) fn warn_without_end(context: &FenceContext) {
    let log = log();
    let context = context as *const FenceContext as usize;
    let before = log.left.lock().unwrap().replace(context);
    assert!(before.is_none(), "left behind twice");
}

pub(crate) fn warn_never_signals(_: &FenceContext, _: u64) {}

/// Frees a fence that was lost, and returns its number.
pub(crate) fn end_forgotten(fence: usize) -> u64 {
    let mut seqno = 0;
    end(NonNull::new(fence as *mut OwnFence).unwrap(), |own| {
        assert!(own.context.is_null());
        seqno = own.id.1;
    });
    seqno
}
