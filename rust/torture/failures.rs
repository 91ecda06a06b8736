// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Each allocation fails, one after the other.
//!
//! Needs `CONFIG_FAILSLAB`, and that `failslab/ignore-gfp-wait` in debugfs is `N`.

use crate::{
    engine::{
        foreign_fence,
        Engine,
        Job, //
    },
    failed,
    ring::queue,
    threads,
    verdict, //
};
use core::ffi::CStr;
use dma_fence::{
    ChainNode,
    FenceContext,
    FenceReservation,
    Names, //
};
use jobqueue::OnError;
use kasync::{
    block_on,
    sync::{
        mpsc,
        oneshot,
        Semaphore, //
    },
    time::Delta,
    Executor,
    Scope, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

unsafe extern "C" {
    fn torture_fail_nth(n: u32) -> bool;
    fn torture_fail_left() -> u32;
}

/// Runs `f` with its `n`th allocation failing, for `n` from 1 up, until it has no `n`th allocation.
/// Returns the number of its allocations.
///
/// # Errors
///
/// `EOPNOTSUPP` if the kernel cannot, or may not, let allocations fail.
fn each(name: &CStr, f: &dyn Fn() -> Result) -> Result<u32> {
    let mut out_of_memory = 0;
    for n in 1..10_000 {
        // SAFETY: Only sets a field of the current thread.
        if !unsafe { torture_fail_nth(n) } {
            return Err(EOPNOTSUPP);
        }
        let result = f();
        // SAFETY: Only reads and clears a field of the current thread.
        let left = unsafe { torture_fail_left() };
        match result {
            Ok(()) => {}
            Err(ENOMEM) if left == 0 => out_of_memory += 1,
            Err(e) => failed(name, n.into(), e.to_errno().unsigned_abs().into()),
        }
        if left != 0 {
            // Nothing has failed this time: it must have gone well.
            if out_of_memory == 0 {
                return Err(EOPNOTSUPP);
            }
            return Ok(out_of_memory);
        }
    }
    failed(name, 10_000, 0);
    Err(EIO)
}

fn executors() -> Result {
    let executor = Executor::new(c"failures")?;
    executor.shutdown()
}

/// Joins a scope. An error of the join is reported, even if it is that of an allocation.
fn joined(scope: &Scope) -> Result {
    scope.join_blocking().map_err(|_| EIO)
}

fn tasks(executor: &Executor) -> Result {
    let scope = executor.root().child(c"failures")?;
    let handle = scope.spawn(c"task", async { 7 })?;
    let result = block_on(handle);
    scope.cancel();
    // The scope has to be empty. A join allocates nothing, so it does not fail here.
    joined(&scope)?;
    match result? {
        7 => Ok(()),
        _ => Err(EIO),
    }
}

fn channels() -> Result {
    let (tx, mut rx) = mpsc::channel(4)?;
    tx.try_send(1).map_err(|_| EIO)?;
    if rx.try_recv() != Some(1) {
        return Err(EIO);
    }
    oneshot::channel::<u32>()?.0.send(2).map_err(|_| EIO)
}

fn fences() -> Result {
    static NAMES: Names = Names::new(c"failures", c"failures");
    let _ends = FenceContext::new(&NAMES)?;
    drop(FenceReservation::new()?);
    drop(ChainNode::new()?);
    Ok(())
}

fn jobs(executor: &Executor) -> Result {
    let scope = executor.root().child(c"failures")?;
    let engine = Engine::new(1, false)?;
    let slots = Arc::new(Semaphore::new(1), GFP_KERNEL)?;
    let run = || -> Result {
        let queue = queue(
            &scope,
            &engine,
            &slots,
            4,
            Delta::from_secs(1),
            OnError::Ignore,
        )?;
        for _ in 0..3 {
            let mut dependencies = KVVec::new();
            let foreign = foreign_fence(Delta::from_micros(200), Ok(()))?;
            let mut job = Job::new(&engine)?;
            job.depends_on(&foreign)?;
            dependencies.push(foreign, GFP_KERNEL)?;
            let committing = job.committing();
            let prepared = queue.prepare(job, 1, dependencies)?;
            // R7: from here on nothing fails.
            let fence = prepared.commit().map_err(|_| EIO)?;
            committing.committed(&fence);
        }
        Ok(())
    };
    let result = run();
    scope.cancel();
    joined(&scope)?;
    result
}

/// Runs all tests of failures.
pub(crate) fn run() -> Result {
    let executor = Executor::new(c"torture-failures")?;
    // In a thread, as the count is one of the thread's.
    let result = threads(|n| {
        if n != 0 {
            return Ok(());
        }
        for (name, f) in [
            (c"executors", &executors as &dyn Fn() -> Result),
            (c"tasks", &|| tasks(&executor)),
            (c"channels", &channels),
            (c"fences", &fences),
            (c"jobs", &|| jobs(&executor)),
        ] {
            let n = each(name, f)?;
            pr_info!(
                "{}: {n} allocations have failed, one after the other\n",
                name.to_str().unwrap_or("?")
            );
        }
        verdict()
    });
    executor.shutdown()?;
    result
}
