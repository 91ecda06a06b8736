// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The GPU of the sample: a timer.

use kasync::{
    block_on,
    sync::{
        AtomicWaker,
        Notify, //
    },
    time::timeout, //
};
use kernel::{
    impl_has_hr_timer,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        Arc,
        ArcBorrow, //
    },
    time::{
        hrtimer::{
            ArcHrTimerHandle,
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerPointer,
            HrTimerRestart,
            RelativeMode, //
        },
        Delta,
        Monotonic, //
    }, //
};

/// Time that a job takes.
const TICK: Delta = Delta::from_micros(200);

/// The GPU: what the ring and the interrupt share. Real ones have the counters in memory that both
/// sides see.
///
/// ```text
///   start()                 a tick: done += 1, wake
///   idle ────► busy ──────────────────────────────────► idle, if done = started
///               │ ▲  done + 1 = hangs_at: no tick counts
///               ▼ │  recover()
///              hung
/// ```
#[pin_data]
pub(crate) struct Gpu {
    #[pin]
    timer: HrTimer<Self>,
    /// Jobs that it was given. Jobs are numbered from 1, in this order.
    started: Atomic<u64>,
    /// Jobs that are done.
    done: Atomic<u64>,
    /// The job that it does not get past, or 0.
    hangs_at: Atomic<u64>,
    /// Notified when it is given a job.
    given: Notify,
    /// The waker of the queue's task. The interrupt may wake it: that queues a work item, and polls
    /// nothing.
    pub(crate) changed: AtomicWaker,
}

impl_has_hr_timer! {
    impl HasHrTimer<Self> for Gpu {
        mode: RelativeMode<Monotonic>, field: self.timer
    }
}

impl HrTimerCallback for Gpu {
    type Pointer<'a> = Arc<Self>;

    /// Handles a tick, which is also the interrupt.
    fn run(this: ArcBorrow<'_, Self>, mut cx: HrTimerCallbackContext<'_, Self>) -> HrTimerRestart {
        let done = this.done.load(Relaxed);
        if done < this.started.load(Acquire) && done + 1 != this.hangs_at.load(Relaxed) {
            // The counter changes before the wake. The task registers its waker before it looks at
            // the counter, so it does not miss the change.
            this.done.store(done + 1, Release);
            this.changed.wake();
        }
        cx.forward_now(TICK);
        HrTimerRestart::Restart
    }
}

impl Gpu {
    /// Returns a GPU that is switched off.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                timer <- HrTimer::new(),
                started: Atomic::new(0),
                done: Atomic::new(0),
                hangs_at: Atomic::new(0),
                given: Notify::new(),
                changed: AtomicWaker::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Switches the GPU on. It runs until the handle is dropped, which waits for a tick that is
    /// being handled.
    pub(crate) fn switch_on(self: &Arc<Self>) -> ArcHrTimerHandle<Self> {
        self.clone().start(TICK)
    }

    /// Hands a job to the GPU. Returns its number. `hangs`: the GPU is going to hang with it.
    pub(crate) fn give(&self, hangs: bool) -> u64 {
        let number = self.started.load(Relaxed) + 1;
        if hangs {
            self.hangs_at.store(number, Relaxed);
        }
        // What the GPU reads of the job is written before this.
        self.started.store(number, Release);
        self.given.notify_waiters();
        number
    }

    /// Returns whether the job with this number is done.
    pub(crate) fn is_done(&self, number: u64) -> bool {
        // Pairs with the release of the interrupt: what the GPU has written for the job is visible
        // to all that wait for its fence.
        self.done.load(Acquire) >= number
    }

    /// Returns how many jobs it was given.
    pub(crate) fn started(&self) -> u64 {
        self.started.load(Relaxed)
    }

    /// Makes the GPU forget the jobs that are not done. It is switched off.
    pub(crate) fn forget(&self) {
        // New jobs get the numbers of those.
        self.started.store(self.done.load(Relaxed), Relaxed);
        self.recover();
    }

    /// Makes the GPU get past the job that it hangs at.
    pub(crate) fn recover(&self) {
        self.hangs_at.store(0, Relaxed);
    }

    /// Waits until the GPU has been given its first job, at most `limit`.
    pub(crate) fn wait_started(&self, limit: Delta) -> Result {
        let started = async {
            loop {
                let given = self.given.notified();
                if self.started() > 0 {
                    break;
                }
                given.await;
            }
        };
        block_on(timeout(limit, started))?.map_err(|_| ETIMEDOUT)
    }
}
