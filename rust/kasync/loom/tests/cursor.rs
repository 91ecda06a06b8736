// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of a ring's cursor: how jobs come to the queue's task in order, how their memory comes
//! back, and how the task hears of those that the hardware has done with.
//! `rust/jobqueue/submit_list.rs` itself, and the asahi driver's `ring.rs`. Each names the hazards
//! that it covers.

use kasync::{
    block_on,
    sync::AtomicWaker, //
};
use loom::{
    cell::UnsafeCell,
    sync::{
        atomic::{
            AtomicU32,
            Ordering, //
        },
        Arc, //
    },
    thread, //
};
use std::{
    future::poll_fn,
    task::Poll, //
};

mod world;

#[path = "../../../../drivers/gpu/drm/asahi/firmware/ring.rs"]
mod ring;
#[path = "../../../jobqueue/submit_list.rs"]
mod submit_list;

use ring::{
    Consumer,
    Producer, //
};
use submit_list::{
    Fifo,
    Link,
    NodeCache,
    SubmitList,
    WaitList,
    Walk, //
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

/// Moves the jobs from the submit list to `jobs`, and appends their numbers to `got`.
fn take(list: &SubmitList<Job>, jobs: &mut Fifo<Job>, got: &mut Vec<u64>) {
    if !list.is_empty() {
        list.take(jobs);
    }
    while let Some(job) = jobs.pop() {
        got.push(job.number());
    }
}

/// H1, H19: two threads put jobs in while the task takes them out. Each comes once, those of one
/// thread in its order, and none after the last wake.
#[test]
fn put_against_take() {
    model(2, || {
        let shared = Arc::new((SubmitList::<Job>::new(), AtomicWaker::new()));
        let threads = [[1, 2].as_slice(), &[11]].map(|numbers| {
            let shared = shared.clone();
            thread::spawn(move || {
                for &number in numbers {
                    shared.0.put(Job::new(number));
                    shared.1.wake();
                }
            })
        });
        let (mut jobs, mut got) = (Fifo::new(), Vec::new());
        block_on(poll_fn(|cx| {
            shared.1.register(cx);
            take(&shared.0, &mut jobs, &mut got);
            match got.len() {
                3 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        }))
        .unwrap();
        threads.map(|t| t.join().unwrap());
        let at = |n| got.iter().position(|&g| g == n).unwrap();
        assert!(at(1) < at(2), "out of order: {got:?}");
        assert!(at(11) < 3);
    });
}

/// H19: what was taken before comes before what is taken later.
#[test]
fn take_behind_others() {
    model(2, || {
        let list = Arc::new(SubmitList::<Job>::new());
        list.put(Job::new(1));
        list.put(Job::new(2));
        let i = list.clone();
        let other = thread::spawn(move || i.put(Job::new(3)));
        let mut jobs = Fifo::new();
        list.take(&mut jobs);
        other.join().unwrap();
        list.take(&mut jobs);
        assert_eq!(jobs.len(), 3);
        for number in 1..=3 {
            assert_eq!(jobs.first().map(|job| job.number()), Some(number));
            drop(jobs.pop());
        }
        assert!(jobs.is_empty() && jobs.pop().is_none());
    });
}

/// H1: a job is added while the task defers those behind the one that it has. It is in the list
/// in any case, and the deferral ends when the list is taken.
#[test]
fn defer_against_put() {
    model(2, || {
        let list = Arc::new(SubmitList::<Job>::new());
        let i = list.clone();
        let other = thread::spawn(move || i.put(Job::new(1)));
        list.defer();
        let wakes = other.join().unwrap();
        let mut jobs = Fifo::new();
        list.take(&mut jobs);
        assert_eq!(jobs.len(), 1, "{wakes}");
        assert!(list.put(Job::new(2)), "nothing defers it");
    });
}

/// H1: a list that was taken defers nothing, also if it had no job.
#[test]
fn take_ends_deferral() {
    model(2, || {
        let list = SubmitList::<Job>::new();
        assert!(list.put(Job::new(1)));
        list.take(&mut Fifo::new());
        list.defer();
        assert!(list.is_empty() && !list.put(Job::new(2)));
        list.take(&mut Fifo::new());
        list.defer();
        list.take(&mut Fifo::new());
        assert!(list.put(Job::new(3)));
    });
}

/// H18: jobs that are not taken are dropped with the submit list, and taken ones with the list.
#[test]
fn put_against_drop() {
    model(2, || {
        let list = Arc::new(SubmitList::<Job>::new());
        let i = list.clone();
        let other = thread::spawn(move || i.put(Job::new(1)));
        let mut jobs = Fifo::new();
        list.take(&mut jobs);
        drop(list);
        other.join().unwrap();
    });
}

/// Memory of a completed job is reused by at most one of two threads that prepare jobs, and not
/// before the task has finished with it.
#[test]
fn spare_memory() {
    model(2, || {
        let cache = Arc::new(NodeCache::<UnsafeCell<u32>>::new());
        let takers = [(); 2].map(|()| {
            let cache = cache.clone();
            thread::spawn(move || {
                if let Some(memory) = cache.take() {
                    // SAFETY: It is ours alone, which loom checks.
                    memory.with_mut(|m| unsafe { *m += 1 });
                    drop(memory);
                }
            })
        });
        for _ in 0..2 {
            let memory = world::boxed(UnsafeCell::new(0));
            // SAFETY: The memory is new, and this thread's alone, which loom checks.
            memory.with_mut(|m| unsafe { *m = 1 });
            cache.put(memory);
        }
        takers.map(|t| t.join().unwrap());
    });
}

/// A ring of the firmware's, in memory that both see, and its interrupt.
struct Memory {
    entries: [UnsafeCell<u64>; 2],
    write: AtomicU32,
    read: AtomicU32,
    interrupt: AtomicWaker,
}

// SAFETY: Entries belong to the producer or to the consumer, as the indices say, which loom checks.
unsafe impl Sync for Memory {}
// SAFETY: Nothing in it belongs to a thread.
unsafe impl Send for Memory {}

/// H1, H10, H19: the firmware writes more messages than its ring has room for, and interrupts; the
/// task registers, looks, reads, and moves its index. All arrive, in order, and no entry is written
/// before it was read.
#[test]
fn ring_against_firmware() {
    const SIZE: u32 = 2;
    model(2, || {
        let memory = Arc::new(Memory {
            entries: [0, 0].map(UnsafeCell::new),
            write: AtomicU32::new(0),
            read: AtomicU32::new(0),
            interrupt: AtomicWaker::new(),
        });
        let m = memory.clone();
        let firmware = thread::spawn(move || {
            let mut producer = Producer::new(SIZE);
            for message in 1..=2 {
                while producer.room(m.read.load(Ordering::Acquire)) == Ok(0) {
                    thread::yield_now();
                }
                let at = producer.index() as usize;
                // SAFETY: There is room, so it is ours.
                m.entries[at].with_mut(|e| unsafe { *e = message });
                let write = producer.advance();
                m.write.store(write, Ordering::Release);
                m.interrupt.wake();
            }
        });
        let (mut consumer, mut got) = (Consumer::new(SIZE), Vec::new());
        block_on(poll_fn(|cx| {
            memory.interrupt.register(cx);
            while let Ok(Some(at)) = consumer.next(memory.write.load(Ordering::Acquire)) {
                // SAFETY: It was written, so it is ours.
                got.push(memory.entries[at as usize].with(|e| unsafe { *e }));
                memory.read.store(consumer.advance(), Ordering::Release);
            }
            match got.len() {
                2 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        }))
        .unwrap();
        firmware.join().unwrap();
        assert_eq!(got, [1, 2]);
    });
}

/// Each cursor of a list goes on where it was, whatever was taken out or added meanwhile, and
/// wherever the other one is.
#[test]
fn cursor_of_a_list() {
    model(1, || {
        let mut jobs = WaitList::new();
        for number in 1..=4 {
            jobs.push(Job::new(number));
        }
        let walk = |jobs: &mut WaitList<Job>, walk| jobs.advance(walk).map(|job| job.number());
        let next = |jobs: &mut WaitList<Job>| walk(jobs, Walk::Deadline);
        assert_eq!(walk(&mut jobs, Walk::Discard), Some(1));
        assert_eq!((next(&mut jobs), next(&mut jobs)), (Some(1), Some(2)));
        // One before the cursor goes, and the one at the cursor.
        assert!(jobs.pop().is_some() && jobs.pop().is_some());
        assert_eq!((next(&mut jobs), next(&mut jobs)), (Some(3), Some(4)));
        assert_eq!(next(&mut jobs), None);
        jobs.push(Job::new(5));
        assert_eq!((next(&mut jobs), next(&mut jobs)), (Some(5), None));
        jobs.rewind(Walk::Deadline);
        assert_eq!(next(&mut jobs), Some(3));
        assert_eq!(walk(&mut jobs, Walk::Discard), Some(3));
    });
}
