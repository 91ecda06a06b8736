// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Reservation objects: the fences of buffers, for implicit synchronisation between drivers.
//!
//! C header: [`include/linux/dma-resv.h`](srctree/include/linux/dma-resv.h)
//!
//! ```text
//!        with_locked()            reserve_fences()           Slot::add_fence()
//!  Resv ──────────────► &Locked ─────────────────► [Slot; N] ─────────────────► has the fence
//!    │     may fail        │        may fail          │ drop: not used  cannot fail
//!    ▼ fences()            ▼ closure returns: unlocked▼
//! ```
//!
//! So everything that may fail is over before a job is committed and its fence exists.

use crate::{
    fence::{
        ARef,
        Fence, //
    },
    ffi, //
};
use core::{
    cell::Cell,
    marker::PhantomData,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kasync::time::Delta;
use kernel::{
    bindings,
    drm::gem::IntoGEMObject,
    error::to_result,
    prelude::*,
    types::NotThreadSafe, //
};

/// What a fence does to a buffer: `enum dma_resv_usage`.
///
/// Asking for the fences of one usage gives those of the usages before it as well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
pub enum Usage {
    /// The kernel moves or clears the memory. Everything waits.
    Kernel = bindings::dma_resv_usage_DMA_RESV_USAGE_KERNEL,
    /// A job writes, with implicit synchronisation.
    Write = bindings::dma_resv_usage_DMA_RESV_USAGE_WRITE,
    /// A job reads, with implicit synchronisation. Writers wait.
    Read = bindings::dma_resv_usage_DMA_RESV_USAGE_READ,
    /// A job that userspace synchronises. Only moving and freeing the memory waits.
    Bookkeep = bindings::dma_resv_usage_DMA_RESV_USAGE_BOOKKEEP,
}

impl Usage {
    /// Returns what a write or a read has to wait for: `dma_resv_usage_rw()`.
    pub fn rw(write: bool) -> Self {
        if write {
            Self::Read
        } else {
            Self::Write
        }
    }
}

/// A reference to the reservation object of a buffer. Buffers may share one.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `with_locked`, `with_all_locked` | yes | no (others allocate under the lock) | no |
/// | `fences` | yes | no (allocates) | no |
/// | `set_deadline`, `test_signaled` | yes | yes | yes |
///
/// # Invariants
///
/// Points to an initialised `dma_resv` that stays for `'a`.
#[derive(Clone, Copy)]
pub struct Resv<'a>(NonNull<bindings::dma_resv>, PhantomData<&'a ()>);

// SAFETY: A `dma_resv` may be used from any thread.
unsafe impl Send for Resv<'_> {}
// SAFETY: A `dma_resv` is protected by its lock, or read under RCU.
unsafe impl Sync for Resv<'_> {}

impl<'a> Resv<'a> {
    /// Borrows a reservation object of the C side.
    ///
    /// # Safety
    ///
    /// `resv` must be an initialised `dma_resv` that stays for `'a`.
    pub unsafe fn from_raw(resv: NonNull<bindings::dma_resv>) -> Self {
        // INVARIANT: By the safety requirements.
        Self(resv, PhantomData)
    }

    /// Returns that of a GEM object, its own or one that it shares.
    pub fn of(object: &'a impl IntoGEMObject) -> Self {
        // SAFETY: A GEM object has a reservation object, which stays as long as it.
        unsafe { Self::from_raw(NonNull::new_unchecked((*object.as_raw()).resv)) }
    }

    fn as_raw(self) -> *mut bindings::dma_resv {
        self.0.as_ptr()
    }

    /// Returns the fences of `usage` and of the usages before it: what a job has to wait for.
    ///
    /// Unless the caller has locked it, others may add fences meanwhile.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn fences(self, usage: Usage) -> Result<KVVec<ARef<Fence>>> {
        let mut count = 0;
        let mut array: *mut *mut bindings::dma_fence = ptr::null_mut();
        // SAFETY: Valid by the type invariant; the function writes both variables.
        to_result(unsafe {
            bindings::dma_resv_get_fences(self.as_raw(), usage as u32, &mut count, &mut array)
        })?;
        let count = count as usize;
        let mut taken = KVVec::with_capacity(count, GFP_KERNEL).unwrap_or_default();
        let mut result = Ok(());
        for i in 0..count {
            // SAFETY: The array has `count` references, of which each is taken once.
            let fence = unsafe { Fence::from_raw(NonNull::new_unchecked(*array.add(i))) };
            // Without memory each is dropped.
            result = result.and(taken.push_within_capacity(fence).map_err(|_| ENOMEM));
        }
        // SAFETY: The array is the caller's of `dma_resv_get_fences()`, and may be null.
        unsafe { bindings::kfree(array.cast()) };
        result.map(|()| taken)
    }

    /// Returns whether all fences of `usage` and of the usages before it have signalled.
    pub fn test_signaled(self, usage: Usage) -> bool {
        // SAFETY: Valid by the type invariant.
        unsafe { bindings::dma_resv_test_signaled(self.as_raw(), usage as u32) }
    }

    /// Tells the drivers of the fences of `usage` and of the usages before it that these are wanted
    /// `within` that time.
    pub fn set_deadline(self, usage: Usage, within: Delta) {
        // SAFETY: `ktime_get()` may be called from any context.
        let now = unsafe { bindings::ktime_get() };
        let deadline = now.saturating_add(within.as_nanos());
        // SAFETY: Valid by the type invariant.
        unsafe { bindings::dma_resv_set_deadline(self.as_raw(), usage as u32, deadline) };
    }

    /// Calls `f` with the object locked.
    ///
    /// A second object must not be locked by this in `f`, but both by [`Resv::with_all_locked`].
    ///
    /// # Errors
    ///
    /// `EINTR` if the thread has a signal; else what `f` returns.
    pub fn with_locked<R>(self, f: impl FnOnce(&Locked<'_>) -> Result<R>) -> Result<R> {
        // SAFETY: Valid by the type invariant, and locked without a context.
        to_result(unsafe { ffi::dma_fence_shim_resv_lock(self.as_raw().cast(), ptr::null_mut()) })?;
        // INVARIANT: Just locked.
        f(&Locked::new(self))
    }

    /// Calls `f` with all of the objects locked, in an order that does not deadlock with others
    /// that lock several. One that is named twice is locked once.
    ///
    /// # Errors
    ///
    /// `EINTR` if the thread has a signal, `ENOMEM`; else what `f` returns.
    pub fn with_all_locked<R>(
        resvs: impl IntoIterator<Item = Resv<'a>>,
        f: impl FnOnce(&AllLocked<'_>) -> Result<R>,
    ) -> Result<R> {
        let mut sorted = KVVec::new();
        for resv in resvs {
            sorted.push(resv.as_raw().cast::<ffi::DmaResv>(), GFP_KERNEL)?;
        }
        sorted.sort_unstable();
        let mut last = ptr::null_mut();
        sorted.retain(|&mut resv| core::mem::replace(&mut last, resv) != resv);
        let mut locked = KVVec::with_capacity(sorted.len(), GFP_KERNEL)?;
        let context = AcquireContext::new()?;
        // SAFETY: The objects are valid and all different, and the context is new. On failure none
        // is locked.
        to_result(unsafe {
            ffi::dma_fence_shim_resv_lock_all(context.0.as_ptr(), sorted.as_ptr(), sorted.len())
        })?;
        for resv in sorted {
            // SAFETY: The pointer is that of one of the objects that were given.
            let resv = unsafe { Resv::from_raw(NonNull::new_unchecked(resv.cast())) };
            // INVARIANT: Locked above. There is room.
            locked
                .push_within_capacity(Locked::new(resv))
                .map_err(|_| ENOMEM)?;
        }
        f(&AllLocked {
            locked,
            _context: context,
        })
    }
}

/// A reservation object that this thread has locked.
///
/// It is only ever borrowed, so that the lock cannot be forgotten.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `reserve_fences` | yes | no (allocates) | no |
/// | [`Slot::add_fence`], drop of slots | yes | yes | no |
///
/// # Examples
///
/// The queue may make a job wait for room, so it is asked for that before anything is locked.
///
/// ```
/// # use dma_fence::{Fence, Resv, Usage};
/// # use kernel::{prelude::*, sync::aref::ARef};
/// # pub fn f<P, J>(
/// #     resv: Resv<'_>,
/// #     reserve: impl FnOnce() -> Result<P>,
/// #     prepare: impl FnOnce(P, KVVec<ARef<Fence>>) -> Result<J>,
/// #     commit: impl FnOnce(J) -> Result<ARef<Fence>>,
/// # ) -> Result {
/// let place = reserve()?;                             // may wait
/// resv.with_locked(|locked| {                         // from here on only we add fences
///     let prepared = prepare(place, resv.fences(Usage::rw(true))?)?;
///     let [slot] = locked.reserve_fences()?;          // the last that may fail
///     let fence = commit(prepared)?;
///     slot.add_fence(&fence, Usage::Write)            // fails for containers only
/// })
/// # }
/// ```
///
/// # Invariants
///
/// It is locked by this thread, and at least `promised` slots are free.
pub struct Locked<'a> {
    resv: Resv<'a>,
    promised: Cell<u32>,
    _not_send: NotThreadSafe,
}

impl<'a> Locked<'a> {
    fn new(resv: Resv<'a>) -> Self {
        Self {
            resv,
            promised: Cell::new(0),
            _not_send: NotThreadSafe,
        }
    }

    /// Reserves memory for `N` more fences.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn reserve_fences<const N: usize>(&self) -> Result<[Slot<'_>; N]> {
        if N > 0 {
            let all = u32::try_from(N).map_err(|_| EINVAL)?;
            let all = all.checked_add(self.promised.get()).ok_or(EINVAL)?;
            // SAFETY: Valid and locked by the type invariant.
            to_result(unsafe { bindings::dma_resv_reserve_fences(self.resv.as_raw(), all) })?;
            // INVARIANT: As many as the function has made free.
            self.promised.set(all);
        }
        Ok(core::array::from_fn(|_| Slot(self)))
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: Locked by this thread, by the type invariant.
        unsafe { ffi::dma_fence_shim_resv_unlock(self.resv.as_raw().cast()) };
    }
}

/// Room for one fence.
///
/// # Invariants
///
/// It is one of the slots that the [`Locked`] has promised.
pub struct Slot<'a>(&'a Locked<'a>);

impl Slot<'_> {
    /// Adds a fence. Takes no memory, and cannot fail for a fence that is no container.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is an array or a chain: their leaves are to be added, each in its own slot.
    pub fn add_fence(self, fence: &Fence, usage: Usage) -> Result {
        if fence.is_container() {
            return Err(EINVAL);
        }
        let resv = self.0.resv.as_raw();
        // SAFETY: The object is locked and has room, by the type invariants. The function takes a
        // reference of its own.
        unsafe { bindings::dma_resv_add_fence(resv, fence.as_raw(), usage as u32) };
        Ok(())
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        // INVARIANT: Whether it was used or not, the slot is not promised any more.
        self.0.promised.set(self.0.promised.get() - 1);
    }
}

/// Several reservation objects that this thread has locked.
pub struct AllLocked<'a> {
    /// In the order of their addresses. Unlocked before the context ends.
    locked: KVVec<Locked<'a>>,
    _context: AcquireContext,
}

impl<'a> AllLocked<'a> {
    /// Returns one of the objects, or `None` if it is not among them.
    pub fn get(&self, resv: Resv<'_>) -> Option<&Locked<'a>> {
        let place = self.locked.binary_search_by_key(&resv.0, |l| l.resv.0);
        self.locked.get(place.ok()?)
    }

    /// Returns each of the objects once.
    pub fn iter(&self) -> impl Iterator<Item = &Locked<'a>> {
        self.locked.iter()
    }
}

/// A wait-wound context.
///
/// # Invariants
///
/// Points to a `ww_acquire_ctx` that has begun, of this thread.
struct AcquireContext(NonNull<ffi::WwAcquireCtx>);

impl AcquireContext {
    fn new() -> Result<Self> {
        // SAFETY: The function may be called from process context at any time.
        let context = unsafe { ffi::dma_fence_shim_resv_context_new() };
        // INVARIANT: The function returns a context that has begun.
        NonNull::new(context).map(Self).ok_or(ENOMEM)
    }
}

impl Drop for AcquireContext {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; what was locked with it is unlocked.
        unsafe { ffi::dma_fence_shim_resv_context_end(self.0.as_ptr()) };
    }
}
