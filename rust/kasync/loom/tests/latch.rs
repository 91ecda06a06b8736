// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of who may put a job into a queue, and of its end: `rust/jobqueue/latch.rs` itself, with the executor's core below it, and a task that
//! asks in the order in which the queue's task does. Each names the hazards that it covers.

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
    future::{
        poll_fn,
        Future, //
    },
    ops::DerefMut,
    task::Poll, //
};

mod world;
pub(crate) use world::{
    sync,
    waits, //
};

#[path = "../../../jobqueue/inbox.rs"]
mod inbox;
#[path = "../../../jobqueue/latch.rs"]
mod latch;

use inbox::{
    Fifo,
    Inbox,
    Link, //
};
use latch::{
    quiet,
    Gate,
    Latch,
    CLOSED,
    PARKED, //
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

/// What jobs become, and the hardware.
#[derive(Default)]
struct Hardware {
    /// It has a job.
    busy: bool,
    /// Of the jobs that it has had, and of those that were cancelled.
    numbers: Vec<u64>,
}

struct Shared {
    flags: sync::Atomic<u32>,
    inbox: Inbox<Job>,
    scope: Scope,
    /// The order is the number of the last job.
    gate: Mutex<Gate<u64>>,
    hardware: UnsafeCell<Hardware>,
    /// Whether it is through with what it has.
    over: AtomicBool,
    interrupt: AtomicWaker,
}

// SAFETY: The hardware is the task's, and while the queue is parked and quiet, of who has parked it, which loom checks.
unsafe impl Sync for Shared {}
// SAFETY: As above.
unsafe impl Send for Shared {}

impl Latch for Shared {
    type Order = u64;
    type Node = Job;

    fn gate(&self) -> impl DerefMut<Target = Gate<u64>> {
        self.gate.lock().unwrap()
    }

    fn flags(&self) -> &sync::Atomic<u32> {
        &self.flags
    }

    fn inbox(&self) -> &Inbox<Job> {
        &self.inbox
    }

    fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl Shared {
    fn with_hardware<R>(&self, f: impl FnOnce(&mut Hardware) -> R) -> R {
        // SAFETY: As above.
        self.hardware.with_mut(|h| f(unsafe { &mut *h }))
    }
}

/// The queue's task.
fn run(shared: Arc<Shared>) -> impl Future<Output = ()> {
    let (mut waiting, mut flying) = (Fifo::new(), false);
    poll_fn(move |cx| loop {
        if flying {
            shared.interrupt.register(cx);
            if shared.over.load(Ordering::Acquire) {
                flying = false;
                shared.with_hardware(|h| h.busy = false);
            }
        }
        let seen = shared.look();
        shared.receive(&mut waiting);
        if seen.is_parked() && !flying {
            shared.settle();
        }
        if waiting.is_empty() && !flying && seen.is_closed() && shared.is_over() {
            shared.end();
            return Poll::Ready(());
        }
        if flying || waiting.is_empty() || seen.is_parked() && !seen.is_closed() {
            return Poll::Pending;
        }
        let number = waiting.pop().unwrap().number();
        flying = !seen.is_closed();
        shared.with_hardware(|h| {
            h.numbers.push(number);
            h.busy = flying;
        });
    })
}

/// A queue, as its users have it.
#[derive(Clone)]
struct Queue(Arc<(Arc<Shared>, JoinHandle<()>)>);

impl Queue {
    fn change(&self, set: u32, clear: u32) {
        self.0 .0.change(&self.0 .1, set, clear);
    }

    fn commit(&self) -> Option<u64> {
        self.0 .0.commit(&self.0 .1, arm)
    }

    fn commit_admitted(&self) -> u64 {
        self.0 .0.commit_admitted(&self.0 .1, arm)
    }

    fn withdraw(&self) {
        self.0 .0.withdraw(&self.0 .1);
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

fn arm(last: &mut u64) -> (sync::Box<Job>, u64) {
    *last += 1;
    (Job::new(*last), *last)
}

/// Runs `scene` with a queue, which it closes; it returns how many jobs were committed. The queue ends then, and each of them has come to the
/// task, in order, once.
fn queue_model(preemptions: usize, scene: impl Fn(&Queue) -> u64 + Send + Sync + 'static) {
    model(preemptions, move || {
        let executor = Executor::new(c"m").unwrap();
        let scope = executor.root().child(c"s").unwrap();
        let shared = Arc::new(Shared {
            flags: sync::Atomic::<u32>::new(0),
            inbox: Inbox::new(),
            scope: scope.clone(),
            gate: Mutex::new(Gate::new(0)),
            hardware: UnsafeCell::new(Hardware::default()),
            over: AtomicBool::new(false),
            interrupt: AtomicWaker::new(),
        });
        let task = scope.spawn(c"t", run(shared.clone())).unwrap();
        let queue = Queue(Arc::new((shared, task)));
        let jobs = scene(&queue);
        queue.finish();
        scope.join_blocking().unwrap();
        let numbers = queue
            .shared()
            .with_hardware(|h| std::mem::take(&mut h.numbers));
        assert_eq!(numbers, Vec::from_iter(1..=jobs), "lost, or out of order");
        assert!(queue.shared().inbox.is_empty(), "committed after the end");
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

/// H22, H35: the same, but it is the scope that is cancelled. With one preemption, as cancelling takes many steps.
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

/// H19: two commit: both jobs come, in the order of the numbers that they were given. With one preemption.
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

/// H22: a job that was admitted is committed after the queue was closed: it does not end before.
#[test]
fn close_against_admitted() {
    queue_model(2, |queue| {
        assert!(queue.shared().admit());
        let q = queue.clone();
        let other = thread::spawn(move || q.commit_admitted());
        queue.change(CLOSED, 0);
        assert_eq!(other.join().unwrap(), 1);
        assert!(!queue.shared().admit());
        1
    });
}

/// H22, H1: of a queue that is closed, what was admitted is withdrawn at last. It ends then.
#[test]
fn close_against_withdrawn() {
    queue_model(2, |queue| {
        let q = queue.clone();
        let other = thread::spawn(move || {
            if q.shared().admit() {
                q.withdraw();
            }
        });
        queue.change(CLOSED, 0);
        other.join().unwrap();
        0
    });
}

/// H21, H37: a queue is parked while the hardware is given a job, and is through with it. Once it is quiet the hardware is ours. With one
/// preemption.
#[test]
fn park_against_commit() {
    queue_model(1, |queue| {
        let q = queue.clone();
        let other = thread::spawn(move || {
            assert!(q.commit().is_some());
            q.finish();
        });
        queue.change(PARKED, 0);
        block_on(quiet(queue.shared())).unwrap().unwrap();
        queue
            .shared()
            .with_hardware(|h| assert!(!h.busy, "the hardware has a job"));
        other.join().unwrap();
        queue.change(CLOSED, PARKED);
        1
    });
}

/// H21: what is done to the hardware while the queue is parked comes before whatever the task does after that, though it looks by itself.
#[test]
fn unpark_against_wake() {
    queue_model(2, |queue| {
        queue.change(PARKED, 0);
        assert!(queue.commit().is_some());
        let q = queue.clone();
        let other = thread::spawn(move || q.0 .1.wake());
        block_on(quiet(queue.shared())).unwrap().unwrap();
        queue
            .shared()
            .with_hardware(|h| assert!(!h.busy && h.numbers.is_empty()));
        queue.change(CLOSED, PARKED);
        other.join().unwrap();
        1
    });
}

/// H21, H1: it is unparked while somebody waits for it to be quiet, which it does not become: who does not wait for ever. With one
/// preemption.
#[test]
fn unpark_against_quiet() {
    queue_model(1, |queue| {
        assert!(queue.commit().is_some());
        queue.change(PARKED, 0);
        let q = queue.clone();
        let other = thread::spawn(move || q.change(0, PARKED));
        block_on(quiet(queue.shared())).unwrap().unwrap();
        other.join().unwrap();
        queue.change(CLOSED, 0);
        1
    });
}

/// H21, H1: it ends while somebody waits for it to be quiet.
#[test]
fn end_against_quiet() {
    queue_model(2, |queue| {
        queue.change(PARKED, 0);
        let q = queue.clone();
        let other = thread::spawn(move || q.change(CLOSED, 0));
        block_on(quiet(queue.shared())).unwrap().unwrap();
        other.join().unwrap();
        0
    });
}

/// H21, H37: parked again at once, it is quiet again only when the hardware has no job again. With one preemption.
#[test]
fn park_again() {
    queue_model(1, |queue| {
        queue.change(PARKED, 0);
        block_on(quiet(queue.shared())).unwrap().unwrap();
        assert!(queue.commit().is_some());
        queue.change(0, PARKED);
        queue.change(PARKED, 0);
        let q = queue.clone();
        let other = thread::spawn(move || q.finish());
        block_on(quiet(queue.shared())).unwrap().unwrap();
        queue
            .shared()
            .with_hardware(|h| assert!(!h.busy, "the hardware has a job"));
        other.join().unwrap();
        queue.change(CLOSED, 0);
        1
    });
}
