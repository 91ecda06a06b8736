// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Jobs as a submit prepares them, without the parameters that are known only at submission to the
//! firmware.

use super::{
    barrier::Barriers,
    memory::JobMemory,
    render_memory::{
        PlannedRender,
        RenderMemory, //
    },
    sequence::Sequence, //
};
use crate::{
    deferred_drop::DeferredDrop,
    quota::{
        Charge,
        Pinned,
        Quota, //
    },
    small_vec::SmallVec,
    timestamps::Timestamps, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The microsequences of a command of a job.
pub(crate) enum Planned {
    Compute(Sequence),
    Render(PlannedRender),
}

/// A job: its commands, and the resources that they need.
pub(crate) struct Job {
    /// Memory of its compute commands, and of its renders; `None` if there are none.
    pub(crate) compute: Option<JobMemory>,
    pub(crate) renders: Option<RenderMemory>,
    /// The commands of the job: at least one, and no more than can be in flight together.
    pub(crate) commands: SmallVec<(Barriers, Planned), 1>,
    /// The objects that the commands write timestamps to.
    pub(crate) _timestamps: KVec<Arc<Timestamps>>,
    /// The charges for the job.
    pub(crate) charges: Charges,
}

/// The charges for a job.
#[derive(Default)]
pub(crate) struct Charges {
    /// The charge for one job of the client's quota; `None` when the job is complete.
    pub(crate) job: Option<Charge<Arc<Quota>>>,
    /// The charge for its memory outside the heaps; `None` when a discarded job has passed it on.
    pub(crate) _own: Option<Pinned>,
}

/// A job in a queue.
pub(crate) enum Queued {
    /// A job that runs, or will.
    Job(KBox<DeferredDrop<Job>>),
    /// The rest of a job that will not run: its charges, which stay until its fence has signalled.
    /// The fence is memory, too.
    Discarded { _charges: Charges },
}
