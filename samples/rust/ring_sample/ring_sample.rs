// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A driver on `kasync` and `jobqueue`, to learn from. Its GPU is a timer.
//!
//! ```text
//!   prepare(), commit()              the queue's task                 the GPU
//!   ───────────────────  ─────────►  ────────────────                 ───────
//!   the fence                        submit() ── started += 1 ──────► each tick: one more is done,
//!     ▲                              poll_complete() ◄ AtomicWaker ── unless it hangs
//!     └───────── signals ──────────────┘
//! ```
//!
//! | file | contents |
//! |---|---|
//! | `gpu.rs` | the GPU |
//! | `ring.rs` | the hardware's side of a queue: start here |
//! | `client.rs` | queues, and how a job is submitted |
//! | this one | what may happen to jobs, in five scenes |
//!
//! Loading the module runs the scenes, and logs a line for each thing that has to hold. It does not
//! load if one of them does not.
//!
//! What a driver for real hardware does besides: its interrupt comes through `kasync::irq`, or from
//! C, and wakes the same waker; the executor is made when the device is probed, and shut down when
//! it goes; each open file has a scope below the device's, and each queue one below its file's.
//! `drivers/gpu/drm/asahi` does all of that.

mod client;
mod gpu;
mod ring;

use client::{
    Client,
    ROOM, //
};
use core::pin::pin;
use dma_fence::Fence;
use jobqueue::OnError;
use kasync::{
    block_on,
    cancelled,
    join,
    select,
    sync::oneshot,
    time::timeout,
    Either,
    Executor,
    Scope, //
};
use kernel::{
    prelude::*,
    sync::atomic::Relaxed,
    time::Delta, //
};
use ring::TIMEOUT;

struct Sample;

module! {
    type: Sample,
    name: "ring_sample",
    authors: ["The asahi-async authors"],
    description: "A driver on the job queue",
    license: "Dual MIT/GPL",
}

/// Time limit of what has to happen.
const LIMIT: Delta = Delta::from_secs(60);

/// Waits for a fence, in a thread, with a limit. Returns the fence's error.
fn result(fence: &Fence) -> Result {
    block_on(timeout(LIMIT, fence.wait()))?.map_err(|_| ETIMEDOUT)?
}

/// Logs whether `what` has held, and returns an error if not.
fn check(what: &str, held: bool) -> Result {
    pr_info!("{} {what}\n", if held { "ok" } else { "not ok" });
    if held {
        Ok(())
    } else {
        Err(EIO)
    }
}

/// Runs jobs of two clients, one of which waits for the other's.
fn two_clients(device: &Scope) -> Result {
    let (one, other) = (
        Client::new(device, TIMEOUT)?,
        Client::new(device, TIMEOUT)?, //
    );
    let first = one.submit(false, 1, &[])?;
    check("a job runs", result(&first).is_ok())?;

    // A fence of any driver may be a dependency; this one is of another queue. Only the queue's
    // task waits for it.
    let before = one.submit(false, 1, &[])?;
    let after = other.submit(false, ROOM, &[&before])?;
    check("a job waits for another queue's", result(&after).is_ok())?;
    check("which is over then", before.test_signaled_flag())?;

    // A task awaits fences, several at once if need be. It owns what it uses, and belongs to a
    // scope.
    let (a, b) = (one.submit(false, 1, &[])?, other.submit(false, 1, &[])?);
    let task = device.spawn(c"waits", async move {
        let (a, b) = join!(a.wait(), b.wait());
        a.and(b)
    })?;
    check("a task awaits two", block_on(task)? == Ok(()))?;

    // Dropping a queue closes it, and does not wait. Its task owns what it needs, and goes on until
    // the last fence has signalled.
    let last = one.submit(false, 1, &[])?;
    let scope = one.scope.clone();
    drop(one);
    // Code that has to know that all is over joins the scope. In a driver that is the removal of
    // the device.
    scope.join_blocking()?;
    check(
        "a queue that is dropped brings its jobs to an end",
        last.test_signaled_flag(),
    )
}

/// Has a job hang, and the ring reset.
fn hang(device: &Scope) -> Result {
    let (slow, client) = (Client::new(device, LIMIT)?, Client::new(device, TIMEOUT)?);
    // The job that hangs waits for a slow one. So the GPU gets it and the job behind it at the same
    // time, however long this thread takes to commit them.
    let before = slow.submit(true, 1, &[])?;
    let hung = client.submit(true, 1, &[&before])?;
    let lost = client.submit(false, 1, &[])?;
    // This one needs the whole ring, so it is not in flight when the ring is reset.
    let next = client.submit(false, ROOM, &[])?;
    // A committed job is not in flight yet: its queue's task may have to run first.
    slow.gpu.wait_started(LIMIT)?;
    slow.gpu.recover();
    check(
        "a job that is slow is over in the end",
        result(&before).is_ok(),
    )?;
    check("a job that hangs times out", result(&hung) == Err(ETIME))?;
    check(
        "one that was in flight with it is lost",
        result(&lost) == Err(ECANCELED),
    )?;
    check("the next one runs", result(&next).is_ok())
}

/// Has a job fail that others need: what it was to write is not there.
fn errors(device: &Scope) -> Result {
    // By default a failure is the client's to look at, as Vulkan has it. A client may ask for more:
    // jobs that depend on a failed one do not run.
    let strict = Client::with(device, TIMEOUT, OnError::Propagate)?;
    // Nor do later jobs of the same queue: its context is lost.
    let lost = Client::with(device, TIMEOUT, OnError::Poison)?;
    let hung = lost.submit(true, 1, &[])?;
    let depends = strict.submit(false, 1, &[&hung])?;
    let other = strict.submit(false, 1, &[])?;
    check("a job fails", result(&hung) == Err(ETIME))?;
    check(
        "so does one that needs it",
        result(&depends) == Err(ETIME) && strict.gpu.started() <= 1,
    )?;
    check("and no other of its queue", result(&other).is_ok())?;
    let later = lost.submit(false, 1, &[])?;
    check(
        "a context that is lost runs nothing any more",
        result(&later) == Err(ETIME) && lost.gpu.started() == 0,
    )
}

/// Suspends the system while a client has jobs under way.
fn suspend(device: &Scope) -> Result {
    let client = Client::new(device, LIMIT)?;
    let before = client.submit(true, ROOM, &[])?;
    client.gpu.wait_started(LIMIT)?;
    // From here on the GPU gets no job. Those that it has go on, and clients notice nothing.
    client.queue.park();
    let during = client.submit(false, 1, &[])?;
    client.gpu.recover();
    block_on(timeout(LIMIT, pin!(client.queue.parked())))?.map_err(|_| ETIMEDOUT)??;
    // A driver switches the GPU off here, and on again later.
    check("the GPU ends what it has", result(&before).is_ok())?;
    check(
        "and gets nothing while the queue is parked",
        client.gpu.started() == 1 && !during.test_signaled_flag(),
    )?;
    client.queue.unpark();
    check("a job that has waited runs then", result(&during).is_ok())
}

/// Kills a client while its job hangs: cancels its scope, and with that all that is done for it.
fn cancel(device: &Scope) -> Result {
    let client = Client::new(device, LIMIT)?;
    let in_flight = client.submit(true, ROOM, &[])?;
    let waiting = client.submit(false, 1, &[])?;
    // A task of the client's waits for the same fence. Cancelling is a request: a task that may
    // have to wait for long awaits `cancelled()` as well, then cleans up, and returns. The future
    // of a fence may be dropped at any time.
    let fence = in_flight.clone();
    let (tells, told) = oneshot::channel()?;
    let task = client.scope.spawn(c"waits", async move {
        // Nobody may be there any more to hear it.
        let _ = tells.send(());
        match select(cancelled(), fence.wait()).await {
            Either::Left(()) => Err(ECANCELED),
            Either::Right(result) => result,
        }
    })?;

    // Otherwise the cancel may come first, and neither the job nor the task ever run.
    client.gpu.wait_started(LIMIT)?;
    check(
        "a task runs",
        block_on(timeout(LIMIT, told))?.is_ok_and(|told| told.is_ok()),
    )?;
    client.scope.cancel();
    check(
        "nothing is committed any more",
        client.submit(false, 1, &[]).is_err(),
    )?;
    check("a task has heard of it", block_on(task)? == Err(ECANCELED))?;
    // The GPU has this job: it is not over before the GPU reports it, or was reset (H17). Joining
    // takes as long.
    check(
        "what the GPU has is not cancelled",
        !in_flight.test_signaled_flag(),
    )?;
    client.gpu.recover();
    client.scope.join_blocking()?;
    check("it is awaited", result(&in_flight).is_ok())?;
    check(
        "what the GPU does not have is cancelled",
        result(&waiting) == Err(ECANCELED),
    )?;
    check("all jobs came back", client.retired.load(Relaxed) == 2)
}

/// Runs all scenes.
fn run(executor: &Executor) -> Result {
    // All that is done for the device is below one scope.
    let device = executor.root().child(c"device")?;
    two_clients(&device)?;
    hang(&device)?;
    errors(&device)?;
    suspend(&device)?;
    cancel(&device)
}

impl kernel::Module for Sample {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let executor = Executor::new(c"ring_sample")?;
        let ran = run(&executor);
        // Cancels what is left, and waits for it. Nothing uses code or data of the module after
        // this.
        executor.shutdown()?;
        ran?;
        Ok(Self)
    }
}
