// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! KUnit tests of the executor inside the kernel: real workqueues, real interrupts, lockdep and
//! KASAN.
//!
//! Loading the module runs them; results are in the log and in debugfs, `kunit/kasync_*/results`.
//! Checks in tasks would not fail a test, so tasks hand their findings to the test's own thread. A
//! test that fails returns an error. Then its executor is dropped, which waits for its tasks: so
//! each of them ends when it is cancelled.

use kernel::{
    prelude::*,
    sync::Arc, //
};

#[macro_use]
mod check;
mod contexts;
mod drops;
mod hazards;
mod in_flight;
mod irqs;
mod leaves;
mod rescue;
mod tasks;
mod turns;

use contexts::{
    api_violations_outstanding, //
    expect_api_violations,
};
use core::cell::UnsafeCell;
use kasync::{
    block_on,
    cancelled,
    time::{
        sleep,
        Delta,
        Instant, //
    },
    yield_now,
    Executor, //
};

/// Leaves a task behind that keeps its own executor alive, which no owner will ever shut down:
/// unloading has to wait for it.
struct KasyncTest(());

module! {
    type: KasyncTest,
    name: "kasync_test",
    authors: ["The asahi-async authors"],
    description: "Tests of kasync",
    license: "Dual MIT/GPL",
    params: {
        alloc_in_poll: u8 {
            default: 0,
            description: "1: allocate with reclaim inside a poll; lockdep has to report it",
        },
        rescue: u8 {
            default: 0,
            description: "1: once no threads can be made any more, look whether tasks go on",
        },
        race: u8 {
            default: 0,
            description: "1: two tasks change the same word with nothing to order them; KCSAN has to report it",
        },
    },
}

impl kernel::Module for KasyncTest {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        if api_violations_outstanding() != 0 {
            pr_err!("the task left behind was not reported when the module went last time\n");
            return Err(EIO);
        }
        let executor = Executor::new(c"left-behind")?;
        let own = executor.clone();
        let task = async move {
            cancelled().await;
            // Long enough for the module to be gone, if nothing waits.
            sleep(Delta::from_millis(200)).await;
            pr_info!("the task left behind has ended\n");
            drop(own);
        };
        executor.root().spawn(c"left-behind", task)?.detach();
        // H14, R7: not one of the suites, as a report by lockdep is what passes this one.
        if module_parameters::alloc_in_poll.value() != 0 {
            let task = async { KBox::new(0_u64, GFP_KERNEL).map(|b| *b) };
            let handle = executor.root().spawn(c"alloc-in-poll", task)?;
            block_on(handle)??;
        }
        if module_parameters::rescue.value() != 0 {
            rescue::run()?;
        }
        if module_parameters::race.value() != 0 {
            race(&executor)?;
        }
        Ok(Self(()))
    }
}

/// A word that two tasks change at the same time.
struct Word(UnsafeCell<u64>);

// SAFETY: It is not safe to share: that is what the detector has to find. Nothing depends on its
// value.
unsafe impl Sync for Word {}

fn race(executor: &Executor) -> Result {
    let word = Arc::new(Word(UnsafeCell::new(0)), GFP_KERNEL)?;
    let mut handles = KVec::new();
    for _ in 0..2 {
        let word = word.clone();
        let task = async move {
            let begin = Instant::now();
            while begin.elapsed() < Delta::from_millis(3000) {
                for _ in 0..1000 {
                    // SAFETY: A data race, on purpose: see `Word`.
                    unsafe { *core::hint::black_box(word.0.get()) += 1 };
                }
                yield_now().await;
            }
        };
        handles.push(executor.root().spawn(c"race", task)?, GFP_KERNEL)?;
    }
    for handle in handles {
        block_on(handle)?;
    }
    Ok(())
}

impl Drop for KasyncTest {
    fn drop(&mut self) {
        // Reported by kasync after this, when the module is about to go.
        expect_api_violations(1);
    }
}
