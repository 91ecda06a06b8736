// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The fences of buffers: `dma_resv`, what drivers that share one tell each other without userspace's help.
//!
//! ```text
//!          lock(), lock_all()           reserve_fences()                      Slot::add_fence()
//!  Resv ───────────────────► Locked ───────────────► [Slot; N] ───────────────────► the buffer has the fence
//!    │      may fail           │       may fail         │ drop: not used             cannot fail
//!    ▼ fences()                ▼ drop: unlocked         ▼
//! ```
//!
//! So everything that may fail is over before a job is committed, and its fence there.

use crate::{
    fence::Fence,
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
    sync::aref::ARef,
    types::NotThreadSafe, //
};

/// What a fence has to do with a buffer. Who asks for one of them gets those before it as well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
pub enum Usage {
    /// The kernel moves or clears the memory: everybody waits.
    Kernel = bindings::dma_resv_usage_DMA_RESV_USAGE_KERNEL,
    /// A job writes, and others are meant to wait without being told.
    Write = bindings::dma_resv_usage_DMA_RESV_USAGE_WRITE,
    /// A job reads, and those that write are meant to wait without being told.
    Read = bindings::dma_resv_usage_DMA_RESV_USAGE_READ,
    /// Only who frees or moves the memory waits: jobs whose order userspace sees to.
    Bookkeep = bindings::dma_resv_usage_DMA_RESV_USAGE_BOOKKEEP,
}

impl Usage {
    /// What somebody has to wait for who is not told by userspace.
    pub fn rw(write: bool) -> Self {
        if write {
            Self::Read
        } else {
            Self::Write
        }
    }
}

/// The reservation object of a buffer. Several buffers may share one.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `lock`, `lock_all` | yes | no (wait for who allocates) | no |
/// | `fences` | yes | no (allocates) | no |
/// | `set_deadline`, `test_signaled` | yes | yes | yes |
///
/// # Invariants
///
/// Points to an initialised `dma_resv` that is there for `'a`.
#[derive(Clone, Copy)]
pub struct Resv<'a>(NonNull<bindings::dma_resv>, PhantomData<&'a ()>);

// SAFETY: Reservation objects are used from all threads.
unsafe impl Send for Resv<'_> {}
// SAFETY: As above.
unsafe impl Sync for Resv<'_> {}

impl<'a> Resv<'a> {
    /// # Safety
    ///
    /// `resv` is an initialised `dma_resv`, and stays for `'a`.
    pub unsafe fn from_raw(resv: NonNull<bindings::dma_resv>) -> Self {
        // INVARIANT: By the safety requirements.
        Self(resv, PhantomData)
    }

    /// That of a GEM object, its own or one that it shares.
    pub fn of(object: &'a impl IntoGEMObject) -> Self {
        // SAFETY: The object is valid, and has one, which stays as long as it.
        unsafe { Self::from_raw(NonNull::new_unchecked((*object.as_raw()).resv)) }
    }

    fn as_raw(self) -> *mut ffi::DmaResv {
        self.0.as_ptr().cast()
    }

    /// The fences of `usage`, and of those before it: what a job has to wait for. Not locked: others may be added meanwhile.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn fences(self, usage: Usage) -> Result<KVVec<ARef<Fence>>> {
        let mut count = 0;
        let mut array: *mut *mut bindings::dma_fence = ptr::null_mut();
        // SAFETY: Valid by the type invariant; the function writes both.
        to_result(unsafe {
            ffi::dma_resv_get_fences(self.as_raw(), usage as u32, &mut count, &mut array)
        })?;
        let count = count as usize;
        let room = KVVec::with_capacity(count, GFP_KERNEL);
        let mut taken = room.unwrap_or_default();
        let mut result = Ok(());
        for i in 0..count {
            // SAFETY: The function has returned so many references, of which each is taken once.
            let fence = unsafe { Fence::from_raw(NonNull::new_unchecked(*array.add(i))) };
            // The others are dropped, if there was no memory for the first.
            result = result.and(taken.push_within_capacity(fence).map_err(|_| ENOMEM));
        }
        // SAFETY: What the function has returned is to be freed by its caller; null is legal.
        unsafe { bindings::kfree(array.cast()) };
        result.map(|()| taken)
    }

    /// Whether all fences of `usage`, and of those before it, have signalled.
    pub fn test_signaled(self, usage: Usage) -> bool {
        // SAFETY: Valid by the type invariant.
        unsafe { ffi::dma_resv_test_signaled(self.as_raw(), usage as u32) }
    }

    /// Tells who signals the fences of `usage`, and of those before it, that they are wanted after so much time.
    pub fn set_deadline(self, usage: Usage, after: Delta) {
        // SAFETY: Valid by the type invariant; the clock has no requirements.
        unsafe {
            let deadline = bindings::ktime_get().saturating_add(after.as_nanos());
            ffi::dma_resv_set_deadline(self.as_raw(), usage as u32, deadline);
        }
    }

    /// Locks it. Whoever needs more than one at a time uses [`Resv::lock_all`].
    ///
    /// # Errors
    ///
    /// `EINTR` if the thread has a signal.
    pub fn lock(self) -> Result<Locked<'a>> {
        // SAFETY: Valid by the type invariant; without a context.
        to_result(unsafe { ffi::dma_fence_shim_resv_lock(self.as_raw(), ptr::null_mut()) })?;
        // INVARIANT: Just locked.
        Ok(Locked::new(self))
    }

    /// Locks all of them, in an order that does not deadlock with others that do so. One that is named twice is locked once.
    ///
    /// # Errors
    ///
    /// `EINTR` if the thread has a signal, `ENOMEM`.
    pub fn lock_all(resvs: impl IntoIterator<Item = Resv<'a>>) -> Result<AllLocked<'a>> {
        let mut sorted = KVVec::new();
        for resv in resvs {
            sorted.push(resv.as_raw(), GFP_KERNEL)?;
        }
        sorted.sort_unstable();
        let mut last = ptr::null_mut();
        sorted.retain(|&mut resv| core::mem::replace(&mut last, resv) != resv);
        let mut locked = KVVec::with_capacity(sorted.len(), GFP_KERNEL)?;
        // SAFETY: No requirements.
        let context = unsafe { ffi::dma_fence_shim_resv_context_new() };
        let context = Acquire(NonNull::new(context).ok_or(ENOMEM)?);
        // SAFETY: Valid, and all different; the context is new. On failure none is locked.
        to_result(unsafe {
            ffi::dma_fence_shim_resv_lock_all(context.0.as_ptr(), sorted.as_ptr(), sorted.len())
        })?;
        for resv in sorted {
            // SAFETY: As they were given.
            let resv = unsafe { Resv::from_raw(NonNull::new_unchecked(resv.cast())) };
            // INVARIANT: Locked above. There is room.
            locked
                .push_within_capacity(Locked::new(resv))
                .map_err(|_| ENOMEM)?;
        }
        Ok(AllLocked {
            locked,
            _context: context,
        })
    }
}

/// A reservation object that this thread has locked.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `reserve_fences` | yes | no (allocates) | no |
/// | [`Slot::add_fence`], drop of slots | yes | yes | no |
/// | drop | yes, of the thread that has locked it | no | no |
///
/// # Examples
///
/// ```ignore
/// let resv = Resv::of(&*object);
/// let locked = resv.lock()?;                          // from here on nobody adds a fence but us
/// let prepared = queue.prepare(job, 1, resv.fences(Usage::rw(true))?)?;
/// let [slot] = locked.reserve_fences()?;                       // the last that may fail
/// let fence = queue.commit(prepared)?;
/// slot.add_fence(&fence, Usage::Write)?;                    // fails for containers only
/// ```
///
/// # Invariants
///
/// It is locked by this thread, and at least as many slots of it are free as `promised` says.
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

    /// Takes memory for `N` more fences.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn reserve_fences<const N: usize>(&self) -> Result<[Slot<'_>; N]> {
        if N > 0 {
            let all = u32::try_from(N).map_err(|_| EINVAL)?;
            let all = all.checked_add(self.promised.get()).ok_or(EINVAL)?;
            // SAFETY: Valid, and locked, by the type invariant.
            to_result(unsafe { ffi::dma_resv_reserve_fences(self.resv.as_raw(), all) })?;
            // INVARIANT: As many as this has made free.
            self.promised.set(all);
        }
        Ok(core::array::from_fn(|_| Slot(self)))
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: Locked, by this thread, by the type invariant.
        unsafe { ffi::dma_fence_shim_resv_unlock(self.resv.as_raw()) };
    }
}

/// Room for one fence.
///
/// # Invariants
///
/// One of those that [`Locked`] has promised.
pub struct Slot<'a>(&'a Locked<'a>);

impl Slot<'_> {
    /// Adds a fence. Takes no memory, and cannot fail for a fence that is no container.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is an array or a chain: what those are made of is to be added, each in a slot of its own.
    pub fn add_fence(self, fence: &Fence, usage: Usage) -> Result {
        if fence.is_container() {
            return Err(EINVAL);
        }
        // SAFETY: Locked, with room, by the type invariants; takes a reference of its own to the fence, which is valid.
        unsafe { ffi::dma_resv_add_fence(self.0.resv.as_raw(), fence.as_raw(), usage as u32) };
        Ok(())
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        // INVARIANT: Whether it was used or not, it is not promised any more.
        self.0.promised.set(self.0.promised.get() - 1);
    }
}

/// Several reservation objects that this thread has locked.
pub struct AllLocked<'a> {
    /// In the order of their addresses. Unlocked before the context ends.
    locked: KVVec<Locked<'a>>,
    _context: Acquire,
}

impl<'a> AllLocked<'a> {
    /// That of one of them; `None` if it is not among them.
    pub fn get(&self, resv: Resv<'_>) -> Option<&Locked<'a>> {
        let place = self.locked.binary_search_by_key(&resv.0, |l| l.resv.0);
        self.locked.get(place.ok()?)
    }

    /// Each of them once.
    pub fn iter(&self) -> impl Iterator<Item = &Locked<'a>> {
        self.locked.iter()
    }
}

/// The wait-wound context of a thread.
///
/// # Invariants
///
/// Points to one that has begun.
struct Acquire(NonNull<ffi::WwAcquireCtx>);

impl Drop for Acquire {
    fn drop(&mut self) {
        // SAFETY: By the type invariant; what was locked with it is not any more.
        unsafe { ffi::dma_fence_shim_resv_context_end(self.0.as_ptr()) };
    }
}
