// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fences for tests.

use core::{
    ffi::c_void,
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};
use dma_fence::{
    Fence,
    FenceContext,
    FenceEmitter,
    FenceReservation,
    FenceSet,
    FenceSignaller,
    HwDone,
    Names,
    PendingFence,
    RingStopped,
    SyncObj, //
};
use kasync::{
    block_on,
    time::{
        timeout,
        Delta, //
    },
    SignallingSection, //
};
use kernel::{
    bindings,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    }, //
};

mod ffi {
    use super::*;

    unsafe extern "C" {
        pub(super) fn dma_fence_test_foreign() -> *mut bindings::dma_fence;
        pub(super) fn dma_fence_test_deadline(fence: *mut bindings::dma_fence) -> i64;
        pub(super) fn dma_fence_test_deadlines(fence: *mut bindings::dma_fence) -> i32;
        pub(super) fn dma_fence_test_is_waited_for(fence: *mut bindings::dma_fence) -> bool;
        pub(super) fn dma_fence_test_end_forgotten(fence: *mut bindings::dma_fence);
        pub(super) fn dma_fence_test_has_copied_name(
            fence: *mut bindings::dma_fence,
            name: *const kernel::ffi::c_char,
        ) -> bool;
        pub(super) fn dma_fence_test_in_irq(
            f: unsafe extern "C" fn(*mut c_void),
            data: *mut c_void,
        ) -> bool;
        pub(super) fn dma_fence_test_kill(kill: bool);
        pub(super) fn dma_fence_expect_violations(n: i32);
        pub(super) fn dma_fence_violations_outstanding() -> i32;
        pub(super) fn dma_fence_annotated_waits() -> i32;
        pub(super) fn dma_fence_module_refcount() -> i32;
        pub(super) fn dma_fence_test_signal(fence: *mut bindings::dma_fence, error: i32);
        pub(super) fn dma_fence_test_merge(
            count: usize,
            fences: *mut *mut bindings::dma_fence,
        ) -> *mut bindings::dma_fence;
        pub(super) fn dma_fence_test_syncobj(fence: *mut bindings::dma_fence) -> *mut c_void;
        pub(super) fn dma_fence_test_syncobj_fence(object: *mut c_void)
            -> *mut bindings::dma_fence;
    }
}

/// A limit for all waits.
pub(crate) const LIMIT: Delta = Delta::from_secs(60);

/// Returns the result of a fence, or `ETIME` if it does not signal within the limit.
pub(crate) fn result(fence: &Fence) -> Result {
    block_on(timeout(LIMIT, fence.wait()))?.unwrap_or(Err(ETIME))
}

/// Returns a sync object, with a fence or without.
pub(crate) fn sync_object(fence: Option<&Fence>) -> Result<SyncObj> {
    let fence = fence.map_or(core::ptr::null_mut(), Fence::as_raw);
    // SAFETY: The fence is valid, or null; the function takes a reference of its own.
    let object = unsafe { ffi::dma_fence_test_syncobj(fence) };
    let object = NonNull::new(object).ok_or(ENOMEM)?;
    // SAFETY: The function has returned a reference.
    Ok(unsafe { SyncObj::from_raw(object) })
}

/// Returns the fence that a sync object has, which is that of the last point of a timeline.
pub(crate) fn fence_of(object: &SyncObj) -> Option<ARef<Fence>> {
    // SAFETY: The object is valid.
    let fence = unsafe { ffi::dma_fence_test_syncobj_fence(object.as_raw()) };
    // SAFETY: The function returns a reference, or null.
    NonNull::new(fence).map(|fence| unsafe { Fence::from_raw(fence) })
}

/// A timeline whose fences a test signals.
pub(crate) struct Timeline {
    pub(crate) emitter: FenceEmitter,
    pub(crate) signaller: Arc<Mutex<Signaller>>,
}

/// A signaller. Dropping it signals what was orphaned: a test that has failed drops its fences, and
/// an orphan would keep the module for ever.
pub(crate) struct Signaller(FenceSignaller);

impl Signaller {
    /// Returns a new context.
    pub(crate) fn ends(names: &'static Names) -> Result<(FenceEmitter, Self)> {
        let (emitter, signaller) = FenceContext::new(names)?;
        Ok((emitter, Self(signaller)))
    }
}

impl Deref for Signaller {
    type Target = FenceSignaller;

    fn deref(&self) -> &FenceSignaller {
        &self.0
    }
}

impl DerefMut for Signaller {
    fn deref_mut(&mut self) -> &mut FenceSignaller {
        &mut self.0
    }
}

impl Drop for Signaller {
    fn drop(&mut self) {
        // SAFETY: There is no hardware.
        let stopped = unsafe { RingStopped::new(self.0.timeline()) };
        // SAFETY: There is no hardware.
        unsafe {
            SignallingSection::enter(|section| {
                self.0.drain_orphans(&stopped, ECANCELED, section);
            });
        }
    }
}

/// The work behind a fence of a [`Timeline`].
pub(crate) struct Work {
    pub(crate) pending: PendingFence,
    signaller: Arc<Mutex<Signaller>>,
}

impl Timeline {
    pub(crate) fn new() -> Result<Self> {
        static NAMES: Names = Names::new(c"test", c"timeline");
        let (emitter, signaller) = Signaller::ends(&NAMES)?;
        let signaller = Arc::pin_init(new_mutex!(signaller), GFP_KERNEL)?;
        Ok(Self { emitter, signaller })
    }

    /// Returns the timeline of its fences.
    pub(crate) fn id(&self) -> dma_fence::Timeline {
        self.emitter.timeline()
    }

    /// Arms the next fence.
    pub(crate) fn next(&mut self) -> Result<(ARef<Fence>, Work)> {
        let (fence, pending) = self
            .emitter
            .arm(FenceReservation::new()?, FenceSet::default());
        let signaller = self.signaller.clone();
        Ok((fence, Work { pending, signaller }))
    }
}

/// Ends the work behind a fence of a [`Timeline`], whose turn it is.
pub(crate) fn end(work: Work, result: Result) {
    let mut signaller = work.signaller.lock();
    let fence = work.pending.submitted();
    // SAFETY: There is no hardware.
    let done = unsafe { HwDone::new(signaller.timeline(), result) };
    // SAFETY: There is no hardware.
    unsafe { SignallingSection::enter(|section| signaller.complete(fence, done, section)) };
}

/// A fence of another driver.
pub(crate) struct Foreign(pub(crate) ARef<Fence>);

impl Foreign {
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: The function allocates a fence, and nothing else.
        let fence = NonNull::new(unsafe { ffi::dma_fence_test_foreign() }).ok_or(ENOMEM)?;
        // SAFETY: The function returns a reference.
        Ok(Self(unsafe { Fence::from_raw(fence) }))
    }

    /// Returns its deadline in nanoseconds of the monotonic clock; 0 if it has none.
    pub(crate) fn deadline(&self) -> i64 {
        // SAFETY: The fence is from `dma_fence_test_foreign()`.
        unsafe { ffi::dma_fence_test_deadline(self.0.as_raw()) }
    }

    /// Returns how many deadlines it was told.
    pub(crate) fn deadlines(&self) -> i32 {
        // SAFETY: The fence is from `dma_fence_test_foreign()`.
        unsafe { ffi::dma_fence_test_deadlines(self.0.as_raw()) }
    }

    pub(crate) fn signal(&self, result: Result) {
        let error = result.err().map_or(0, Error::to_errno);
        // SAFETY: The fence is from `dma_fence_test_foreign()`, and signalled once.
        unsafe { ffi::dma_fence_test_signal(self.0.as_raw(), error) };
    }
}

/// API violations that were announced. The rest of them is forgotten when it is dropped.
pub(crate) struct Expected(());

impl Expected {
    /// Announces that the crate is going to report `n` API violations.
    pub(crate) fn new(n: i32) -> Self {
        // SAFETY: The function sets a counter.
        unsafe { ffi::dma_fence_expect_violations(n) };
        Self(())
    }

    /// Returns how many of the announced reports have not come.
    pub(crate) fn outstanding(self) -> i32 {
        // SAFETY: The function reads and clears a counter.
        unsafe { ffi::dma_fence_violations_outstanding() }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        // SAFETY: The function reads and clears a counter.
        unsafe { ffi::dma_fence_violations_outstanding() };
    }
}

/// Returns how often a thread was annotated as waiting for a fence.
pub(crate) fn annotated_waits() -> i32 {
    // SAFETY: The function reads a counter.
    unsafe { ffi::dma_fence_annotated_waits() }
}

/// Returns how often the module of the crate is in use. `None` if it is part of the kernel.
pub(crate) fn module_refcount() -> Option<i32> {
    // SAFETY: The function reads a counter.
    let count = unsafe { ffi::dma_fence_module_refcount() };
    (count >= 0).then_some(count)
}

/// Returns whether a callback is on the fence.
pub(crate) fn is_waited_for(fence: &Fence) -> bool {
    // SAFETY: The fence is valid.
    unsafe { ffi::dma_fence_test_is_waited_for(fence.as_raw()) }
}

/// Returns whether the timeline of a fence has this name, in other memory.
pub(crate) fn has_copied_name(fence: &Fence, name: &CStr) -> bool {
    // SAFETY: The fence is valid, and not signalled.
    unsafe { ffi::dma_fence_test_has_copied_name(fence.as_raw(), name.as_char_ptr()) }
}

/// Signals and frees a fence that was forgotten, and its context.
///
/// # Safety
///
/// `fence` must be the only armed fence of its context, whose ends have gone or were forgotten.
pub(crate) unsafe fn end_forgotten(fence: &Fence) {
    // SAFETY: By the safety requirements this is the only armed fence of its context, whose ends
    // are not used any more.
    unsafe { ffi::dma_fence_test_end_forgotten(fence.as_raw()) };
    // SAFETY: The context that has kept the module is gone.
    unsafe { dma_fence_shim_put_module() };
}

unsafe extern "C" {
    fn dma_fence_shim_put_module();
}

/// Drops `value` in a hard interrupt.
pub(crate) fn drop_in_irq<T: Send>(value: T) -> Result {
    /// Drops the value at `data`.
    ///
    /// # Safety
    ///
    /// `data` must point to a valid `Option<T>`, which is not accessed otherwise during the call.
    unsafe extern "C" fn drop_it<T>(data: *mut c_void) {
        // SAFETY: `data` points to a valid `Option<T>` without other users, by the safety
        // requirements.
        drop(unsafe { (*data.cast::<Option<T>>()).take() });
    }
    let mut value = Some(value);
    // SAFETY: The value stays until the function returns.
    let in_irq = unsafe { ffi::dma_fence_test_in_irq(drop_it::<T>, (&raw mut value).cast()) };
    check!(in_irq && value.is_none());
    Ok(())
}

/// Calls `f` while there is a fatal signal for the thread.
pub(crate) fn while_killed<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: The thread is a test's.
    unsafe { ffi::dma_fence_test_kill(true) };
    let ret = f();
    // SAFETY: The thread is a test's.
    unsafe { ffi::dma_fence_test_kill(false) };
    ret
}

/// Returns one fence for all of `fences`: an array, unless one of them stands for all.
pub(crate) fn merge(fences: &[ARef<Fence>]) -> Result<ARef<Fence>> {
    let mut raw = KVVec::with_capacity(fences.len(), GFP_KERNEL)?;
    for fence in fences {
        raw.push(fence.as_raw(), GFP_KERNEL)?;
    }
    // SAFETY: There are that many fences, which are valid during the call.
    let merged = unsafe { ffi::dma_fence_test_merge(fences.len(), raw.as_mut_ptr()) };
    let merged = NonNull::new(merged).ok_or(ENOMEM)?;
    // SAFETY: The function returns a reference.
    Ok(unsafe { Fence::from_raw(merged) })
}
