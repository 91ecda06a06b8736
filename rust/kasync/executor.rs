// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Executors.
//!
//! # States
//!
//! ```text
//!   OPEN ──(1) close(): `closing` set, root scope cancelled──► CLOSING
//!   OPEN ──(2) last handle dropped where a thread may not block: root scope cancelled,
//!            then (1) by another thread──► CLOSING
//!   CLOSING ──(3) tasks ended, grace period over, workqueue destroyed: `closed` set──► CLOSED
//! ```
//!
//! | state | `spawn` | `shutdown` |
//! |---|---|---|
//! | OPEN | starts a task | (1), returns after (3) |
//! | CLOSING | `ECANCELED` | `EBUSY`, at once |
//! | CLOSED | `ECANCELED` | `Ok`, at once |
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::{
    counted::Counted,
    current,
    inspect,
    report::api_violation,
    scope::{
        Core,
        Scope, //
    },
    workqueue::{
        self,
        Priority,
        Queue,
        Work, //
    }, //
};
use core::ffi::CStr;
use kernel::{
    bindings::work_struct,
    prelude::*,
    sync::{
        rcu,
        SetOnce, //
    }, //
};

/// The content of an executor. It lives until the workqueue is destroyed.
#[repr(C)]
pub(crate) struct Inner {
    /// The work item that closes the executor on another thread. At offset 0, see [`close`].
    closer: Work,
    core: Counted<Core>,
    root: Scope,
    closing: SetOnce<()>,
    closed: SetOnce<()>,
}

// SAFETY: `closer` is used once, after the last handle was dropped; all other fields are `Sync`.
unsafe impl Sync for Inner {}
// SAFETY: No field is tied to the thread that has created it.
unsafe impl Send for Inner {}

/// A handle of an executor: a workqueue or a real-time thread of its own, and the root of a tree of
/// scopes. Cloning returns another handle of the same executor.
///
/// Dropping the last handle shuts the executor down as [`Executor::shutdown`] does, and so blocks
/// until all tasks have ended. A module that owns the executor can therefore not be unloaded before
/// its tasks have ended. Where blocking is impossible (inside a poll, in an interrupt, in atomic
/// context), a thread of this crate's module does the rest (H31). A task may have the last handle
/// of its own executor. The unloading of a module waits for all tasks whose type was instantiated
/// in it, and reports them, even if their executor was leaked. It knows nothing of what else tasks
/// call, such as futures of other modules behind a pointer.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `new`, `with_priority` | yes | no (allocate) | no |
/// | `root`, clone | yes | yes | yes |
/// | `shutdown` | yes | no (refused) | no (refused) |
/// | drop of the last handle | yes (blocks) | yes (hands over) | yes (hands over) |
#[derive(Clone)]
pub struct Executor(Counted<Owner>);

/// The reference that all handles share. Dropping it closes the executor.
struct Owner(Counted<Inner>);

impl Executor {
    /// Creates an executor with a `WQ_UNBOUND | WQ_MEM_RECLAIM` workqueue of its own. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(name: &'static CStr) -> Result<Self> {
        Self::with_priority(name, Priority::Normal)
    }

    /// Creates an executor whose tasks are run with `priority`. See [`Executor::new`].
    ///
    /// # Errors
    ///
    /// `ENOMEM`. `EINTR` with [`Priority::Realtime`], if the calling thread is killed.
    pub fn with_priority(name: &'static CStr, priority: Priority) -> Result<Self> {
        let queue = Queue::new(name, priority)?;
        let result = Core::new(queue).and_then(|core| {
            Counted::new(Inner {
                closer: Work::uninit(),
                root: Scope::new_root(core.clone(), name)?,
                core,
                closing: SetOnce::new(),
                closed: SetOnce::new(),
            })
        });
        match result {
            Ok(inner) => {
                // If something fails, dropping the executor destroys the queue.
                let executor = Self(Counted::new(Owner(inner))?);
                inspect::register(executor.root())?;
                Ok(executor)
            }
            Err(e) => {
                // SAFETY: No other reference to the queue exists.
                unsafe { queue.destroy() };
                Err(e)
            }
        }
    }

    /// Returns the root of the tree of scopes.
    pub fn root(&self) -> &Scope {
        &self.0 .0.root
    }

    /// Cancels the root scope, waits until all tasks have ended, then frees the workqueue. Sleeps
    /// until the last task has ended. Spawning fails as soon as this is called.
    ///
    /// # Errors
    ///
    /// `EDEADLK` inside a poll or a signalling section, and where the caller is known not to be
    /// allowed to sleep, with a warning. `EBUSY`, at once, if another thread is shutting the
    /// executor down.
    pub fn shutdown(&self) -> Result {
        if !current::may_block() {
            api_violation(c"shutdown() in an interrupt, a poll or a signalling section");
            return Err(EDEADLK);
        }
        self.0 .0.close()
    }
}

impl Inner {
    fn close(&self) -> Result {
        if self.closed.as_ref().is_some() {
            return Ok(());
        }
        // (1)
        if !self.closing.populate(()) {
            return Err(EBUSY);
        }
        // R11: no new task and no new scope from here on ...
        self.root.cancel();
        // ... all tasks complete ...
        self.root.wait_until_empty();
        // ... no wake that still saw one of them incomplete ...
        rcu::synchronize_rcu();
        // SAFETY: ... so no work item is queued any more: complete tasks are not queued.
        unsafe { self.core.queue().destroy() };
        inspect::unregister(&self.root);
        // (3)
        self.closed.populate(());
        Ok(())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        if self.0.closed.as_ref().is_some() {
            return;
        }
        if current::may_block() {
            // This was the last handle, so no other thread closes it. Blocking is legal here.
            let _closed = self.0.close();
            return;
        }
        // (2)
        self.0.root.cancel();
        let inner = Counted::into_raw(self.0.clone());
        // SAFETY: `close()` takes over the reference. The last handle is being dropped, so the item
        // is queued once.
        unsafe { workqueue::run_later((*inner).closer.get(), close) };
    }
}

/// Closes an executor whose last handle was dropped where blocking is impossible.
///
/// # Safety
///
/// `closer` must be the field of an executor whose last handle was dropped. The caller passes on a
/// reference to that executor.
unsafe extern "C" fn close(closer: *mut work_struct) {
    // SAFETY: `closer` is at offset 0 of an `Inner`, to which the caller passes on a reference.
    let inner = unsafe { Counted::from_raw(closer.cast_const().cast::<Inner>()) };
    // Cannot fail: this is not a poll, and no other thread closes the executor.
    let _closed = inner.close();
}
