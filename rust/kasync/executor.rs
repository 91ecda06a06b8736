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
use core::ffi::CStr;

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

/// An executor: a workqueue of its own, and the root of a tree of scopes.
///
/// Dropping it shuts it down, as [`Executor::shutdown`] does, and so blocks until all tasks have ended. So
/// code that tasks run cannot go away before them, as long as the executor is owned by what that
/// code belongs to. Where blocking is impossible, inside of a poll, dropping it is reported, and the executor is
/// leaked together with this module's code.
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `new` | yes | no (allocates) | no |
/// | `root` | yes | yes | yes |
/// | `shutdown` | yes | no (refused) | no |
/// | drop | yes | no (refused, leaks) | no |
pub struct Executor {
    core: Ref<Core>,
    root: Scope,
    /// Allocated beforehand, as shutting down may not fail.
    parking: Parking,
    closing: Latch,
    closed: Latch,
}

impl Executor {
    /// Makes an executor with an UNBOUND | MEM_RECLAIM workqueue of its own. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn new(name: &'static CStr) -> Result<Arc<Self>> {
        let parking = Parking::new()?;
        let queue = Plat::queue_new(name)?;
        let tree = Tree::new();
        let tree = Ref::new(Core { queue, tree })
            .and_then(|core| Ok((Scope::new_root(core.clone(), name)?, core)));
        match tree {
            // If this fails, dropping the executor destroys the queue.
            Ok((root, core)) => platform::arc(Self {
                core,
                root,
                parking,
                closing: Latch::new(),
                closed: Latch::new(),
            }),
            Err(e) => {
                // SAFETY: Nobody else knows the queue.
                unsafe { Plat::queue_destroy(queue) };
                Err(e)
            }
        }
    }

    /// The root of the scopes.
    pub fn root(&self) -> &Scope {
        &self.root
    }

    /// Cancels the root scope, waits until all tasks have ended, then frees the workqueue. May sleep for as
    /// long as the tasks take. Spawning fails from the moment it is called.
    ///
    /// # Errors
    ///
    /// `EDEADLK`, reported loudly, inside a poll. `EBUSY` if another thread is at it.
    pub fn shutdown(&self) -> Result {
        if current::get().is_some() {
            Plat::misuse(c"an executor is shut down inside a poll");
            return Err(code::EDEADLK);
        }
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
        self.closed.raise();
        Ok(())
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        if self.shutdown().is_err() {
            // Inside a poll (H31); has been reported. The tasks are asked to end, but nobody can wait for them
            // here: leak the queue that they run on.
            self.root.cancel();
            Plat::pin_module();
        }
    }
}
