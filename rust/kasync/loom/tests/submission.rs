// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of submission to a queue, and of its end: `rust/jobqueue/submission.rs` itself, with the
//! executor's core below it. Each names the hazards that it covers.

use kasync::block_on;
use loom::thread;

#[path = "../../../jobqueue/activity.rs"]
mod activity;
mod queue;
#[path = "../../../jobqueue/submission.rs"]
mod submission;
#[path = "../../../jobqueue/submit_list.rs"]
mod submit_list;
mod world;

pub(crate) use world::{
    waits, //
};

use queue::{
    queue_model,
    queue_model_pausing,
    queue_model_with, //
};
use submission::{
    parked,
    CLOSED,
    PARKED, //
};

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

/// H22: a job is committed and the queue closed while the task is being polled, after it has
/// received jobs and before it reads the flags. It does not end before it has received this job.
#[test]
fn close_against_poll() {
    queue_model_pausing(1, |queue| {
        queue.change(0, 0);
        let q = queue.clone();
        let other = thread::spawn(move || {
            let jobs = u64::from(q.commit().is_some());
            q.change(CLOSED, 0);
            jobs
        });
        other.join().unwrap()
    });
}

/// H22: a job is committed, and the last handle goes, while the task looks at the queue: it ends
/// when it has had the job.
#[test]
fn last_handle_against_poll() {
    queue_model_pausing(2, |queue| {
        queue.change(0, 0);
        let jobs = u64::from(queue.commit().is_some());
        queue.drop_handle();
        jobs
    });
}

/// B17: the last handle is dropped, without the lock, while the task records that a parked queue
/// has nothing in flight: neither change of the flags is lost.
#[test]
fn last_handle_against_parked() {
    queue_model(2, |queue| {
        queue.change(PARKED, 0);
        queue.drop_handle();
        0
    });
}

/// H22, H35: a job is committed while the queue's scope is cancelled. With one preemption, as
/// cancelling takes many steps.
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
        let other = thread::spawn(move || q.wake());
        block_on(parked(queue.shared())).unwrap().unwrap();
        queue
            .shared()
            .with_hardware(|h| assert!(!h.busy && h.numbers.is_empty()));
        queue.change(CLOSED, PARKED);
        other.join().unwrap();
        1
    });
}

/// H21, H1: it is unparked while a thread waits for it to be quiet, which it does not become: the
/// thread does not wait for ever. With one preemption.
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

/// H21, H1: the task ends while a thread waits for the queue to be parked.
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

/// A3, H1: the queue is closed while a job is committed, and the hardware is not ready, nor gets
/// ready: nothing but the close wakes the task.
#[test]
fn close_while_not_ready() {
    queue_model_with(2, false, |queue| {
        let q = queue.clone();
        let other = thread::spawn(move || q.commit().is_some());
        queue.change(CLOSED, 0);
        u64::from(other.join().unwrap())
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

/// H1: two commit at once, and only the first wakes the task, or polls it: it hears of both jobs.
#[test]
fn first_of_two_wakes() {
    queue_model_with(1, true, |queue| {
        queue.finish();
        let q = queue.clone();
        let other = thread::spawn(move || q.commit().is_some());
        assert!(queue.commit().is_some() && other.join().unwrap());
        queue.wait_started(2);
        queue.change(CLOSED, 0);
        2
    });
}

/// H1: a job is committed behind one that waits, while that one can go on. Nothing wakes the task
/// for the second job, or the task has just looked at the first one: it gets both. With one
/// preemption.
#[test]
fn commit_behind_waiting() {
    queue_model_with(1, false, |queue| {
        assert!(queue.commit().is_some());
        let q = queue.clone();
        let other = thread::spawn(move || {
            q.finish();
            q.get_ready();
        });
        assert!(queue.commit().is_some());
        queue.wait_started(2);
        other.join().unwrap();
        queue.change(CLOSED, 0);
        2
    });
}

/// H22: the last handle is dropped with a job behind one that waits: both are cancelled.
#[test]
fn last_handle_behind_waiting() {
    queue_model_with(2, false, |queue| {
        assert!(queue.commit().is_some() && queue.commit().is_some());
        queue.drop_handle();
        2
    });
}
