// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Trace events of a queue's task. Only called while these are enabled.

use super::Task;
use crate::{
    job::{
        Node,
        WaitList, //
    },
    submission::Submission,
    trace::{
        self,
        Traced, //
    },
    Ring, //
};
use core::mem;

impl<R: Ring> Task<R> {
    /// Adds the jobs that were committed to those that wait, and traces them.
    #[cold]
    pub(super) fn trace_received(&mut self) {
        // A job that a commit has left here. It is the only one, unless events were disabled since.
        if mem::take(&mut self.is_untraced) && self.waiting.len() == 1 {
            if let Some(node) = self.waiting.pop() {
                self.trace_queued(&node);
                self.waiting.push(node);
            }
        }
        let mut new = WaitList::new();
        self.shared.receive(&mut new);
        while let Some(node) = new.pop() {
            self.trace_queued(&node);
            self.waiting.push(node);
        }
    }

    /// Traces a job that is about to be added to those that wait.
    #[cold]
    pub(super) fn trace_queued(&self, node: &Node<R>) {
        if let Some(fence) = node.pending() {
            trace::queue(&self.traced(), fence.id(), fence.dependencies());
        }
    }

    /// Emits the trace event of a job that the hardware gets.
    #[cold]
    pub(super) fn trace_run(&self, fence: (u64, u64)) {
        trace::run(&self.traced(), fence);
    }

    /// Returns the fields that the trace events of a queue have in common.
    pub(super) fn traced(&self) -> Traced {
        Traced {
            label: self.ring.label(),
            names: self.signaller.names(),
            waiting: self.waiting.len(),
            in_flight: self.credits.taken(),
        }
    }
}
