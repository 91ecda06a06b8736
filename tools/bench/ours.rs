// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The job queue as a contestant. Its hardware says how many jobs are over, as firmware does.

use core::{
    ffi::{
        c_int,
        c_uint,
        c_void, //
    },
    future::{
        ready,
        Future, //
    },
    ptr::{
        self,
        NonNull, //
    },
    task::{
        Context,
        Poll, //
    },
};
use dma_fence::Fence;
use jobqueue::{
    Config,
    HwDone,
    JobQueue,
    Names,
    OnError,
    Ring,
    Timeline, //
    TimeoutAction,
};
use kasync::{
    block_on,
    sync::AtomicWaker,
    time::Delta,
    Executor,
    Priority,
    Scope, //
};
use kernel::sync::aref::ARef;
use kernel::{
    bindings,
    prelude::*,
    sync::{
        global_lock,
        Arc,
        UniqueArc, //
    }, //
};

const CREDITS: usize = 64;
const TIMEOUT: Delta = Delta::from_millis(5000);

static NAMES: Names = Names::new(c"bench", c"queue");

/// The C type `struct bench_counter`.
#[repr(C)]
struct RawCounter {
    _opaque: [u8; 0],
}

extern "C" {
    fn bench_counter_create(
        done: unsafe extern "C" fn(*mut c_void),
        context: *mut c_void,
    ) -> *mut RawCounter;
    fn bench_counter_destroy(counter: *mut RawCounter);
    fn bench_counter_run(counter: *mut RawCounter) -> u64;
    fn bench_counter_finished(counter: *const RawCounter) -> u64;
    fn bench_counter_kick(counter: *mut RawCounter);
}

/// The hardware of a queue: what ring and interrupt share.
///
/// # Invariants
///
/// `counter` is null or valid.
struct Hardware {
    changed: AtomicWaker,
    counter: *mut RawCounter,
}

// SAFETY: Counters are used by the ring's task, and by others to kick them.
unsafe impl Send for Hardware {}
// SAFETY: Counters are used by the ring's task, and by others to kick them.
unsafe impl Sync for Hardware {}

/// The interrupt: all that was started is over.
///
/// # Safety
///
/// `context` must be a valid [`Hardware`].
unsafe extern "C" fn interrupt(context: *mut c_void) {
    // SAFETY: `context` is a valid `Hardware` by the safety requirements.
    unsafe { &*context.cast::<Hardware>() }.changed.wake();
}

impl Hardware {
    fn new() -> Result<Arc<Self>> {
        // INVARIANT: Null.
        let mut hardware = UniqueArc::new(
            Self {
                changed: AtomicWaker::new(),
                counter: ptr::null_mut(),
            },
            GFP_KERNEL,
        )?;
        let context: *mut Self = &mut *hardware;
        // SAFETY: The context is there until the counter is destroyed: see `drop`.
        let counter = unsafe { bench_counter_create(interrupt, context.cast()) };
        // INVARIANT: Just created.
        hardware.counter = NonNull::new(counter).ok_or(ENOMEM)?.as_ptr();
        Ok(hardware.into())
    }

    fn kick(&self) {
        // SAFETY: Valid by the type invariant, as only `new` has one that is null.
        unsafe { bench_counter_kick(self.counter) };
    }
}

impl Drop for Hardware {
    fn drop(&mut self) {
        if let Some(counter) = NonNull::new(self.counter) {
            // SAFETY: Valid by the type invariant, and not used any more. Waits for the interrupt.
            unsafe { bench_counter_destroy(counter.as_ptr()) };
        }
    }
}

struct BenchRing(Arc<Hardware>);

impl Ring for BenchRing {
    type Job = ();
    /// The job's number.
    type InFlight = u64;

    fn poll_ready(&mut self, _job: &mut (), _cx: &mut Context<'_>) -> Poll<Result> {
        Poll::Ready(Ok(()))
    }

    fn submit(&mut self, _job: &mut ()) -> u64 {
        // SAFETY: Valid by the type invariant. Only the queue's task calls this.
        unsafe { bench_counter_run(self.0.counter) }
    }

    fn poll_complete(
        &mut self,
        number: &mut u64,
        timeline: Timeline,
        cx: &mut Context<'_>,
    ) -> Poll<HwDone> {
        // SAFETY: Valid by the type invariant.
        let over = || unsafe { bench_counter_finished(self.0.counter) } >= *number;
        if !over() {
            self.0.changed.register(cx);
            if !over() {
                return Poll::Pending;
            }
        }
        // SAFETY: There is no hardware that could still write.
        Poll::Ready(unsafe { HwDone::new(timeline, Ok(())) })
    }

    fn timed_out(
        &mut self,
        _number: Option<&u64>,
        _n: u32,
        _timeline: Timeline,
    ) -> impl Future<Output = TimeoutAction> + Send + 'static {
        pr_err!("ours: a job has timed out\n");
        ready(TimeoutAction::Wait(TIMEOUT))
    }

    fn retire(&mut self, _job: ()) {}

    fn quiesced(&mut self) {}

    async fn destroy(self) {}
}

struct Queue {
    jobs: JobQueue<BenchRing>,
    hardware: Arc<Hardware>,
}

struct Bench {
    executor: Executor,
    /// The scope of all queues, as those of a file would have one.
    scope: Scope,
}

global_lock! {
    // SAFETY: Initialised by `init_global`, before it is used.
    unsafe(uninit) static BENCH: Mutex<Option<Bench>> = None;
}

fn init(priority: u32) -> Result {
    let executor = Executor::with_priority(c"asahi_bench", Priority::try_from(priority)?)?;
    let scope = executor.root().child(c"queues")?;
    *BENCH.lock() = Some(Bench { executor, scope });
    Ok(())
}

/// Initialises what holds the executor.
///
/// # Safety
///
/// Must be called once, before all else of this file.
pub(crate) unsafe fn init_global() {
    // SAFETY: By the safety requirements this is the first use, and the only such call.
    unsafe { BENCH.init() };
}

#[no_mangle]
extern "C" fn bench_ours_init(priority: u32) -> c_int {
    match init(priority) {
        Ok(()) => 0,
        Err(e) => e.to_errno(),
    }
}

#[no_mangle]
extern "C" fn bench_ours_exit() {
    let bench = BENCH.lock().take();
    if let Some(bench) = bench {
        if let Err(e) = bench.executor.shutdown() {
            pr_err!("ours: shutdown: {e:?}\n");
        }
    }
}

fn create() -> Result<KBox<Queue>> {
    let scope = match &*BENCH.lock() {
        Some(bench) => bench.scope.clone(),
        None => return Err(ENODEV),
    };
    let hardware = Hardware::new()?;
    let config = Config {
        names: &NAMES,
        credits: CREDITS,
        jobs: 2 * CREDITS,
        memory: usize::MAX,
        timeout: TIMEOUT,
        on_error: OnError::Ignore,
    };
    let jobs = JobQueue::new(&scope, c"queue", BenchRing(hardware.clone()), &config)?;
    Ok(KBox::new(Queue { jobs, hardware }, GFP_KERNEL)?)
}

/// Returns the driver's part of a queue: memory that is not the queue's.
fn mock() -> Result<KBox<Arc<Hardware>>> {
    Ok(KBox::new(Hardware::new()?, GFP_KERNEL)?)
}

#[no_mangle]
extern "C" fn bench_ours_mock() -> *mut Arc<Hardware> {
    mock().map_or(core::ptr::null_mut(), KBox::into_raw)
}

/// # Safety
///
/// `mock` comes from [`bench_ours_mock`], and is not used again.
#[no_mangle]
unsafe extern "C" fn bench_ours_mock_destroy(mock: *mut Arc<Hardware>) {
    // SAFETY: `mock` is from `bench_ours_mock()` and not used again, by the safety requirements.
    drop(unsafe { KBox::from_raw(mock) });
}

#[no_mangle]
extern "C" fn bench_ours_create() -> *mut Queue {
    create().map_or(core::ptr::null_mut(), KBox::into_raw)
}

/// # Safety
///
/// `queue` comes from [`bench_ours_create`], and is not used again.
#[no_mangle]
unsafe extern "C" fn bench_ours_destroy(queue: *mut Queue) {
    // SAFETY: `queue` is from `bench_ours_create()` and not used again, by the safety requirements.
    drop(unsafe { KBox::from_raw(queue) });
}

fn settle() -> Result {
    let mut bench = BENCH.lock();
    if let Some(bench) = &mut *bench {
        let next = bench.executor.root().child(c"queues")?;
        let scope = core::mem::replace(&mut bench.scope, next);
        scope.cancel();
        block_on(scope.join())??;
    }
    Ok(())
}

#[no_mangle]
extern "C" fn bench_ours_settle() {
    if let Err(e) = settle() {
        pr_err!("ours: queues do not end: {e:?}\n");
    }
}

/// # Safety
///
/// `queue` is valid.
#[no_mangle]
unsafe extern "C" fn bench_ours_kick(queue: *mut Queue) {
    // SAFETY: `queue` is valid by the safety requirements.
    unsafe { &*queue }.hardware.kick();
}

fn submit(queue: &Queue, deps: &[&Fence]) -> Result<ARef<Fence>> {
    queue.jobs.prepare((), 1, deps)?.commit()
}

/// # Safety
///
/// `queue` is valid, and `deps` are `count` fences.
#[no_mangle]
unsafe extern "C" fn bench_ours_submit(
    queue: *mut Queue,
    deps: *mut NonNull<bindings::dma_fence>,
    count: c_uint,
) -> *mut bindings::dma_fence {
    let deps = match count {
        0 => &[],
        // SAFETY: `deps` are `count` fences by the safety requirements, and stay the caller's. A
        // `Fence` is a transparent wrapper of `dma_fence`.
        _ => unsafe { core::slice::from_raw_parts(deps.cast(), count as usize) },
    };
    // SAFETY: `queue` is valid by the safety requirements.
    match submit(unsafe { &*queue }, deps) {
        Ok(fence) => core::mem::ManuallyDrop::new(fence).as_raw(),
        Err(_) => core::ptr::null_mut(),
    }
}
