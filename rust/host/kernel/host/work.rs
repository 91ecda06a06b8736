// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Work items and queues with the kernel's semantics: one pending mark per item, cleared before the
//! item runs; an item never runs twice at once; it is not touched after its function was called.

use super::World;
use crate::{
    bindings::work_func_t,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    }, //
};
use core::ptr::NonNull;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        Condvar,
        Mutex, //
    },
    thread::{
        self,
        JoinHandle, //
    }, //
};

/// A work item.
#[repr(C)]
pub struct work_struct {
    pending: Atomic<bool>,
    func: work_func_t,
}

impl work_struct {
    pub(crate) fn new(func: work_func_t) -> Self {
        Self {
            pending: Atomic::new(false),
            func,
        }
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.pending.load(Relaxed)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Item(NonNull<work_struct>);

// SAFETY: Items move between threads by design.
unsafe impl Send for Item {}

#[derive(Default)]
struct State {
    queued: VecDeque<Item>,
    running: Vec<Item>,
    destroyed: bool,
}

pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

/// A work queue: a handle that is leaked when the queue is destroyed, so that a wake that comes too
/// late finds that out and panics, instead of reading freed memory.
#[expect(non_camel_case_types, reason = "C's name")]
pub struct workqueue_struct(Arc<Queue>);

/// Makes a queue in the calling thread's world.
pub(crate) fn alloc_workqueue() -> *mut workqueue_struct {
    let world = World::current();
    let queue = Queue::new(&world, world.threads());
    world.add_queue(queue.clone());
    Box::into_raw(Box::new(workqueue_struct(queue)))
}

/// Queues an item unless it is pending already, and returns whether it did.
///
/// # Safety
///
/// Both must be valid, the item until it has run.
pub(crate) unsafe fn queue_work(wq: *mut workqueue_struct, work: *mut work_struct) -> bool {
    // SAFETY: The queue is valid, and the item until it has run, by the safety requirements.
    unsafe { (*wq).0.enqueue(NonNull::new_unchecked(work)) }
}

/// Runs the queued items, waits for the running ones, and destroys the queue.
///
/// # Safety
///
/// The queue must be valid. Only its own items may queue further items.
pub unsafe fn destroy_workqueue(wq: *mut workqueue_struct) {
    // SAFETY: The queue is valid by the safety requirements.
    let queue = unsafe { &(*wq).0 };
    queue.destroy();
    World::current().remove_queue(queue);
}

impl Queue {
    fn new(world: &World, threads: usize) -> Arc<Self> {
        let queue = Arc::new(Self {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            workers: Mutex::new(Vec::new()),
        });
        let workers = (0..threads).map(|_| {
            let (queue, world) = (queue.clone(), world.clone());
            thread::spawn(move || {
                let _world = world.enter();
                queue.work();
            })
        });
        queue.workers.lock().unwrap().extend(workers);
        queue
    }

    /// # Safety
    ///
    /// See [`queue_work`].
    unsafe fn enqueue(&self, work: NonNull<work_struct>) -> bool {
        // SAFETY: By the safety requirements the item is valid.
        if unsafe { work.as_ref() }.pending.xchg(true, Full) {
            return false;
        }
        let mut state = self.state.lock().unwrap();
        // While a queue is destroyed its own items may still queue some.
        let by_item = !state.running.is_empty();
        assert!(
            !state.destroyed || by_item,
            "wake onto a destroyed queue (H3)"
        );
        state.queued.push_back(Item(work));
        drop(state);
        self.changed.notify_one();
        true
    }

    /// Takes the first item that is not running and marks it as running.
    fn take(state: &mut State) -> Option<Item> {
        let i = state
            .queued
            .iter()
            .position(|item| !state.running.contains(item))?;
        let item = state.queued.remove(i)?;
        state.running.push(item);
        Some(item)
    }

    fn execute(&self, item: Item) {
        // SAFETY: A queued item is valid until its function is called.
        let func = unsafe {
            item.0.as_ref().pending.xchg(false, Full);
            item.0.as_ref().func
        };
        // SAFETY: Called once per pending mark.
        unsafe { func(item.0.as_ptr()) };
        self.state.lock().unwrap().running.retain(|i| *i != item);
        self.changed.notify_all();
    }

    pub(super) fn run_one(&self) -> bool {
        let item = Self::take(&mut self.state.lock().unwrap());
        item.map(|item| self.execute(item)).is_some()
    }

    fn work(&self) {
        loop {
            let mut state = self.state.lock().unwrap();
            let item = loop {
                match Self::take(&mut state) {
                    Some(item) => break item,
                    None if state.destroyed => return,
                    None => state = self.changed.wait(state).unwrap(),
                }
            };
            drop(state);
            self.execute(item);
        }
    }

    fn destroy(&self) {
        let workers = core::mem::take(&mut *self.workers.lock().unwrap());
        if workers.is_empty() {
            while self.run_one() {}
        }
        self.state.lock().unwrap().destroyed = true;
        self.changed.notify_all();
        for worker in workers {
            worker.join().unwrap();
        }
        assert!(self.state.lock().unwrap().queued.is_empty());
    }
}
