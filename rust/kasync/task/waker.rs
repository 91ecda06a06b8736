// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Wakers of tasks. Each owns one reference to its task. All operations are legal in any context
//! but NMI.

use super::{
    put,
    schedule,
    wake,
    Header, //
};
use crate::trace;
use core::{
    ffi::c_void,
    mem::ManuallyDrop,
    ptr::NonNull,
    task::{
        Context,
        RawWaker,
        RawWakerVTable,
        Waker, //
    }, //
};
use kernel::sync::rcu;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake_by_value, wake_by_ref, drop_waker);

/// Returns the task of a waker.
///
/// # Safety
///
/// `data` must be that of a waker with [`VTABLE`].
unsafe fn header_of(data: *const ()) -> NonNull<Header> {
    // SAFETY: By the safety requirements it is the address of a task, so it is not null.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: The waker that is cloned keeps the task valid. The new one owns the reference taken.
    unsafe { header_of(data).as_ref() }.state.get_ref();
    RawWaker::new(data, &VTABLE)
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: The waker keeps the task valid.
    unsafe { wake(header_of(data)) }
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn wake_by_value(data: *const ()) {
    // SAFETY: `data` is that of a waker with `VTABLE`, as it comes with this vtable.
    let header = unsafe { header_of(data) };
    // SAFETY: The waker's reference keeps the task valid.
    let task = unsafe { header.as_ref() };
    task.wakes.add(1);
    let queued = {
        let _rcu = rcu::read_lock();
        // (5), but the waker's own reference passes to the pending mark.
        let now = task.state.load();
        if now.is_complete() {
            false
        } else {
            trace::wake(task);
            // SAFETY: The task was not complete in this RCU section, and the waker's reference is
            // this function's.
            !(now.is_claimed() && task.state.set_rerun()) && unsafe { schedule(task) }
        }
    };
    if !queued {
        // SAFETY: The waker's reference was not passed on.
        unsafe { put(header) };
    }
}

/// # Safety
///
/// See `RawWakerVTable`.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: The waker is dropped, so its reference is this function's.
    unsafe { put(header_of(data)) }
}

/// Calls `f` with a context whose waker borrows the caller's reference to the task.
///
/// # Safety
///
/// The task must be valid until `f` returns.
pub(crate) unsafe fn with_waker<R>(
    header: NonNull<Header>,
    f: impl FnOnce(&mut Context<'_>) -> R,
) -> R {
    let raw = RawWaker::new(header.as_ptr().cast_const().cast(), &VTABLE);
    // SAFETY: The vtable fulfils the contract of `RawWaker`. The task is valid by the safety
    // requirements, the reference is borrowed, and the waker is not dropped.
    let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw) });
    f(&mut Context::from_waker(&waker))
}

/// A reference to a task that can wake it, half the size of a [`Waker`]. It keeps the memory of the
/// task, but not its future.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | all | yes | yes | yes |
///
/// # Invariants
///
/// Owns one reference to the task.
pub struct TaskRef(NonNull<Header>);

// SAFETY: Tasks are woken from all threads, and the count of references is atomic.
unsafe impl Send for TaskRef {}
// SAFETY: A task may be woken by several threads at once.
unsafe impl Sync for TaskRef {}

impl TaskRef {
    /// Returns the task of the waker of `cx`, or `None` if that is not a waker of this crate.
    pub fn of(cx: &Context<'_>) -> Option<Self> {
        let header = task_of(cx.waker())?;
        // SAFETY: The waker keeps the task valid.
        unsafe { header.as_ref() }.state.get_ref();
        // INVARIANT: A reference was taken above.
        Some(Self(header))
    }

    /// Wakes the task, as its wakers do.
    pub fn wake(&self) {
        // SAFETY: The reference of the type invariant keeps the task valid.
        unsafe { wake(self.0) };
    }

    /// Returns the reference as an address, from which [`TaskRef::from_raw`] restores it.
    pub fn into_raw(self) -> NonNull<c_void> {
        core::mem::ManuallyDrop::new(self).0.cast()
    }

    /// Restores a reference.
    ///
    /// # Safety
    ///
    /// `raw` must be a result of [`TaskRef::into_raw`], and must not be used again.
    pub unsafe fn from_raw(raw: NonNull<c_void>) -> Self {
        // INVARIANT: By the safety requirements.
        Self(raw.cast())
    }
}

impl Drop for TaskRef {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it owns a reference, which is not used afterwards.
        unsafe { put(self.0) };
    }
}

/// Returns the task of `waker`, or `None` if that is not a waker of this crate.
pub(crate) fn task_of(waker: &Waker) -> Option<NonNull<Header>> {
    // SAFETY: The vtable was compared.
    core::ptr::eq(waker.vtable(), &VTABLE).then(|| unsafe { header_of(waker.data()) })
}
