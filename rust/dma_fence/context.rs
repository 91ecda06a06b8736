// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A driver's own fences.
//!
//! ```text
//!                   Order::arm()           submitted()           Signaller::complete()
//!  FenceReservation ────────────► Pending ─────────────► InFlight ───────────────────► signalled
//!    │ drop: freed                  │ Signaller::cancel()    │ drop, with a warning        ▲
//!    ▼                              ├─────────────────────────────────────────────────────►│
//!  nothing has happened             │ drop, with a warning   ▼                            │
//!                                   └─────────────────────► limbo ────────────────────────┘
//!                                                             Signaller::drain(RingStopped)
//! ```
//!
//! A context has two ends. [`Order`] arms fences: it takes the next sequence number, cannot fail, and leaves no holes; whoever has it
//! publishes in this order. [`Signaller`] signals them, in the same order: one whose turn it is not goes to limbo (H19).
//!
//! - Signalling needs the witness of a signalling section; `complete` is for who has seen the hardware say that the work is over.
//! - Dropping never signals: others would free memory that the hardware still writes. The fence goes to limbo, and
//!   whoever holds [`RingStopped`] can let all of them out.
//!
//! What the two ends have to do with each other is in [`limbo`](crate::limbo).

use crate::{
    deadline::{
        self,
        Deadlines, //
    },
    fence::Fence,
    ffi,
    limbo::{
        Armed,
        Arming,
        Context,
        Limbo,
        Signalling, //
    }, //
};
use core::{
    mem::ManuallyDrop,
    ops::DerefMut,
    ptr::{
        self,
        NonNull, //
    },
    task, //
};
use kasync::{
    time::Delta,
    SignallingSection,
    TaskRef, //
};
use kernel::{
    bindings,
    ffi::{
        c_char,
        c_void, //
    },
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    }, //
};

/// A fence of ours. The kernel frees it as the kmalloc memory that begins with the fence.
///
/// `struct dma_fence_shim_own` in C, which allocates it.
#[repr(C)]
pub(crate) struct OwnFence {
    base: bindings::dma_fence,
    names: &'static Names,
    /// Valid as long as the fence is armed and has not signalled; null in one that is lost. Read under the fence's lock, or by its owner.
    context: *const FenceContext,
    /// The one before it in limbo.
    next: *mut OwnFence,
}

const _: () = assert!(core::mem::offset_of!(OwnFence, base) == 0);
const _: () = assert!(
    size_of::<OwnFence>() == size_of::<bindings::dma_fence>() + 3 * size_of::<*const c_void>()
);

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
    unsafe { (*fence.cast::<OwnFence>()).names.driver.0 }
}

/// # Safety
///
/// Only for fences with [`OPS`].
unsafe extern "C" fn timeline_name(fence: *mut bindings::dma_fence) -> *const c_char {
    // SAFETY: Those are at the beginning of an `OwnFence`.
    unsafe { (*fence.cast::<OwnFence>()).names.timeline.0 }
}

/// # Safety
///
/// Only for fences with [`OPS`].
unsafe extern "C" fn set_deadline(fence: *mut bindings::dma_fence, deadline: bindings::ktime_t) {
    // SAFETY: Those are at the beginning of an `OwnFence`, and have locks of their own.
    unsafe {
        deadline::with_lock(fence, |signaled| {
            let context = (*fence.cast::<OwnFence>()).context;
            if !signaled && !context.is_null() {
                // Not signalled, so the context is there.
                (*context).deadlines.note(deadline);
            }
        });
    }
}

/// A C string that is always there, as C knows it.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct StaticStr(*const c_char);

// SAFETY: It is read only.
unsafe impl Sync for StaticStr {}
// SAFETY: As above.
unsafe impl Send for StaticStr {}

impl StaticStr {
    fn get(self) -> &'static CStr {
        // SAFETY: From a static string.
        unsafe { CStr::from_char_ptr(self.0) }
    }
}

/// What fences are called, for humans, in traces: `struct dma_fence_names` in C.
///
/// # Examples
///
/// ```ignore
/// let names: &'static Names = &const { Names::new(c"mydriver", c"compute") };
/// ```
#[repr(C)]
pub struct Names {
    driver: StaticStr,
    timeline: StaticStr,
}

impl Names {
    /// Of a driver, and of a kind of timeline.
    // What the kernel has instead is not for constants.
    #[expect(clippy::disallowed_methods)]
    pub const fn new(driver: &'static CStr, timeline: &'static CStr) -> Self {
        Self {
            driver: StaticStr(driver.as_ptr().cast()),
            timeline: StaticStr(timeline.as_ptr().cast()),
        }
    }

    /// The driver's.
    pub fn driver(&self) -> &'static CStr {
        self.driver.get()
    }

    /// The timeline's.
    pub fn timeline(&self) -> &'static CStr {
        self.timeline.get()
    }
}

/// Of fences that nobody knows any more.
static LOST: Names = Names::new(c"lost", c"lost");

/// Where the fences of one queue come from: they signal in the order in which they were armed.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | `new`, `FenceReservation::new` | yes | no (allocate) | no |
/// | `arm`, `submitted`, drop of a fence | yes | yes | no |
/// | `complete`, `cancel`, `drain` | no (need the witness) | yes | no |
/// | `hear_of_deadlines`, `take_deadline` | yes | yes | yes |
#[pin_data(PinnedDrop)]
pub struct FenceContext {
    names: &'static Names,
    id: u64,
    deadlines: Deadlines,
    #[pin]
    limbo: SpinLock<Limbo<FenceContext>>,
}

// SAFETY: As each function says: of an `OwnFence` the context and the number do not change while it is armed.
unsafe impl Context for FenceContext {
    type Fence = OwnFence;

    #[inline(always)]
    fn limbo(&self) -> impl DerefMut<Target = Limbo<Self>> {
        self.limbo.lock()
    }

    #[inline(always)]
    unsafe fn of(fence: NonNull<OwnFence>) -> *const Self {
        // SAFETY: Valid by the safety requirements.
        unsafe { (*fence.as_ptr()).context }
    }

    #[inline(always)]
    unsafe fn seqno(fence: NonNull<OwnFence>) -> u64 {
        // SAFETY: Valid by the safety requirements.
        unsafe { (*fence.as_ptr()).base.seqno }
    }

    #[inline(always)]
    unsafe fn next(fence: NonNull<OwnFence>) -> *mut *mut OwnFence {
        // SAFETY: Valid by the safety requirements.
        unsafe { &raw mut (*fence.as_ptr()).next }
    }

    #[inline(always)]
    unsafe fn finish(fence: NonNull<OwnFence>, error: i32) {
        // SAFETY: By the safety requirements. The function takes over the reference.
        unsafe { ffi::dma_fence_shim_finish(fence.as_ptr().cast(), error) };
    }

    #[cold]
    fn warn_dropped(&self) {
        pr_warn!(
            "a fence of {:?} was dropped before it signalled\n",
            self.names.timeline()
        );
    }

    #[cold]
    fn warn_out_of_turn(&self, seqno: u64) {
        pr_err!(
            "fence {seqno} of {:?} is out of turn\n",
            self.names.timeline()
        );
    }

    #[cold]
    fn warn_left_behind(&self) {
        pr_err!(
            "fences of {:?} are left behind, and so is their context\n",
            self.names.timeline()
        );
    }
}

/// The end of a context that arms fences: whoever has it publishes in this order. To be kept behind the lock of the queue.
pub struct Order(Arming<FenceContext>);

/// The end of a context that signals fences. To be kept by who knows when work is over.
pub struct Signaller(Signalling<FenceContext>);

impl FenceContext {
    /// A context and its two ends.
    #[expect(clippy::new_ret_no_self)]
    pub fn new(names: &'static Names) -> Result<(Order, Signaller)> {
        // SAFETY: No requirements.
        let id = unsafe { bindings::dma_fence_context_alloc(1) };
        let context = Arc::pin_init(
            pin_init!(Self {
                names,
                id,
                deadlines: Deadlines::new(),
                limbo <- new_spinlock!(Limbo::new()),
            }),
            GFP_KERNEL,
        )?;
        let order = Order(Arming::new(context.clone()));
        Ok((order, Signaller(Signalling::new(context))))
    }
}

impl Order {
    /// What [`Fence::context`] is of the fences.
    pub fn context_id(&self) -> u64 {
        self.0.context().id
    }

    /// Makes the fence. From now on somebody may wait for it, and it has to signal.
    pub fn arm(&mut self, reservation: FenceReservation) -> (Fence, Pending) {
        let own = ManuallyDrop::new(reservation).0;
        // SAFETY: The fence is at the beginning of memory of its own, which is ours, and the operations are
        // static; see there for why they may go with the module. The function returns two references, of which one is the second result's.
        let armed = unsafe {
            self.0.arm(|context, seqno| {
                (&raw mut (*own.as_ptr()).names).write(context.names);
                (&raw mut (*own.as_ptr()).context).write(context);
                ffi::dma_fence_shim_arm(own.as_ptr().cast(), &OPS, context.id, seqno);
                own
            })
        };
        // SAFETY: The other reference.
        (unsafe { Fence::from_raw(own.cast()) }, Pending(armed))
    }
}

impl Signaller {
    /// The names that the context was made with.
    pub fn names(&self) -> &'static Names {
        self.0.context().names
    }

    /// Has the task of `cx` hear of deadlines: it is woken when there is one to take. One task only: the first.
    pub fn hear_of_deadlines(&self, cx: &task::Context<'_>) {
        if let Some(task) = TaskRef::of(cx) {
            self.0.context().deadlines.tell(task);
        }
    }

    /// By when the soonest is wanted of the fences that have not signalled, of those that somebody has asked for since the last call; at
    /// once, if it is negative. A hint.
    #[inline]
    pub fn take_deadline(&self) -> Option<Delta> {
        self.0.context().deadlines.take()
    }

    /// The hardware has said that the job is over, or that it has stopped.
    #[inline]
    pub fn complete(&mut self, fence: InFlight, section: &SignallingSection<'_>, result: Result) {
        self.signal(fence.0, section, result);
    }

    /// The job will never be given to the hardware. To be called when all that the job would have waited for has signalled.
    #[inline]
    pub fn cancel(&mut self, fence: Pending, section: &SignallingSection<'_>, error: Error) {
        self.signal(fence.0, section, Err(error));
    }

    fn signal(&mut self, armed: Armed<FenceContext>, _: &SignallingSection<'_>, result: Result) {
        self.0
            .signal(armed, result.err().map_or(0, Error::to_errno));
    }

    /// Signals with `error` the fences that were dropped while somebody could still wait for them; those whose turn it is: if there are
    /// others before them which were not dropped, those have to come first. Returns how many are left.
    pub fn drain(
        &mut self,
        _proof: &RingStopped,
        _section: &SignallingSection<'_>,
        error: Error,
    ) -> u32 {
        self.0.drain(error.to_errno())
    }
}

#[pinned_drop]
impl PinnedDrop for FenceContext {
    fn drop(self: Pin<&mut Self>) {
        let mut first = None;
        self.limbo.lock().each(|fence| {
            // They leak: who waits for them does so forever, which is better than to go on too early. So whoever asks
            // for their names has to find an answer (R10), and the code that gives it.
            if first.is_none() {
                // SAFETY: No requirements.
                unsafe { ffi::dma_fence_shim_pin_module() };
            }
            // SAFETY: It is in limbo, and stays. The names are read as pointers that are always valid.
            let seqno = unsafe {
                (*fence.as_ptr()).names = &LOST;
                deadline::with_lock(fence.as_ptr().cast(), |_| {
                    (*fence.as_ptr()).context = ptr::null();
                });
                Self::seqno(fence)
            };
            first = first.or(Some(seqno));
        });
        if let Some(seqno) = first {
            pr_err!(
                "fence {}:{seqno} of {:?} was dropped and will never signal\n",
                self.id,
                self.names.timeline()
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
///
/// # Invariants
///
/// Points to memory for a fence, which is not initialised, and its own.
pub struct FenceReservation(NonNull<OwnFence>);

// SAFETY: It is memory.
unsafe impl Send for FenceReservation {}
// SAFETY: As above.
unsafe impl Sync for FenceReservation {}

impl FenceReservation {
    /// Allocates a fence. Nobody sees it yet.
    #[inline]
    pub fn new() -> Result<Self> {
        // SAFETY: No requirements.
        let own = unsafe { ffi::dma_fence_shim_alloc() };
        // INVARIANT: Just allocated.
        NonNull::new(own.cast()).map(Self).ok_or(ENOMEM)
    }
}

impl Drop for FenceReservation {
    fn drop(&mut self) {
        // SAFETY: Our own memory, from kmalloc() by the type invariant.
        unsafe { bindings::kfree(self.0.as_ptr().cast()) };
    }
}

/// Its context and sequence number.
fn id(armed: &Armed<FenceContext>) -> (u64, u64) {
    // SAFETY: Valid, and these do not change.
    let base = unsafe { &(*armed.as_ptr().as_ptr()).base };
    (base.context, base.seqno)
}

/// The fence of a job that the hardware does not know yet.
#[must_use = "somebody may wait for the fence"]
pub struct Pending(Armed<FenceContext>);

impl Pending {
    /// Its context and sequence number.
    pub fn id(&self) -> (u64, u64) {
        id(&self.0)
    }

    /// The hardware knows the job.
    #[inline]
    pub fn submitted(self) -> InFlight {
        InFlight(self.0)
    }
}

/// The fence of a job that the hardware knows.
#[must_use = "somebody may wait for the fence"]
pub struct InFlight(Armed<FenceContext>);

impl InFlight {
    /// Its context and sequence number.
    pub fn id(&self) -> (u64, u64) {
        id(&self.0)
    }
}
