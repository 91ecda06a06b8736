// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What happens to a job queue if it goes before its jobs do: the counterpart of
//! `drm_sched_teardown.c`, step by step.

use core::{
    future::{
        ready,
        Future, //
    },
    task::{
        Context,
        Poll, //
    }, //
};
use dma_fence::Fence;
use jobqueue::{
    Config,
    HwDone,
    JobQueue,
    Names,
    OnError,
    Ring,
    RingStopped,
    Timeline, //
    TimeoutAction,
};
use kasync::{
    block_on,
    sync::{
        AtomicWaker,
        Notify, //
    },
    time::Delta,
    Executor,
    Scope, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        rcu,
        Arc, //
    }, //
};

struct Teardown;

module! {
    type: Teardown,
    name: "jobqueue_teardown",
    authors: ["The asahi-async authors"],
    description: "A job queue goes before its jobs do",
    license: "Dual MIT/GPL",
    params: {
        step: u32 {
            default: 0,
            description: "1: the hardware finishes the job afterwards; \
                2: somebody asks for the name of the job's fence; \
                3: the hardware was reset, and somebody waits for the fence; \
                4: it was reset, and nobody does; \
                5: the submitter commits one more job",
        },
    },
}

unsafe extern "C" {
    fn dma_fence_timeline_name(fence: *mut bindings::dma_fence) -> *const kernel::ffi::c_char;
}

static NAMES: Names = Names::new(c"teardown", c"teardown");

/// How long a job may take.
const TIMEOUT: Delta = Delta::from_secs(1);

struct Hardware {
    running: Notify,
    finished: Atomic<bool>,
    /// It has forgotten what it was doing.
    reset: Atomic<bool>,
    waker: AtomicWaker,
}

impl Hardware {
    /// Its interrupt.
    fn finish(&self) {
        self.finished.store(true, Release);
        self.waker.wake();
    }
}

struct MockRing(Arc<Hardware>);

impl Ring for MockRing {
    type Job = ();
    type InFlight = Arc<Hardware>;

    fn poll_ready(&mut self, _job: &mut (), _cx: &mut Context<'_>) -> Poll<Result> {
        Poll::Ready(Ok(()))
    }

    fn submit(&mut self, _job: &mut ()) -> Arc<Hardware> {
        self.0.running.notify_one();
        self.0.clone()
    }

    fn poll_complete(
        &mut self,
        hardware: &mut Arc<Hardware>,
        timeline: Timeline,
        cx: &mut Context<'_>,
    ) -> Poll<HwDone> {
        hardware.waker.register(cx);
        if hardware.finished.load(Acquire) {
            // SAFETY: There is no hardware that could still write.
            Poll::Ready(unsafe { HwDone::new(timeline, Ok(())) })
        } else {
            Poll::Pending
        }
    }

    fn timed_out(
        &mut self,
        _job: Option<&Arc<Hardware>>,
        _n: u32,
        timeline: Timeline,
    ) -> impl Future<Output = TimeoutAction> + Send + 'static {
        ready(if self.0.reset.load(Acquire) {
            // SAFETY: There is no hardware that could still write.
            TimeoutAction::Stopped(unsafe { RingStopped::new(timeline) })
        } else {
            TimeoutAction::Wait(TIMEOUT)
        })
    }

    fn retire(&mut self, _job: ()) {}

    fn quiesced(&mut self) {}

    async fn destroy(self) {}
}

fn print_name(fence: &Fence) {
    let _guard = rcu::read_lock();
    // SAFETY: The fence is ours; the name is there as long as the guard is.
    let name = unsafe { CStr::from_char_ptr(dma_fence_timeline_name(fence.as_raw())) };
    pr_info!("the fence is {}\n", name.to_str().unwrap_or("?"));
}

/// The queue goes before the handle does, which the submitter still has.
fn teardown_handle(scope: &Scope, queue: &JobQueue<MockRing>) -> Result {
    let prepared = queue.prepare((), 1, KVVec::new())?;
    pr_info!("the queue goes, whoever submits does not know\n");
    scope.cancel();
    scope.join_blocking()?;
    let refused = prepared.commit().err();
    pr_info!("one more job: {refused:?}\n");
    Ok(())
}

fn teardown(scope: &Scope, step: u32) -> Result {
    let hardware = Arc::new(
        Hardware {
            running: Notify::new(),
            finished: Atomic::new(false),
            reset: Atomic::new(false),
            waker: AtomicWaker::new(),
        },
        GFP_KERNEL,
    )?;
    let config = Config {
        names: &NAMES,
        credits: 4,
        jobs: 8,
        memory: usize::MAX,
        timeout: TIMEOUT,
        on_error: OnError::Ignore,
    };
    let queue = JobQueue::new(scope, c"queue", MockRing(hardware.clone()), &config)?;
    if step == 5 {
        return teardown_handle(scope, &queue);
    }
    let prepared = queue.prepare((), 1, KVVec::new())?;
    let fence = prepared.commit()?;
    block_on(hardware.running.notified())?;
    pr_info!("the hardware has the job, the queue goes\n");
    drop(queue);

    if step == 2 {
        print_name(&fence);
    }
    if fence.test_signaled_flag() {
        pr_err!("the fence has signalled early\n");
        return Err(EIO);
    }
    if step == 3 || step == 4 {
        hardware.reset.store(true, Release);
    }
    if step == 4 {
        pr_info!("the hardware was reset, nobody waits\n");
        return Ok(());
    }
    if step == 3 {
        let result = block_on(fence.wait())?;
        pr_info!("the hardware was reset, the fence has signalled: {result:?}\n");
        return Ok(());
    }
    hardware.finish();
    block_on(fence.wait())??;
    pr_info!("the hardware has finished, the fence has signalled\n");
    Ok(())
}

impl kernel::Module for Teardown {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let executor = Executor::new(c"jobqueue_teardown")?;
        let step = module_parameters::step.value();
        let result = if step != 0 {
            teardown(executor.root(), step)
        } else {
            Ok(())
        };
        executor.shutdown()?;
        result.map(|()| Self)
    }
}
