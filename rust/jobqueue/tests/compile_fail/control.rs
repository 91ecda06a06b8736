// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ passes

//! A job is prepared and committed: the control.

use jobqueue::JobQueue;
use jobqueue::Ring;
use kernel::prelude::*;

/// Submits two jobs.
pub fn submit<R: Ring>(queue: &JobQueue<R>, one: R::Job, other: R::Job) -> Result {
    let prepared = queue.prepare(one, 1, KVVec::new())?;
    prepared.commit()?;
    let _fence = queue.prepare(other, 1, KVVec::new())?.commit()?;
    Ok(())
}
