// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The state that all scopes of an executor share.

use super::tree::Tree;
use crate::{
    batch::Batch,
    counted::Counted,
    lock::IrqLock,
    task,
    workqueue::Queue, //
};
use kernel::prelude::*;

/// The number of batches.
#[cfg(not(feature = "loom"))]
const BATCHES: usize = 4;
#[cfg(feature = "loom")]
const BATCHES: usize = 1;

/// The size of the areas of memory whose tasks share a batch.
const AREA: usize = 1 << 20;

/// The workqueue of an executor, the batches of tasks on it, and the tree of scopes.
pub(crate) struct Core {
    queue: Queue,
    batches: [Batch; BATCHES],
    tree: IrqLock<Tree>,
}

impl Core {
    /// Allocates the state for an executor whose tasks run on `queue`. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(queue: Queue) -> Result<Counted<Self>> {
        let core = Counted::new(Self {
            queue,
            batches: core::array::from_fn(|_| Batch::new(queue, task::run_listed)),
            tree: Tree::new(),
        })?;
        for batch in &core.batches {
            // SAFETY: No other reference to the batch exists, and the data of a `Counted` does
            // not move.
            unsafe { batch.init() };
        }
        Ok(core)
    }

    /// Returns the queue.
    pub(crate) fn queue(&self) -> Queue {
        self.queue
    }

    /// Returns the batch for the task at the address `task`.
    ///
    /// Tasks that were allocated together are mostly close to each other and share a batch. Large
    /// numbers of tasks are spread over several batches, and so over several workers.
    pub(crate) fn batch(&self, task: *const ()) -> &Batch {
        &self.batches[task as usize / AREA % BATCHES]
    }

    /// Returns the tree, in its lock.
    pub(super) fn tree(&self) -> &IrqLock<Tree> {
        &self.tree
    }
}
