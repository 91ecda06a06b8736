// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Executors.

use crate::{
    block_on::Parking,
    current,
    inspect,
    report::api_violation,
    scope::{
        Core,
        Scope, //
    },
    thread,
    workqueue::{
        self,
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
        Arc,
        SetOnce, //
    }, //
};

/// The content of an executor. It lives until the workqueue is destroyed.
#[repr(C)]
pub(crate) struct Inner {
    /// At offset 0, see [`close`]. For closing on another thread.
    closer: Work,
    core: Arc<Core>,
    root: Scope,
    /// Allocated beforehand, as closing may not fail.
    parking: Parking,
    closing: SetOnce<()>,
    closed: SetOnce<()>,
}

// SAFETY: `closer` is used once, after the last handle is gone; the rest is `Sync`.
unsafe impl Sync for Inner {}
// SAFETY: Nothing in it depends on the thread.
unsafe impl Send for Inner {}

/// The priority of an executor's workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Priority {
    /// That of normal threads.
    #[default]
    Normal,
    /// `WQ_HIGHPRI`: before normal threads. For tasks that are short and hold up others.
    High,
}

/// An executor: a workqueue of its own, and the root of a tree of scopes.
///
/// Dropping it shuts it down as [`Executor::shutdown`] does, and so blocks until all tasks have
/// ended: the code that they run cannot go away before them if its owner owns the executor. Where
/// blocking is impossible, inside a poll, in an interrupt or in atomic context, the rest is handed
/// over to a thread of this module (H31). A task may hold the last reference to its own executor.
/// When a module goes, it waits for tasks that run its code, and reports them, whatever has become
/// of their executor.
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `new`, `with_priority` | yes | no (allocate) | no |
/// | `root` | yes | yes | yes |
/// | `shutdown` | yes | no (refused) | no |
/// | drop | yes (blocks) | yes (hands over) | yes (hands over) |
pub struct Executor(Arc<Inner>);

impl Executor {
    /// Makes an executor with an UNBOUND | MEM_RECLAIM workqueue of its own. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(name: &'static CStr) -> Result<Arc<Self>> {
        Self::with_priority(name, Priority::Normal)
    }

    /// Makes an executor with workers of that priority. See [`Executor::new`].
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn with_priority(name: &'static CStr, priority: Priority) -> Result<Arc<Self>> {
        let parking = Parking::new()?;
        let queue = Queue::new(name, priority == Priority::High)?;
        let result = Core::new(queue).and_then(|core| {
            Ok(Arc::new(
                Inner {
                    closer: Work::uninit(),
                    root: Scope::new_root(core.clone(), name)?,
                    core,
                    parking,
                    closing: SetOnce::new(),
                    closed: SetOnce::new(),
                },
                GFP_KERNEL,
            )?)
        });
        match result {
            Ok(inner) => {
                // If something fails, dropping the executor destroys the queue.
                let executor = Arc::new(Self(inner), GFP_KERNEL)?;
                inspect::register(executor.root())?;
                Ok(executor)
            }
            Err(e) => {
                // SAFETY: Nobody else knows the queue.
                unsafe { queue.destroy() };
                Err(e)
            }
        }
    }

    /// Returns the root of the tree of scopes.
    pub fn root(&self) -> &Scope {
        &self.0.root
    }

    /// Cancels the root scope, waits until all tasks have ended, then frees the workqueue. May
    /// sleep for as long as the tasks take. Spawning fails from the moment it is called.
    ///
    /// # Errors
    ///
    /// `EDEADLK`, reported loudly, inside a poll or a signalling section. `EBUSY` if another thread
    /// is at it.
    pub fn shutdown(&self) -> Result {
        if current::in_section() {
            api_violation(c"an executor is shut down inside a poll or a signalling section");
            return Err(EDEADLK);
        }
        self.0.close()
    }
}

impl Inner {
    fn close(&self) -> Result {
        if self.closed.as_ref().is_some() {
            return Ok(());
        }
        if !self.closing.populate(()) {
            return Err(EBUSY);
        }
        // R11: no new task and no new scope from here on ...
        self.root.cancel();
        // ... all tasks complete ...
        self.root.join_on(&self.parking)?;
        // ... no wake that still saw one of them incomplete ...
        rcu::synchronize_rcu();
        // SAFETY: ... so nobody queues any more: complete tasks are not queued.
        unsafe { self.core.queue().destroy() };
        inspect::unregister(&self.root);
        self.closed.populate(());
        Ok(())
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        if self.0.closed.as_ref().is_some() {
            return;
        }
        if !current::in_section() && thread::blocking_id() != 0 {
            // Nobody else is at it, as this was the last handle; and blocking is legal here.
            let _closed = self.0.close();
            return;
        }
        self.0.root.cancel();
        let inner = Arc::into_raw(self.0.clone());
        // SAFETY: `close()` takes the reference back. The last handle is gone, so this happens
        // once.
        unsafe { workqueue::run_later((*inner).closer.get(), close) };
    }
}

/// Closes an executor that was handed over, on a thread that may block.
///
/// # Safety
///
/// `closer` must be that of an executor whose last handle is gone, with a reference for the callee.
unsafe extern "C" fn close(closer: *mut work_struct) {
    // SAFETY: `closer` is at offset 0, and the reference was made for us.
    let inner = unsafe { Arc::from_raw(closer.cast_const().cast::<Inner>()) };
    // Cannot fail: not in a poll, and nobody else is at it.
    let _closed = inner.close();
}
