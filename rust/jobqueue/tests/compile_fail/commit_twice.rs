// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0382

//! A prepared job is committed once.

use jobqueue::JobQueue;
use jobqueue::Ring;
use kernel::prelude::*;

/// Commits a job twice.
pub fn submit<R: Ring>(queue: &JobQueue<R>, job: R::Job) -> Result {
    let prepared = queue.prepare(job, 1, KVVec::new())?;
    prepared.commit()?;
    prepared.commit()?;
    Ok(())
}
