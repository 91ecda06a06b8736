// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A queue made of `rust/jobqueue/submission.rs`, and hardware that may have to be waited for.

mod task;

use crate::{
    activity::Activity,
    submission::Submission,
    submit_list::{
        Link,
        SubmitList, //
    },
    world::{
        job::Job,
        model, //
    }, //
};
use kasync::{
    block_on,
    sync::AtomicWaker,
    Executor,
    JoinHandle,
    Scope, //
};
use loom::{
    cell::UnsafeCell,
    sync::{
        atomic::{
            AtomicBool,
            AtomicU64,
            Ordering, //
        },
        Arc,
        Mutex, //
    }, //
};
use std::{
    cell::Cell,
    future::poll_fn,
    ops::DerefMut,
    task::Poll, //
};
use task::run;

// SAFETY: A field of the job.
unsafe impl Link for Job {
    unsafe fn next(node: *mut Self) -> *mut *mut Self {
        // SAFETY: Valid by the safety requirements.
        unsafe { &raw mut (*node).next }
    }
}

loom::thread_local! {
    /// The number of the job that the thread is committing, or 0.
    static COMMITTING: Cell<u64> = Cell::new(0);
}

/// The hardware, and the outcome of the jobs.
#[derive(Default)]
pub(crate) struct Hardware {
    /// True if it has a job.
    pub(crate) busy: bool,
    /// True if it was asked to get ready for a job, and not since told that nothing is in flight.
    pub(crate) held: bool,
    /// Numbers of the jobs that it has had, and of those that were cancelled.
    pub(crate) numbers: Vec<u64>,
}

pub(crate) struct Shared {
    flags: kernel::sync::atomic::Atomic<u32>,
    activity: Activity<Job>,
    submit_list: SubmitList<Job>,
    pub(crate) scope: Scope,
    /// The order is the number of the last job.
    order: Mutex<u64>,
    hardware: UnsafeCell<Hardware>,
    /// True if the ring is ready for a job, and through with what it has.
    ready: AtomicBool,
    over: AtomicBool,
    readiness: AtomicWaker,
    interrupt: AtomicWaker,
    /// The number of jobs that were started, and the waker of the thread that waits for them.
    started: AtomicU64,
    start: AtomicWaker,
    /// True if the task lets other threads run after it has received jobs, and before it reads the
    /// flags. The model checker does not try that by itself.
    pauses: bool,
}

// SAFETY: The hardware is the task's, and while the queue is parked, of the thread that has parked
// it, which loom checks.
unsafe impl Sync for Shared {}
// SAFETY: Nothing in it belongs to a thread.
unsafe impl Send for Shared {}

impl Submission for Shared {
    type Order = u64;
    type Node = Job;

    fn lock(&self) -> impl DerefMut<Target = u64> {
        self.order.lock().unwrap()
    }

    fn flag_word(&self) -> &kernel::sync::atomic::Atomic<u32> {
        &self.flags
    }

    fn activity(&self) -> &Activity<Job> {
        &self.activity
    }

    fn submit_list(&self) -> &SubmitList<Job> {
        &self.submit_list
    }

    fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl Shared {
    pub(crate) fn with_hardware<R>(&self, f: impl FnOnce(&mut Hardware) -> R) -> R {
        // SAFETY: The caller is the task, or the thread that has parked the queue. Loom checks that
        // no other thread accesses the cell.
        self.hardware.with_mut(|h| f(unsafe { &mut *h }))
    }
}

/// A queue, as its users have it.
#[derive(Clone)]
pub(crate) struct Queue(Arc<Handle>);

/// The handle of a queue, which has the handle of its task until it is dropped.
struct Handle {
    shared: Arc<Shared>,
    task: std::cell::UnsafeCell<Option<JoinHandle<()>>>,
}

// SAFETY: `task` is written only by `Queue::drop_handle()`, when no other thread uses the queue.
unsafe impl Sync for Handle {}
// SAFETY: Nothing in it belongs to a thread.
unsafe impl Send for Handle {}

impl Queue {
    fn task(&self) -> &JoinHandle<()> {
        // SAFETY: It is written only when no other thread uses the queue, see `Handle`.
        unsafe { &*self.0.task.get() }.as_ref().unwrap()
    }

    pub(crate) fn change(&self, set: u32, clear: u32) {
        self.shared().change(self.task(), set, clear);
    }

    pub(crate) fn commit(&self) -> Option<u64> {
        let committed = self.shared().commit(self.task(), (), |(), last| arm(last));
        COMMITTING.with(|c| c.set(0));
        committed.ok()
    }

    /// Closes the queue as its handle goes: no other thread uses it any more.
    pub(crate) fn drop_handle(&self) {
        // SAFETY: No other thread uses the queue.
        let task = unsafe { &mut *self.0.task.get() }.take().unwrap();
        self.shared().close_last(task);
    }

    /// The hardware is ready for jobs.
    pub(crate) fn get_ready(&self) {
        self.shared().ready.store(true, Ordering::Release);
        self.shared().readiness.wake();
    }

    /// The hardware is through with what it has.
    pub(crate) fn finish(&self) {
        self.shared().over.store(true, Ordering::Release);
        self.shared().interrupt.wake();
    }

    /// Waits until `count` jobs were started.
    pub(crate) fn wait_started(&self, count: u64) {
        let shared = self.shared();
        let started = poll_fn(|cx| {
            shared.start.register(cx);
            match shared.started.load(Ordering::Acquire) >= count {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        });
        block_on(started).unwrap();
    }

    /// Wakes the task, though there is nothing new.
    pub(crate) fn wake(&self) {
        self.task().wake();
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }
}

fn arm(last: &mut u64) -> (kernel::alloc::KBox<Job>, u64) {
    *last += 1;
    COMMITTING.with(|c| c.set(*last));
    (Job::new(*last), *last)
}

/// Runs `scene` with a queue, which it closes; it returns how many jobs were committed. The queue
/// ends then, and each of them has come to the task, in order, once.
pub(crate) fn queue_model(
    preemptions: usize,
    scene: impl Fn(&Queue) -> u64 + Send + Sync + 'static,
) {
    queue_model_with(preemptions, true, scene);
}

/// Does what [`queue_model`] does, with hardware that may not be ready at first.
pub(crate) fn queue_model_with(
    preemptions: usize,
    ready: bool,
    scene: impl Fn(&Queue) -> u64 + Send + Sync + 'static,
) {
    run_model(preemptions, ready, false, scene);
}

/// Does what [`queue_model`] does, with a task that pauses before it reads the flags.
pub(crate) fn queue_model_pausing(
    preemptions: usize,
    scene: impl Fn(&Queue) -> u64 + Send + Sync + 'static,
) {
    run_model(preemptions, true, true, scene);
}

fn run_model(
    preemptions: usize,
    ready: bool,
    pauses: bool,
    scene: impl Fn(&Queue) -> u64 + Send + Sync + 'static,
) {
    model(preemptions, move || {
        let executor = Executor::new(c"m").unwrap();
        let scope = executor.root().child(c"s").unwrap();
        let shared = Arc::new(Shared {
            flags: kernel::sync::atomic::Atomic::<u32>::new(0),
            activity: Activity::new(),
            submit_list: SubmitList::new(),
            scope: scope.clone(),
            order: Mutex::new(0),
            hardware: UnsafeCell::new(Hardware::default()),
            ready: AtomicBool::new(ready),
            over: AtomicBool::new(false),
            readiness: AtomicWaker::new(),
            interrupt: AtomicWaker::new(),
            started: AtomicU64::new(0),
            start: AtomicWaker::new(),
            pauses,
        });
        let task = scope.spawn_idle(c"t", run(shared.clone())).unwrap();
        let queue = Queue(Arc::new(Handle {
            shared,
            task: std::cell::UnsafeCell::new(Some(task)),
        }));
        let jobs = scene(&queue);
        queue.finish();
        scope.join_blocking().unwrap();
        let numbers = queue
            .shared()
            .with_hardware(|h| std::mem::take(&mut h.numbers));
        assert_eq!(numbers, Vec::from_iter(1..=jobs), "lost, or out of order");
        assert!(
            queue.shared().submit_list.is_empty(),
            "committed after the end"
        );
        queue
            .shared()
            .with_hardware(|h| assert!(!h.held, "ends with what others wait for"));
        drop((queue, scope));
        executor.shutdown().unwrap();
    });
}
