// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Dropping values in a worker.
//!
//! Tasks run in fence signalling sections, where nothing may be waited for that waits for memory in
//! turn. But the last reference to an address space or to the firmware's memory often goes in a
//! task, when a job completes, and freeing those takes locks under which others allocate. So it is
//! handed to a worker, for which no fence waits.
//!
//! A value that may end like that lives in a [`DeferredDrop`] from its beginning, so that handing
//! it over takes no memory and cannot fail.
//!
//! ```text
//!   EMPTY or LISTED ──(1) queue(): value listed, work queued──► LISTED
//!   LISTED ──(2) the worker takes the list, then drops the values unlocked──► EMPTY
//!   EMPTY or LISTED ──(3) close(): `is_closed` set, then the worker is waited for──► CLOSED
//!   CLOSED ──(4) queue(): value dropped by the caller──► CLOSED
//! ```

use core::ops::{
    Deref,
    DerefMut, //
};
use kernel::{
    bindings,
    impl_has_work,
    new_spinlock,
    new_work,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    },
    workqueue::{
        self,
        Work,
        WorkItem, //
    }, //
};

/// A value that can be dropped by a [`DeferredDropQueue`].
pub(crate) struct DeferredDrop<T: ?Sized> {
    next: Option<KBox<DeferredDrop<dyn Send>>>,
    value: T,
}

// SAFETY: A reference to it leads to the value only. `next` is for the queue, which owns it then.
unsafe impl<T: Sync + ?Sized> Sync for DeferredDrop<T> {}

impl<T> DeferredDrop<T> {
    /// Returns `value` in an allocation of its own.
    pub(crate) fn new(value: T) -> Result<KBox<Self>> {
        Ok(KBox::new(Self { next: None, value }, GFP_KERNEL_ACCOUNT)?)
    }
}

impl<T: ?Sized> Deref for DeferredDrop<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ?Sized> DerefMut for DeferredDrop<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// A queue of values that a worker drops.
///
/// | call | context |
/// |---|---|
/// | [`DeferredDropQueue::new`] | process, may sleep; not in a signalling section |
/// | [`DeferredDropQueue::close`] | the same |
/// | [`DeferredDropQueue::queue`] | process, signalling sections and disabled preemption included |
#[pin_data]
pub(crate) struct DeferredDropQueue {
    #[pin]
    work: Work<DeferredDropQueue>,
    #[pin]
    state: SpinLock<State>,
}

struct State {
    /// The value that was queued last.
    last: Option<KBox<DeferredDrop<dyn Send>>>,
    is_closed: bool,
}

impl_has_work! {
    impl HasWork<Self> for DeferredDropQueue { self.work }
}

impl DeferredDropQueue {
    /// Returns a queue with nothing in it.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                work <- new_work!("asahi::DeferredDropQueue::work"),
                state <- new_spinlock!(State {
                    last: None,
                    is_closed: false,
                }),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Queues `value` to be dropped by the worker.
    ///
    /// Drops it at once if the queue is closed.
    pub(crate) fn queue<T: Send + 'static>(self: &Arc<Self>, value: KBox<DeferredDrop<T>>) {
        let mut value: KBox<DeferredDrop<dyn Send>> = value;
        {
            let mut state = self.state.lock();
            if state.is_closed {
                // (4)
                drop(state);
                return;
            }
            // (1)
            value.next = state.last.take();
            state.last = Some(value);
            // If the work is queued already it has not looked yet. The lock is still held:
            // `close()` waits for work that is queued before it closes, and would not know of one
            // that comes later.
            let _ = workqueue::system_long().enqueue(self.clone());
        }
    }

    /// Closes the queue, and waits until all queued values have been dropped.
    ///
    /// The worker does not run again, so the driver may be unloaded. Values that are queued later
    /// are dropped by the caller.
    pub(crate) fn close(&self) {
        // (3)
        self.state.lock().is_closed = true;
        // SAFETY: `self.work` is initialised, and stays while `self` is borrowed.
        unsafe { bindings::flush_work(Work::raw_get(&raw const self.work)) };
    }

    fn drop_all(&self) {
        loop {
            // (2). The lock is not held while something is dropped.
            let mut last = self.state.lock().last.take();
            if last.is_none() {
                return;
            }
            while let Some(mut value) = last {
                last = value.next.take();
            }
        }
    }
}

impl WorkItem for DeferredDropQueue {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.drop_all();
    }
}
