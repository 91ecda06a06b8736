// SPDX-License-Identifier: GPL-2.0-only OR MIT
//~ E0308

//! A prepared job belongs to its queue: there is no way to commit it to another one.

use jobqueue::JobQueue;
use jobqueue::Ring;
use kernel::prelude::*;

/// Takes a job for the ring of one queue as one for the ring of another.
pub fn submit<A: Ring, B: Ring>(queue: &JobQueue<A>, job: A::Job) -> Result {
    let prepared: jobqueue::Prepared<'_, B> = queue.prepare(job, 1, KVVec::new())?;
    prepared.commit()?;
    Ok(())
}
