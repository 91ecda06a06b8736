// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What all scopes of an executor share.

use super::tree::Tree;
use crate::{
    batch::Batch,
    lock::IrqLock,
    task,
    workqueue::Queue, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The number of batches.
#[cfg(not(feature = "loom"))]
const BATCHES: usize = 4;
#[cfg(feature = "loom")]
const BATCHES: usize = 1;

/// The size of an area of memory whose tasks are in one batch.
const AREA: usize = 1 << 20;

/// The queue that tasks run on, batches of tasks on it, and the lock of the tree of scopes.
pub(crate) struct Core {
    queue: Queue,
    batches: [Batch; BATCHES],
    tree: IrqLock<Tree>,
}

impl Core {
    /// Returns what an executor with this queue needs. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(queue: Queue) -> Result<Arc<Self>> {
        let core = Arc::new(
            Self {
                queue,
                batches: core::array::from_fn(|_| Batch::new(queue, task::run_listed)),
                tree: Tree::new(),
            },
            GFP_KERNEL,
        )?;
        for batch in &core.batches {
            // SAFETY: Nobody has seen it yet, and what an `Arc` holds is not moved.
            unsafe { batch.init() };
        }
        Ok(core)
    }

    /// Returns the queue.
    pub(crate) fn queue(&self) -> Queue {
        self.queue
    }

    /// Returns the batch for a task at that address.
    ///
    /// Tasks that were made together, and so are mostly close to each other, share one. Many tasks
    /// are in several, so that several workers poll them.
    pub(crate) fn batch(&self, task: *const ()) -> &Batch {
        &self.batches[task as usize / AREA % BATCHES]
    }

    /// Returns the lock of the tree.
    pub(super) fn tree(&self) -> &IrqLock<Tree> {
        &self.tree
    }
}
