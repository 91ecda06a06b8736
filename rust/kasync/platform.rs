// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What the executor needs from the world around it.
//!
//! The core is written against `Platform` and names nothing of the kernel. One platform is chosen
//! at compile time (`Plat`) and not by a type parameter: the core's code then stands once in
//! kasync.ko and not once in each of its users. `cfg(MODULE)`, which Kbuild sets, tells the kernel
//! from the host; there, the feature `loom` exchanges the world for tests for one that the model
//! checker explores.

use crate::scope::Scope;
use core::{
    alloc::Layout,
    ffi::CStr,
    fmt,
    ptr::NonNull, //
};

#[cfg(MODULE)]
mod kernel;
#[cfg(MODULE)]
pub(crate) use self::kernel::arc;
#[cfg(MODULE)]
pub use self::kernel::{
    code,
    Arc,
    Delta,
    Error,
    Instant, //
};
#[cfg(MODULE)]
pub(crate) use self::kernel::{
    registry,
    Kernel as Plat, //
};

#[cfg(all(not(MODULE), not(feature = "loom")))]
pub mod host;
#[cfg(all(not(MODULE), feature = "loom"))]
#[path = "platform/model.rs"]
pub mod host;
#[cfg(not(MODULE))]
pub(crate) use self::host::arc;
#[cfg(not(MODULE))]
pub(crate) use self::host::Host as Plat;
#[cfg(not(MODULE))]
pub use self::host::{
    code,
    Arc,
    Delta,
    Error,
    Instant, //
};

/// The result type of this crate: the kernel's own in the kernel.
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

/// The platform's queue handle.
pub(crate) type Queue = <Plat as Platform>::Queue;
/// The platform's work item.
pub(crate) type Work = <Plat as Platform>::Work;

/// The platform.
///
/// # Safety
///
/// Implementations guarantee what each item says; the core's soundness rests on it.
pub(crate) unsafe trait Platform: 'static {
    /// A handle of a queue of work items; stays usable until `queue_destroy()`.
    type Queue: Copy + Send + Sync;
    /// A work item, embedded at offset 0 of each task.
    type Work;
    /// A lock that may be taken in every context and disables interrupts while held.
    type RawLock: RawLock;
    /// Something that a thread in process context waits on.
    type Parker: Parker;
    /// What [`Platform::reap`] needs to remember an executor by.
    type Reap;
    /// A timer that calls back once, possibly in hard interrupt context.
    type Timer: Timer;

    /// Makes a queue, whose workers come before others if it is urgent. May sleep.
    fn queue_new(name: &'static CStr, urgent: bool) -> Result<Self::Queue>;

    /// Runs what is still queued, waits for what is running, frees the queue.
    ///
    /// # Safety
    ///
    /// No [`Platform::enqueue`] may be running or be called for this queue any more, other than
    /// from work items of this very queue. Must be called in a context that may sleep.
    unsafe fn queue_destroy(queue: Self::Queue);

    /// Prepares `slot` so that running it calls [`crate::task::run`] with its address.
    ///
    /// # Safety
    ///
    /// `slot` must be valid for writes and may not be moved afterwards.
    unsafe fn work_init(slot: *mut Self::Work);

    /// Queues the item unless it is pending already, and says whether it did. Any context but NMI.
    ///
    /// Whether it did or not, what was written before the call is seen by the next run of the item.
    /// The pending mark is cleared before the item runs, and an item never runs twice at once. The
    /// item is not touched after its function was called.
    ///
    /// # Safety
    ///
    /// The item must be initialised and stay valid until it has run, the queue not yet destroyed.
    unsafe fn enqueue(queue: Self::Queue, work: NonNull<Self::Work>) -> bool;

    /// Calls `f` inside a section that [`Platform::synchronize`] waits for. Any context.
    fn gate<R>(f: impl FnOnce() -> R) -> R;

    /// Waits until every [`Platform::gate`] section that began before has ended. May sleep.
    fn synchronize();

    /// Calls `f` as a section that signals fences.
    fn section<R>(f: impl FnOnce() -> R) -> R;

    /// A number that no other thread has while this one lives; 0 inside an interrupt. Any context.
    fn thread_id() -> u64;

    /// The same, but 0 wherever the caller may not block, as far as can be known. Any context.
    fn blocking_thread_id() -> u64;

    /// Disables preemption of the calling thread, and says so; `false`, and nothing happens, where
    /// spinlocks sleep.
    fn preempt_disable() -> bool;

    /// Undoes [`Platform::preempt_disable`].
    fn preempt_enable();

    /// Allocates memory. May sleep.
    fn alloc(layout: Layout) -> Option<NonNull<u8>>;

    /// Frees memory. Any context but NMI.
    ///
    /// # Safety
    ///
    /// `ptr` must come from [`Platform::alloc`] with the same layout and not be used again.
    unsafe fn free(ptr: NonNull<u8>, layout: Layout);

    /// Monotonic time in nanoseconds. Any context.
    fn now_ns() -> i64;

    /// Reports a broken rule of the API, once per call, loudly. Any context.
    fn misuse(what: &'static CStr);

    /// Has [`crate::executor::close`] called with `reap`, later, on a thread that may block. Any
    /// context but NMI.
    ///
    /// # Safety
    ///
    /// `reap` must be valid for writes and stay valid until it is closed.
    unsafe fn reap(reap: NonNull<Self::Reap>);

    /// Whether the item is queued, or was when we looked. Any context.
    ///
    /// # Safety
    ///
    /// `work` must be a valid item.
    unsafe fn is_pending(work: *const Self::Work) -> bool;

    /// Writes a line to the log.
    fn warn(line: fmt::Arguments<'_>);

    /// Makes the tasks below `root` known to whoever looks at all tasks. May sleep.
    fn register(root: &Scope) -> Result;

    /// Undoes `register`. May sleep.
    fn unregister(root: &Scope);
}

/// See [`Platform::RawLock`].
pub(crate) trait RawLock: Sync {
    /// What `unlock` needs to know.
    type Flags;

    /// An unlocked lock. It may be moved while unlocked.
    fn new() -> Self;

    /// Locks. Any context but NMI; not recursive.
    fn lock(&self) -> Self::Flags;

    /// Unlocks.
    ///
    /// # Safety
    ///
    /// The lock must be held through the call of `lock` that returned `flags`.
    unsafe fn unlock(&self, flags: Self::Flags);
}

/// What has ended [`Parker::park_interruptible`].
pub(crate) enum Parked {
    Woken,
    /// Far too much time has gone by.
    Late,
    /// A signal.
    #[cfg_attr(not(MODULE), expect(dead_code))]
    Interrupted,
}

/// See [`Platform::Parker`].
pub(crate) trait Parker: Send + Sync {
    /// Initialises in place, as the parker may not move afterwards.
    ///
    /// # Safety
    ///
    /// `slot` must be valid for writes.
    unsafe fn init(slot: *mut Self);

    /// Waits until `unpark` has been called more often than this has returned `true`. May sleep.
    /// Gives up with `false` if that takes far longer than anything should.
    fn park(&self) -> bool;

    /// As `park`, but a signal for the thread ends it as well, where there are signals.
    fn park_interruptible(&self) -> Parked {
        match self.park() {
            true => Parked::Woken,
            false => Parked::Late,
        }
    }

    /// Lets one `park` pass. Any context but NMI.
    fn unpark(&self);
}

/// See [`Platform::Timer`].
pub(crate) trait Timer {
    /// A timer that was never armed and may still be moved.
    fn new() -> Self;

    /// Arms the timer: `fire(data)` will be called once, not before `after_ns` have passed.
    ///
    /// # Safety
    ///
    /// `this` must be valid, not be armed, and may not move nor be freed before `disarm()`; `data`
    /// must stay valid until then.
    unsafe fn arm(this: *mut Self, after_ns: i64, fire: unsafe fn(*const ()), data: *const ());

    /// Disarms, and waits for a callback that is running. Does nothing if never armed. Process
    /// context, and not from the callback itself.
    ///
    /// # Safety
    ///
    /// `this` must be valid.
    unsafe fn disarm(this: *mut Self);
}
