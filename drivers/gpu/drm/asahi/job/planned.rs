// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Jobs as a submit leaves them: all is written but what is decided when their turn comes.

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

/// What a command of a job is, with its index among those of its kind.
pub(crate) enum Planned {
    Compute(Sequence),
    Render(PlannedRender),
}

/// A job: what is asked of the hardware, and what that needs.
pub(crate) struct Job {
    /// Of its compute commands, and of its renders, if there are any.
    pub(crate) compute: Option<JobMemory>,
    pub(crate) renders: Option<RenderMemory>,
    /// At least one, and no more than can be in flight together.
    pub(crate) commands: SmallVec<(Barriers, Planned), 1>,
    /// What the commands write timestamps to.
    pub(crate) _timestamps: KVec<Arc<Timestamps>>,
    /// Among the client's.
    pub(crate) _charge: Charge<Arc<Quota>>,
    /// For what it takes besides its part of the heaps.
    pub(crate) _own: Pinned,
}
