// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0505

//! A prepared job does not outlive its queue.

use jobqueue::JobQueue;
use jobqueue::Ring;
use kernel::prelude::*;

/// Drops the queue before the job is committed.
pub fn submit<R: Ring>(queue: JobQueue<R>, job: R::Job) -> Result {
    let prepared = queue.prepare(job, 1, KVVec::new())?;
    drop(queue);
    prepared.commit()?;
    Ok(())
}
