// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The executor by itself.

use core::{
    ffi::{
        c_char,
        c_int, //
    },
    sync::atomic::{
        AtomicUsize,
        Ordering, //
    },
};
use kasync::{
    block_on,
    cancelled,
    select,
    sync::Notify,
    Either,
    Executor, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

extern "C" {
    fn bench_report(scenario: *const c_char, who: *const c_char, value: u64);
    fn bench_now() -> u64;
    fn bench_memory() -> i64;
    fn bench_memory_begin() -> c_int;
    fn bench_memory_end();
}

fn report(scenario: &CStr, value: u64) {
    // SAFETY: Both strings end in NUL.
    unsafe { bench_report(scenario.as_char_ptr(), c"ours".as_char_ptr(), value) };
}

fn now() -> u64 {
    // SAFETY: Always possible.
    unsafe { bench_now() }
}

fn memory() -> i64 {
    // SAFETY: Always possible.
    unsafe { bench_memory() }
}

/// Tasks that are over at their first poll.
fn spawn(executor: &Executor, count: usize) -> Result<u64> {
    let scope = executor.root().child(c"spawn")?;
    let start = now();
    for _ in 0..count {
        scope.spawn(c"task", async {})?.detach();
    }
    block_on(scope.join())??;
    Ok((now() - start) / count as u64)
}

/// The means by which tasks are started, and say that they are ready.
struct Ping {
    start: Notify,
    done: Notify,
    left: AtomicUsize,
}

impl Ping {
    /// Returns the state for so many tasks.
    fn new(count: usize) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                start: Notify::new(),
                done: Notify::new(),
                left: AtomicUsize::new(count),
            },
            GFP_KERNEL,
        )?)
    }

    fn one_is_ready(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.done.notify_one();
        }
    }
}

/// Tasks that are woken, polled, and wait again.
fn wake(executor: &Executor, tasks: usize, rounds: usize) -> Result<u64> {
    let scope = executor.root().child(c"wake")?;
    let all = Ping::new(tasks)?;
    let mut pings = KVec::new();
    for _ in 0..tasks {
        let (ping, all) = (Ping::new(0)?, all.clone());
        pings.push(ping.clone(), GFP_KERNEL)?;
        let task = async move {
            while let Either::Right(()) = select(cancelled(), ping.start.notified()).await {
                all.one_is_ready();
            }
        };
        scope.spawn(c"task", task)?.detach();
    }
    let mut took = 0;
    for round in 0..=rounds {
        all.left.store(tasks, Ordering::Release);
        let start = now();
        for ping in &pings {
            ping.start.notify_one();
        }
        block_on(all.done.notified())?;
        // In the first round they are polled for the first time.
        took += if round == 0 { 0 } else { now() - start };
    }
    scope.cancel();
    block_on(scope.join())??;
    Ok(took / (tasks * rounds) as u64)
}

/// Many that wait, all cancelled at once. Also tells what one takes.
fn cancel(executor: &Executor, count: usize) -> Result<(u64, u64)> {
    let scope = executor.root().child(c"cancel")?;
    let before = memory();
    let all = Ping::new(count)?;
    for _ in 0..count {
        let all = all.clone();
        let task = async move {
            all.one_is_ready();
            cancelled().await;
        };
        scope.spawn(c"task", task)?.detach();
    }
    let bytes = (memory() - before).max(0) as u64 / count as u64;
    block_on(all.done.notified())?;
    let start = now();
    scope.cancel();
    block_on(scope.join())??;
    Ok(((now() - start) / count as u64, bytes))
}

fn run() -> Result {
    let executor = Executor::new(c"bench_executor")?;
    spawn(&executor, 1000)?;
    report(c"spawn_complete", spawn(&executor, 1000)?);
    wake(&executor, 64, 10)?;
    report(c"wake_poll", wake(&executor, 64, 100)?);
    cancel(&executor, 1000)?;
    report(c"cancel_join", cancel(&executor, 1000)?.0);
    // SAFETY: Counting is ended below, by the same thread.
    kernel::error::to_result(unsafe { bench_memory_begin() })?;
    let counted = cancel(&executor, 1000);
    // SAFETY: Counting was begun above, and was not ended.
    unsafe { bench_memory_end() };
    report(c"bytes_per_task", counted?.1);
    executor.shutdown()
}

#[no_mangle]
extern "C" fn bench_executor() -> c_int {
    match run() {
        Ok(()) => 0,
        Err(e) => e.to_errno(),
    }
}
