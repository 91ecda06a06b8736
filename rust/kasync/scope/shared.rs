// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What all scopes of an executor share.

use super::tree::Tree;
use crate::{
    lock::IrqLock,
    workqueue::Queue, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The queue that tasks run on, and the lock of the tree of scopes.
pub(crate) struct Core {
    queue: Queue,
    tree: IrqLock<Tree>,
}

impl Core {
    /// Returns what an executor with this queue needs. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(queue: Queue) -> Result<Arc<Self>> {
        let tree = Tree::new();
        Ok(Arc::new(Self { queue, tree }, GFP_KERNEL)?)
    }

    /// Returns the queue.
    pub(crate) fn queue(&self) -> Queue {
        self.queue
    }

    /// Returns the lock of the tree.
    pub(super) fn tree(&self) -> &IrqLock<Tree> {
        &self.tree
    }
}
