// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Executors.

use crate::{
    atomic::Latch,
    block_on::Parking,
    current,
    lock::IrqLock,
    platform::{
        self,
        code,
        Arc,
        Plat,
        Platform,
        Queue,
        Result, //
    },
    refs::Ref,
    scope::{
        Scope,
        Tree, //
    }, //
};
use core::{
    cell::UnsafeCell,
    ffi::CStr,
    mem::MaybeUninit,
    ptr::NonNull, //
};

/// What all scopes of an executor share.
pub(crate) struct Core {
    queue: Queue,
    tree: IrqLock<Tree>,
}

impl Core {
    pub(crate) fn queue(&self) -> Queue {
        self.queue
    }

    pub(crate) fn tree(&self) -> &IrqLock<Tree> {
        &self.tree
    }
}

/// What an executor is, apart from the handle; lives until its queue is gone.
#[repr(C)]
pub(crate) struct Inner {
    /// At offset 0, see [`close`]. For closing on another thread.
    reap: UnsafeCell<MaybeUninit<<Plat as Platform>::Reap>>,
    core: Ref<Core>,
    root: Scope,
    /// Allocated beforehand, as closing may not fail.
    parking: Parking,
    closing: Latch,
    closed: Latch,
}

// SAFETY: `reap` is only touched by the platform, after the last handle is gone; the rest is
// `Sync`.
unsafe impl Sync for Inner {}
// SAFETY: Nothing in it depends on the thread.
unsafe impl Send for Inner {}

/// How soon the workers of an executor run, beside others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Priority {
    /// As threads do.
    #[default]
    Normal,
    /// Before threads: `WQ_HIGHPRI`. For what is short, and holds up others.
    High,
}

/// An executor: a workqueue of its own, and the root of a tree of scopes.
///
/// Dropping it shuts it down as [`Executor::shutdown`] does, and so blocks until all tasks have
/// ended: the code that they run cannot go away before them if its owner owns the executor. Where
/// blocking is impossible, inside a poll or an interrupt, the rest is handed over to a thread of
/// this module (H31). A task may hold the last reference to its own executor. When a module goes,
/// it waits for tasks that run its code, and reports them, whatever has become of their executor.
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `new`, `with_priority` | yes | no (allocate) | no |
/// | `root` | yes | yes | yes |
/// | `shutdown` | yes | no (refused) | no |
/// | drop | yes (blocks) | yes (hands over) | in an interrupt (hands over) |
pub struct Executor(Ref<Inner>);

impl Executor {
    /// Makes an executor with an UNBOUND | MEM_RECLAIM workqueue of its own. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(name: &'static CStr) -> Result<Arc<Self>> {
        Self::with_priority(name, Priority::Normal)
    }

    /// As [`Executor::new`], with workers of that priority.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn with_priority(name: &'static CStr, priority: Priority) -> Result<Arc<Self>> {
        let parking = Parking::new()?;
        let queue = Plat::queue_new(name, priority == Priority::High)?;
        let tree = Tree::new();
        let result = Ref::new(Core { queue, tree }).and_then(|core| {
            Ref::new(Inner {
                reap: UnsafeCell::new(MaybeUninit::uninit()),
                root: Scope::new_root(core.clone(), name)?,
                core,
                parking,
                closing: Latch::new(),
                closed: Latch::new(),
            })
        });
        match result {
            Ok(inner) => {
                // If something fails, dropping the executor destroys the queue.
                let executor = platform::arc(Self(inner))?;
                Plat::register(executor.root())?;
                Ok(executor)
            }
            Err(e) => {
                // SAFETY: Nobody else knows the queue.
                unsafe { Plat::queue_destroy(queue) };
                Err(e)
            }
        }
    }

    /// The root of the scopes.
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
            Plat::misuse(c"an executor is shut down inside a poll or a signalling section");
            return Err(code::EDEADLK);
        }
        self.0.close()
    }
}

impl Inner {
    fn close(&self) -> Result {
        if self.closed.is_up() {
            return Ok(());
        }
        if !self.closing.raise() {
            return Err(code::EBUSY);
        }
        // R11: no new task and no new scope from here on ...
        self.root.cancel();
        // ... all tasks complete ...
        self.root.join_on(&self.parking)?;
        // ... no wake that still saw one of them incomplete ...
        Plat::synchronize();
        // SAFETY: ... so nobody queues any more: complete tasks are not queued.
        unsafe { Plat::queue_destroy(self.core.queue) };
        Plat::unregister(&self.root);
        self.closed.raise();
        Ok(())
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        if self.0.closed.is_up() {
            return;
        }
        if !current::in_section() && Plat::blocking_thread_id() != 0 {
            // Nobody else is at it, as this was the last handle; and blocking is legal here.
            let _closed = self.0.close();
            return;
        }
        self.0.root.cancel();
        let inner = Ref::into_raw(self.0.clone());
        // SAFETY: `close()` takes the reference back. The last handle is gone, so this happens
        // once.
        unsafe { Plat::reap(inner.cast()) };
    }
}

/// Closes an executor that was handed over. Called by the platform on a thread that may block.
///
/// # Safety
///
/// `reap` must be what was passed to [`Platform::reap`], once.
pub(crate) unsafe fn close(reap: NonNull<<Plat as Platform>::Reap>) {
    // SAFETY: `reap` is at offset 0; the reference was made for us.
    let inner = unsafe { Ref::from_raw(reap.cast::<Inner>()) };
    // Cannot fail: not in a poll, and nobody else is at it.
    let _closed = inner.close();
}
