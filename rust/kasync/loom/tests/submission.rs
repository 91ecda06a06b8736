// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of submission to a queue, and of its end: `rust/jobqueue/submission.rs` itself, with the
//! executor's core below it, and a task that asks in the order in which the queue's task does. Each
//! names the hazards that it covers.

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
            Ordering, //
        },
        Arc,
        Mutex, //
    },
    thread, //
};
use std::{
    cell::Cell,
    future::{
        poll_fn,
        Future, //
    },
    ops::DerefMut,
    task::{
        Context,
        Poll, //
    }, //
};

mod world;
pub(crate) use world::{
    waits, //
};

#[path = "../../../jobqueue/submission.rs"]
mod submission;
#[path = "../../../jobqueue/submit_list.rs"]
mod submit_list;

use submission::{
    parked,
    Flags,
    Submission,
    CLOSED,
    IDLE,
    PARKED, //
};
use submit_list::{
    Link,
    SubmitList,
    WaitList, //
};
use world::{
    job::Job,
    model, //
};

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

/// What jobs become, and the hardware.
#[derive(Default)]
struct Hardware {
    /// It has a job.
    busy: bool,
    /// It has been told to get ready for a job, and not that nothing is in flight.
    held: bool,
    /// Of the jobs that it has had, and of those that were cancelled.
    numbers: Vec<u64>,
}

struct Shared {
    flags: kernel::sync::atomic::Atomic<u32>,
    activity: kernel::sync::atomic::Atomic<u32>,
    submit_list: SubmitList<Job>,
    scope: Scope,
    /// The order is the number of the last job.
    order: Mutex<u64>,
    hardware: UnsafeCell<Hardware>,
    /// Whether it is ready for a job, and through with what it has.
    ready: AtomicBool,
    over: AtomicBool,
    readiness: AtomicWaker,
    interrupt: AtomicWaker,
}

// SAFETY: The hardware is the task's, and while the queue is parked, of
// the thread that has parked it, which loom checks.
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

    fn activity(&self) -> &kernel::sync::atomic::Atomic<u32> {
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
    fn with_hardware<R>(&self, f: impl FnOnce(&mut Hardware) -> R) -> R {
        // SAFETY: The caller is the task, or the thread that has parked the queue; loom checks that
        // nobody else is in the cell.
        self.hardware.with_mut(|h| f(unsafe { &mut *h }))
    }
}

/// The queue's task.
struct Task {
    shared: Arc<Shared>,
    waiting: WaitList<Job>,
    in_flight: bool,
    is_idle: bool,
    is_quiesced: bool,
}

/// What can be done with the first job that waits: see `rust/jobqueue/task.rs`.
#[derive(PartialEq)]
enum First {
    None,
    Waits,
    NotReady,
    Ready,
    Cancelled,
}

impl Task {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let ended = if self.is_idle && self.shared.is_inline() {
            self.poll_inline(cx);
            false
        } else {
            assert_eq!(
                COMMITTING.with(Cell::get),
                0,
                "a commit does a worker's work"
            );
            self.poll_in_worker(cx)
        };
        if ended {
            return Poll::Ready(());
        }
        let is_idle = self.waiting.is_empty() && !self.in_flight;
        if self.is_idle || is_idle {
            self.shared.set_idle(is_idle);
        }
        self.is_idle = is_idle;
        Poll::Pending
    }

    fn poll_inline(&mut self, cx: &mut Context<'_>) {
        self.shared.receive(&mut self.waiting);
        let number = self.waiting.first().map(|job| job.number());
        assert_eq!(
            number,
            Some(COMMITTING.with(Cell::get)),
            "not the committed job"
        );
        assert!(!self.in_flight, "something is in flight");
        match self.poll_first(Flags::OPEN, cx) {
            First::Ready => {
                self.start();
                if self.is_over(cx) || !self.waiting.is_empty() {
                    cx.waker().wake_by_ref();
                }
            }
            First::NotReady => {}
            _ => cx.waker().wake_by_ref(),
        }
    }

    fn poll_in_worker(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            if self.in_flight && self.is_over(cx) {
                self.in_flight = false;
                self.shared.with_hardware(|h| h.busy = false);
            }
            self.shared.receive(&mut self.waiting);
            let flags = self.shared.flags();
            match self.poll_first(flags, cx) {
                First::Ready => self.start(),
                First::Cancelled => {
                    let number = self.waiting.pop().unwrap().number();
                    self.shared.with_hardware(|h| h.numbers.push(number));
                }
                first if !self.in_flight && first != First::NotReady => {
                    if !self.is_quiesced {
                        self.is_quiesced = true;
                        self.shared.with_hardware(|h| h.held = false);
                    }
                    if flags.is_parked() {
                        self.shared.mark_parked();
                    }
                    let over = first == First::None && flags.is_closed() && self.shared.try_end();
                    return over;
                }
                _ => return false,
            }
        }
    }

    fn is_over(&self, cx: &mut Context<'_>) -> bool {
        self.shared.interrupt.register(cx);
        self.shared.over.load(Ordering::Acquire)
    }

    fn poll_first(&mut self, flags: Flags, cx: &mut Context<'_>) -> First {
        if self.waiting.is_empty() {
            return First::None;
        }
        if flags.is_closed() {
            return if self.in_flight {
                First::Waits
            } else {
                First::Cancelled
            };
        }
        if flags.is_parked() || self.in_flight {
            return First::Waits;
        }
        self.is_quiesced = false;
        self.shared.with_hardware(|h| h.held = true);
        self.shared.readiness.register(cx);
        if self.shared.ready.load(Ordering::Acquire) {
            First::Ready
        } else {
            First::NotReady
        }
    }

    fn start(&mut self) {
        let number = self.waiting.pop().unwrap().number();
        self.in_flight = true;
        self.shared.with_hardware(|h| {
            assert!(!h.busy && h.held);
            h.numbers.push(number);
            h.busy = true;
        });
    }
}

fn run(shared: Arc<Shared>) -> impl Future<Output = ()> {
    let mut task = Task {
        shared,
        waiting: WaitList::new(),
        in_flight: false,
        is_idle: true,
        is_quiesced: true,
    };
    poll_fn(move |cx| task.poll_next(cx))
}

/// A queue, as its users have it.
#[derive(Clone)]
struct Queue(Arc<(Arc<Shared>, JoinHandle<()>)>);

impl Queue {
    fn change(&self, set: u32, clear: u32) {
        self.0 .0.change(&self.0 .1, set, clear);
    }

    fn commit(&self) -> Option<u64> {
        let number = self.0 .0.commit(&self.0 .1, arm);
        COMMITTING.with(|c| c.set(0));
        number
    }

    /// The hardware is ready for jobs.
    fn get_ready(&self) {
        self.shared().ready.store(true, Ordering::Release);
        self.shared().readiness.wake();
    }

    /// The hardware is through with what it has.
    fn finish(&self) {
        self.shared().over.store(true, Ordering::Release);
        self.shared().interrupt.wake();
    }

    fn shared(&self) -> &Shared {
        &self.0 .0
    }
}

fn arm(last: &mut u64) -> (kernel::alloc::KBox<Job>, u64) {
    *last += 1;
    COMMITTING.with(|c| c.set(*last));
    (Job::new(*last), *last)
}

/// Runs `scene` with a queue, which it closes; it returns how many jobs were committed. The queue
/// ends then, and each of them has come to the task, in order, once.
fn queue_model(preemptions: usize, scene: impl Fn(&Queue) -> u64 + Send + Sync + 'static) {
    queue_model_with(preemptions, true, scene);
}

/// The same, with hardware that may not be ready at first.
fn queue_model_with(
    preemptions: usize,
    ready: bool,
    scene: impl Fn(&Queue) -> u64 + Send + Sync + 'static,
) {
    model(preemptions, move || {
        let executor = Executor::new(c"m").unwrap();
        let scope = executor.root().child(c"s").unwrap();
        let shared = Arc::new(Shared {
            flags: kernel::sync::atomic::Atomic::<u32>::new(0),
            activity: kernel::sync::atomic::Atomic::<u32>::new(IDLE),
            submit_list: SubmitList::new(),
            scope: scope.clone(),
            order: Mutex::new(0),
            hardware: UnsafeCell::new(Hardware::default()),
            ready: AtomicBool::new(ready),
            over: AtomicBool::new(false),
            readiness: AtomicWaker::new(),
            interrupt: AtomicWaker::new(),
        });
        let task = scope.spawn_idle(c"t", run(shared.clone())).unwrap();
        let queue = Queue(Arc::new((shared, task)));
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

/// H22: a job is committed while the queue is closed.
#[test]
fn close_against_commit() {
    queue_model(2, |queue| {
        let q = queue.clone();
        let other = thread::spawn(move || q.commit().is_some());
        queue.change(CLOSED, 0);
        assert!(queue.commit().is_none());
        u64::from(other.join().unwrap())
    });
}

/// H22, H35: the same, but it is the scope that is cancelled. With one preemption, as cancelling
/// takes many steps.
#[test]
fn cancel_against_commit() {
    queue_model(1, |queue| {
        let q = queue.clone();
        let other = thread::spawn(move || q.commit().is_some());
        queue.shared().scope.cancel();
        assert!(queue.commit().is_none());
        u64::from(other.join().unwrap())
    });
}

/// H19: two commit: both jobs come, in the order of the numbers that they were given. With one
/// preemption.
#[test]
fn commit_against_commit() {
    queue_model(1, |queue| {
        // So that the task has nothing else to do.
        queue.change(PARKED, 0);
        let q = queue.clone();
        let other = thread::spawn(move || q.commit().is_some());
        assert!(queue.commit().is_some() && other.join().unwrap());
        queue.change(CLOSED, 0);
        2
    });
}

/// H21, H37: a queue is parked while the hardware is given a job, and is through with it. Once it
/// is quiet the hardware is ours. With one preemption.
#[test]
fn park_against_commit() {
    queue_model(1, |queue| {
        let q = queue.clone();
        let other = thread::spawn(move || {
            assert!(q.commit().is_some());
            q.finish();
        });
        queue.change(PARKED, 0);
        block_on(parked(queue.shared())).unwrap().unwrap();
        queue
            .shared()
            .with_hardware(|h| assert!(!h.busy && !h.held, "the hardware has a job"));
        other.join().unwrap();
        queue.change(CLOSED, PARKED);
        1
    });
}

/// H21: what is done to the hardware while the queue is parked comes before whatever the task does
/// after that, though it looks by itself.
#[test]
fn unpark_against_wake() {
    queue_model(1, |queue| {
        queue.change(PARKED, 0);
        assert!(queue.commit().is_some());
        let q = queue.clone();
        let other = thread::spawn(move || q.0 .1.wake());
        block_on(parked(queue.shared())).unwrap().unwrap();
        queue
            .shared()
            .with_hardware(|h| assert!(!h.busy && h.numbers.is_empty()));
        queue.change(CLOSED, PARKED);
        other.join().unwrap();
        1
    });
}

/// H21, H1: it is unparked while somebody waits for it to be quiet, which it does not become: who
/// does not wait for ever. With one preemption.
#[test]
fn unpark_against_parked() {
    queue_model(1, |queue| {
        assert!(queue.commit().is_some());
        queue.change(PARKED, 0);
        let q = queue.clone();
        let other = thread::spawn(move || q.change(0, PARKED));
        block_on(parked(queue.shared())).unwrap().unwrap();
        other.join().unwrap();
        queue.change(CLOSED, 0);
        1
    });
}

/// H21, H1: it ends while somebody waits for it to be quiet.
#[test]
fn end_against_parked() {
    queue_model(2, |queue| {
        queue.change(PARKED, 0);
        let q = queue.clone();
        let other = thread::spawn(move || q.change(CLOSED, 0));
        block_on(parked(queue.shared())).unwrap().unwrap();
        other.join().unwrap();
        0
    });
}

/// H21, H37: parked again at once, it is quiet again only when the hardware has no job again. With
/// one preemption.
#[test]
fn park_again() {
    queue_model(1, |queue| {
        queue.change(PARKED, 0);
        block_on(parked(queue.shared())).unwrap().unwrap();
        assert!(queue.commit().is_some());
        queue.change(0, PARKED);
        queue.change(PARKED, 0);
        let q = queue.clone();
        let other = thread::spawn(move || q.finish());
        block_on(parked(queue.shared())).unwrap().unwrap();
        queue
            .shared()
            .with_hardware(|h| assert!(!h.busy && !h.held, "the hardware has a job"));
        other.join().unwrap();
        queue.change(CLOSED, 0);
        1
    });
}

/// A3: the queue is closed while the hardware is not ready for a job, and gets ready meanwhile. The
/// job runs or not, and either way what the hardware holds is given back. With one preemption.
#[test]
fn close_against_readiness() {
    queue_model_with(1, false, |queue| {
        assert!(queue.commit().is_some());
        let q = queue.clone();
        let other = thread::spawn(move || q.get_ready());
        queue.change(CLOSED, 0);
        other.join().unwrap();
        1
    });
}

/// A3, A1: the queue is parked while the hardware is not ready: once it is parked nothing is held.
#[test]
fn park_against_readiness() {
    queue_model_with(1, false, |queue| {
        assert!(queue.commit().is_some());
        let q = queue.clone();
        let other = thread::spawn(move || {
            q.get_ready();
            q.finish();
        });
        queue.change(PARKED, 0);
        block_on(parked(queue.shared())).unwrap().unwrap();
        queue
            .shared()
            .with_hardware(|h| assert!(!h.busy && !h.held, "the hardware has a job"));
        other.join().unwrap();
        queue.change(CLOSED, PARKED);
        1
    });
}

/// A3, H1: a job is over while the hardware is asked whether it is ready for the next one.
#[test]
fn completion_against_readiness() {
    queue_model_with(1, false, |queue| {
        assert!(queue.commit().is_some());
        let q = queue.clone();
        let other = thread::spawn(move || q.finish());
        queue.get_ready();
        assert!(queue.commit().is_some());
        other.join().unwrap();
        // Both run, or the second is cancelled: either way both are done with.
        queue.change(CLOSED, 0);
        2
    });
}

/// A4, R1: two commit to a queue that has nothing to do: a thread only ever submits its own job,
/// and only to hardware that has none.
#[test]
fn inline_against_commit() {
    queue_model_with(1, true, |queue| {
        queue.finish();
        let q = queue.clone();
        let other = thread::spawn(move || q.commit().is_some());
        assert!(queue.commit().is_some() && other.join().unwrap());
        queue.change(CLOSED, 0);
        2
    });
}
