// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A driver's own fences.
//!
//! ```text
//!                      arm()               submitted()                complete()
//!  FenceReservation ──────────► Pending ─────────────────► InFlight ──────────────► signalled
//!    │ drop: freed                │ cancel()                   │ drop, with a warning    ▲
//!    ▼                            ├───────────────────────────────────────────────────►│
//!  nothing has happened           │ drop, with a warning       ▼                         │
//!                                 └───────────────────────► limbo ─────────────────────┘
//!                                                                  drain(RingStopped)
//! ```
//!
//! - Arming cannot fail and takes the next sequence number, so that there are no holes, and under the [`Order`] of
//!   the context, so that they rise in the order of publication.
//! - `cancel` and `complete` need the witness of a signalling section; `complete` is for who has seen the hardware
//!   say that the work is over.
//! - Dropping never signals: others would free memory that the hardware still writes. The fence goes to limbo, and
//!   whoever holds [`RingStopped`] can let all of them out.

use crate::{
    deadline::{
        self,
        Deadlines, //
    },
    fence::Fence,
    ffi, //
};
use core::{
    mem::{
        ManuallyDrop,
        MaybeUninit, //
    },
    ptr::{
        self,
        NonNull, //
    },
    task::{
        self,
        Poll, //
    }, //
};
use kasync::{
    time::Delta,
    SignallingSection, //
};
use kernel::{
    bindings,
    ffi::{
        c_char,
        c_int, //
    },
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

/// A fence of ours. The kernel frees it as the kmalloc memory that begins with the fence.
#[repr(C)]
struct OwnFence {
    base: bindings::dma_fence,
    driver: &'static CStr,
    timeline: &'static CStr,
    /// The next one in limbo.
    next: *mut OwnFence,
    /// Those of its context, or null. Under the fence's lock, and there until it has signalled: see `deadline`.
    deadlines: *const Deadlines,
}

const _: () = assert!(core::mem::offset_of!(OwnFence, base) == 0);

/// Neither `release` nor `wait`: so the kernel forgets these when the fence signals, and a fence may outlive the
/// module.
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
/// Only for fences with [`OPS`].
unsafe extern "C" fn driver_name(fence: *mut bindings::dma_fence) -> *const c_char {
    // SAFETY: Those are at the beginning of an `OwnFence`.
    unsafe { (*fence.cast::<OwnFence>()).driver.as_char_ptr() }
}

/// # Safety
///
/// Only for fences with [`OPS`].
unsafe extern "C" fn timeline_name(fence: *mut bindings::dma_fence) -> *const c_char {
    // SAFETY: Those are at the beginning of an `OwnFence`.
    unsafe { (*fence.cast::<OwnFence>()).timeline.as_char_ptr() }
}

/// # Safety
///
/// Only for fences with [`OPS`].
unsafe extern "C" fn set_deadline(fence: *mut bindings::dma_fence, deadline: bindings::ktime_t) {
    // SAFETY: Those are at the beginning of an `OwnFence`, and have locks of their own.
    unsafe {
        deadline::with_lock(fence, |signaled| {
            let deadlines = (*fence.cast::<OwnFence>()).deadlines;
            if !signaled && !deadlines.is_null() {
                // Not signalled, so the context is there.
                (*deadlines).note(deadline);
            }
        });
    }
}

/// Where the fences of one queue come from: they signal in the order in which they were armed.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new`, `reserve` | yes | no (allocate) | no |
/// | `arm`, `submitted`, `cancel`, `complete`, drop of any of them | yes | yes | no |
/// | `drain`, `poll_deadline` | yes | yes | no |
#[pin_data(PinnedDrop)]
pub struct FenceContext {
    driver: &'static CStr,
    timeline: &'static CStr,
    id: u64,
    deadlines: Deadlines,
    #[pin]
    limbo: SpinLock<Limbo>,
}

struct Limbo(*mut OwnFence);

// SAFETY: Fences are used from all threads.
unsafe impl Send for Limbo {}

/// The right to arm fences of a context: whoever has it publishes in this order. To be kept behind the lock of the
/// queue.
pub struct Order {
    next: u64,
}

impl FenceContext {
    /// A context and its order. The names are for humans, in traces.
    pub fn new(driver: &'static CStr, timeline: &'static CStr) -> Result<(Arc<Self>, Order)> {
        // SAFETY: No requirements.
        let id = unsafe { bindings::dma_fence_context_alloc(1) };
        let context = Arc::pin_init(
            pin_init!(Self {
                driver,
                timeline,
                id,
                deadlines: Deadlines::new(),
                limbo <- new_spinlock!(Limbo(ptr::null_mut())),
            }),
            GFP_KERNEL,
        )?;
        Ok((context, Order { next: 1 }))
    }

    /// What it was made with.
    pub fn names(&self) -> (&'static CStr, &'static CStr) {
        (self.driver, self.timeline)
    }

    /// What [`Fence::context`] is of its fences.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Allocates a fence. Nobody sees it yet.
    pub fn reserve(self: &Arc<Self>) -> Result<FenceReservation> {
        let mut fence = KBox::<OwnFence>::new_uninit(GFP_KERNEL)?;
        let own = fence.as_mut_ptr();
        // SAFETY: Memory for one, of which all is written but the fence itself.
        unsafe {
            (&raw mut (*own).driver).write(self.driver);
            (&raw mut (*own).timeline).write(self.timeline);
            (&raw mut (*own).next).write(ptr::null_mut());
            (&raw mut (*own).deadlines).write(&self.deadlines);
        }
        Ok(FenceReservation {
            context: self.clone(),
            fence,
        })
    }

    /// By when the soonest is wanted of its fences that have not signalled, of those that somebody has asked for since this was ready the
    /// last time; at once, if it is negative. A hint. If there is none the task of `cx` is woken when there is: one task only.
    #[track_caller]
    pub fn poll_deadline(&self, cx: &task::Context<'_>) -> Poll<Delta> {
        self.deadlines.poll(cx)
    }

    /// Signals with `error` all fences that were dropped while somebody could still wait for them.
    pub fn drain(&self, _proof: &RingStopped, _section: &SignallingSection<'_>, error: Error) {
        let mut next = core::mem::replace(&mut self.limbo.lock().0, ptr::null_mut());
        while let Some(own) = NonNull::new(next) {
            // SAFETY: It has been in the list, which owned its reference, and now we do.
            unsafe {
                next = (*own.as_ptr()).next;
                let fence = Fence::from_raw(own.cast());
                ffi::dma_fence_shim_signal(fence.as_raw(), error.to_errno());
            }
        }
    }
}

#[pinned_drop]
impl PinnedDrop for FenceContext {
    fn drop(self: Pin<&mut Self>) {
        let forgotten = self.limbo.lock().0;
        if !forgotten.is_null() {
            // They leak: who waits for them does so forever, which is better than to go on too early. So whoever asks
            // for their names has to find an answer (R10), and the code that gives it.
            // SAFETY: No requirements.
            unsafe { ffi::dma_fence_shim_pin_module() };
            let mut next = forgotten;
            while let Some(own) = NonNull::new(next) {
                // SAFETY: It is in the list, and stays. The names are read as pointers that are always valid.
                unsafe {
                    (*own.as_ptr()).driver = c"lost";
                    (*own.as_ptr()).timeline = c"lost";
                    deadline::with_lock(own.as_ptr().cast(), |_| {
                        (*own.as_ptr()).deadlines = ptr::null();
                    });
                    next = (*own.as_ptr()).next;
                }
            }
            // SAFETY: As above.
            let seqno = unsafe { (*forgotten).base.seqno };
            pr_err!(
                "fence {}:{seqno} of {:?} was dropped and will never signal\n",
                self.id,
                self.timeline
            );
        }
    }
}

/// The proof that the hardware of a context's queue has stopped, and touches nothing any more.
pub struct RingStopped(());

impl RingStopped {
    /// # Safety
    ///
    /// The hardware has acknowledged, by the way that completions come, that it has stopped, or can never run again.
    pub unsafe fn new() -> Self {
        Self(())
    }
}

/// A fence that is allocated, and no more: dropping it frees it.
pub struct FenceReservation {
    context: Arc<FenceContext>,
    /// All is there but the fence itself, which [`FenceReservation::arm`] initialises.
    fence: KBox<MaybeUninit<OwnFence>>,
}

impl FenceReservation {
    /// Makes the fence. From now on somebody may wait for it, and it has to signal.
    pub fn arm(self, order: &mut Order) -> (Fence, Pending) {
        let seqno = order.next;
        order.next += 1;
        let own: *mut OwnFence = KBox::into_raw(self.fence).cast();
        // SAFETY: The fence is at the beginning of memory of its own, which is ours, and the operations are
        // static; see there for why they may go with the module. The inline lock is asked for.
        let fence = unsafe {
            bindings::dma_fence_init64(
                &raw mut (*own).base,
                &OPS,
                ptr::null_mut(),
                self.context.id,
                seqno,
            );
            Fence::from_raw(NonNull::new_unchecked(own.cast()))
        };
        let armed = Armed {
            context: self.context,
            fence: ManuallyDrop::new(fence.clone()),
        };
        (fence, Pending(armed))
    }
}

/// A fence that has to be signalled.
struct Armed {
    context: Arc<FenceContext>,
    fence: ManuallyDrop<Fence>,
}

impl Armed {
    fn signal(self, result: Result) {
        let mut this = ManuallyDrop::new(self);
        let error: c_int = result.err().map_or(0, Error::to_errno);
        // SAFETY: Valid, and armed, so it has not signalled. Each of the fields is taken once, as `this` is not
        // dropped.
        unsafe {
            ffi::dma_fence_shim_signal(this.fence.as_raw(), error);
            ManuallyDrop::drop(&mut this.fence);
            ptr::drop_in_place(&raw mut this.context);
        }
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        pr_warn!(
            "a fence of {:?} was dropped before it signalled\n",
            self.context.timeline
        );
        let own: *mut OwnFence = self.fence.as_raw().cast();
        let mut limbo = self.context.limbo.lock();
        // SAFETY: Our reference to the fence goes to the list, as it is not dropped.
        unsafe { (*own).next = limbo.0 };
        limbo.0 = own;
    }
}

/// The fence of a job that the hardware does not know yet.
#[must_use = "somebody may wait for the fence"]
pub struct Pending(Armed);

impl Pending {
    /// The fence.
    pub fn fence(&self) -> &Fence {
        &self.0.fence
    }

    /// The hardware knows the job.
    pub fn submitted(self) -> InFlight {
        InFlight(self.0)
    }

    /// The job will never be given to the hardware. To be called when all fences before this one have signalled,
    /// and all that the job would have waited for.
    pub fn cancel(self, _section: &SignallingSection<'_>, error: Error) {
        self.0.signal(Err(error));
    }
}

/// The fence of a job that the hardware knows.
#[must_use = "somebody may wait for the fence"]
pub struct InFlight(Armed);

impl InFlight {
    /// The fence.
    pub fn fence(&self) -> &Fence {
        &self.0.fence
    }

    /// The hardware has said that the job is over, or that it has stopped.
    pub fn complete(self, _section: &SignallingSection<'_>, result: Result) {
        self.0.signal(result);
    }
}

// SAFETY: Fences are used from all threads.
unsafe impl Send for OwnFence {}
// SAFETY: As above.
unsafe impl Sync for OwnFence {}
