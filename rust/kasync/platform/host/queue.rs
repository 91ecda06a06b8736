// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Work items and queues with the kernel's semantics: one pending mark per item, cleared before the
//! item runs; an item never runs twice at once; it is not touched after its function was called.

use super::World;
use crate::task;
use core::ptr::NonNull;
use std::{
    collections::VecDeque,
    sync::{
        atomic::{
            AtomicBool,
            Ordering, //
        },
        Arc,
        Condvar,
        Mutex, //
    },
    thread::{
        self,
        JoinHandle, //
    },
    vec::Vec, //
};

/// A work item.
#[repr(C)]
pub struct HostWork {
    pending: AtomicBool,
}

impl HostWork {
    pub(super) fn new() -> Self {
        Self {
            pending: AtomicBool::new(false),
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Relaxed)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Item(NonNull<HostWork>);

// SAFETY: Items move between threads by design.
unsafe impl Send for Item {}

#[derive(Default)]
struct State {
    queued: VecDeque<Item>,
    running: Vec<Item>,
    destroyed: bool,
}

/// A queue.
pub struct HostQueue {
    state: Mutex<State>,
    changed: Condvar,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

impl HostQueue {
    pub(super) fn new(world: &World, threads: usize) -> Arc<Self> {
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

    /// See [`crate::platform::Platform::enqueue`].
    ///
    /// # Safety
    ///
    /// The same.
    pub(super) unsafe fn enqueue(&self, work: NonNull<HostWork>) -> bool {
        // SAFETY: Valid by the safety requirements.
        if unsafe { work.as_ref() }
            .pending
            .swap(true, Ordering::SeqCst)
        {
            return false;
        }
        let mut state = self.state.lock().unwrap();
        assert!(!state.destroyed, "wake onto a destroyed queue (H3)");
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
        // SAFETY: A queued item is valid until it has run.
        unsafe { item.0.as_ref() }
            .pending
            .swap(false, Ordering::SeqCst);
        // SAFETY: Only tasks' items are queued, once per pending mark.
        unsafe { task::run(item.0) };
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

    pub(super) fn destroy(&self) {
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
