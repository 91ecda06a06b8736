// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! H38: memory pressure under which the pools cannot create workers. The suites do not run it, as
//! the pressure comes from outside, see `tools/tests/guest/kasync-alone.sh`.

use crate::contexts::{
    can_make_threads,
    counter,
    in_rescuer,
    BlockedWorkers,
    Counter, //
};
use core::{
    future::Future,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};
use kasync::{
    block_on,
    cancelled,
    sync::mpsc,
    time::{
        sleep,
        timeout,
        Delta, //
    },
    yield_now,
    Executor, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Full,
        Relaxed, //
    }, //
};

/// The time after which the test counts as hanging: the rescuer is called ten times a second at
/// most, on a machine that may have much else to do.
const LIMIT: Delta = Delta::from_secs(180);

/// Counts the polls by rescuers, and those by others.
struct Polled<F> {
    future: Pin<KBox<F>>,
    rescuer: Counter,
    other: Counter,
}

impl<F: Future> Future for Polled<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let counter = if in_rescuer() {
            &self.rescuer
        } else {
            &self.other
        };
        counter.fetch_add(1, Full);
        self.future.as_mut().poll(cx)
    }
}

/// Two tasks that tell each other, a timer, and one that yields: reserved before, started when no
/// worker is left. All of their polls are the rescuer's.
pub(crate) fn run() -> Result {
    const ROUNDS: u32 = 10;
    let executor = Executor::new(c"rescue")?;
    let scope = executor.root();
    let (rescuer, other) = (counter()?, counter()?);
    let polled = |future| -> Result<_> {
        Ok(Polled {
            future: KBox::pin(future, GFP_KERNEL)?,
            rescuer: rescuer.clone(),
            other: other.clone(),
        })
    };
    let (to, mut from_first) = mpsc::channel::<u32>(1)?;
    let (back, mut from_second) = mpsc::channel::<u32>(1)?;
    let first = polled(async move {
        let mut n = 0;
        while n < ROUNDS && to.try_send(n).is_ok() && from_second.recv().await == Some(n) {
            n += 1;
        }
        sleep(Delta::from_millis(5)).await;
        yield_now().await;
        n
    })?;
    let first = scope.reserve(c"first", first)?;
    let second = async move {
        while let Some(n) = from_first.recv().await {
            if back.try_send(n).is_err() {
                break;
            }
        }
    };
    let second = scope.reserve(c"second", second)?;
    // What says outside that all is there that has to be allocated.
    scope.spawn(c"rescue-me", cancelled())?.detach();
    let limited = async {
        while can_make_threads() {
            sleep(Delta::from_millis(20)).await;
        }
    };
    block_on(timeout(LIMIT, limited))?.map_err(|_| ETIME)?;

    let blocked = BlockedWorkers::new()?;
    second.start().detach();
    let n = block_on(timeout(LIMIT, first.start()))?.map_err(|_| ETIME)?;
    let (rescuer, other) = (rescuer.load(Relaxed), other.load(Relaxed));
    drop(blocked);
    executor.shutdown()?;
    // The suites come next, and need threads.
    let unlimited = async {
        while !can_make_threads() {
            sleep(Delta::from_millis(20)).await;
        }
    };
    block_on(timeout(LIMIT, unlimited))?.map_err(|_| ETIME)?;
    pr_info!("rescue: {n} rounds, {rescuer} polls by the rescuer, {other} by others\n");
    if n != ROUNDS || rescuer < ROUNDS as usize || other != 0 {
        return Err(EIO);
    }
    Ok(())
}
