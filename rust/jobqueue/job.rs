// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Jobs on their way through a queue.

use dma_fence::{
    Fence,
    FenceReservation,
    Pending, //
};
use kasync::sync::OwnedPermit;
use kernel::prelude::*;

/// A job that only needs to be committed. Dropping it undoes everything.
#[must_use = "nothing happens before it is committed"]
pub struct Prepared<J> {
    pub(crate) node: KBox<Node<J>>,
    pub(crate) reservation: FenceReservation,
}

/// A job and all that it takes to bring it through the queue, allocated when it is prepared.
pub(crate) struct Node<J> {
    /// The next one that waits.
    pub(crate) next: Option<KBox<Node<J>>>,
    pub(crate) job: J,
    pub(crate) credits: usize,
    pub(crate) dependencies: KVVec<Fence>,
    /// How many of the dependencies are known to have signalled.
    pub(crate) met: usize,
    /// Absent only before it is committed.
    pub(crate) fence: Option<Pending>,
    /// How it ends if the hardware is not going to see it.
    pub(crate) verdict: Option<Error>,
    /// A place in the queue.
    pub(crate) _place: OwnedPermit,
}

impl<J> Node<J> {
    /// Waits for all that the job depends on. Cancel safe.
    ///
    /// Errors of dependencies do not matter: what failed is over, and who submitted this job after it will look at the
    /// results of both.
    pub(crate) async fn wait(&mut self) {
        while let Some(fence) = self.dependencies.get(self.met) {
            let _ = fence.wait().await;
            self.met += 1;
        }
    }
}

/// Jobs that wait, first come, first served.
pub(crate) struct Fifo<J> {
    first: Option<KBox<Node<J>>>,
    /// The last of the list, if there is one.
    last: *mut Node<J>,
}

// SAFETY: It owns the jobs; `last` points to one of them.
unsafe impl<J: Send> Send for Fifo<J> {}

impl<J> Fifo<J> {
    pub(crate) const fn new() -> Self {
        Self {
            first: None,
            last: core::ptr::null_mut(),
        }
    }

    pub(crate) fn push(&mut self, mut node: KBox<Node<J>>) {
        let at: *mut Node<J> = &mut *node;
        if self.first.is_none() {
            self.first = Some(node);
        } else {
            // SAFETY: The list is not empty, so `last` is its last node, which nobody refers to meanwhile.
            unsafe { (*self.last).next = Some(node) };
        }
        self.last = at;
    }

    pub(crate) fn pop(&mut self) -> Option<KBox<Node<J>>> {
        let mut node = self.first.take()?;
        self.first = node.next.take();
        Some(node)
    }
}
