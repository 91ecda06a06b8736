// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The machine for the model checker: work items and one worker thread per queue. Timers and
//! interrupts are not modelled.

#![expect(non_camel_case_types, reason = "C's names")]

use super::locks;
use crate::{
    bindings::{
        hrtimer_mode,
        hrtimer_restart,
        irq_handler_t,
        work_func_t, //
    },
    ffi::{
        c_int,
        c_void, //
    }, //
};
use std::{
    any::Any,
    cell::Cell,
    collections::HashMap,
    sync::Arc, //
};

std::thread_local! {
    /// The number of live objects of one model, as one real thread plays all threads of a model.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

loom::thread_local! {
    /// True if the thread, one of the model's, must not sleep.
    static ATOMIC: Cell<bool> = Cell::new(false);
}

/// A node in the list of what is left to a thread that may sleep.
struct Deferred {
    node: *mut c_void,
    /// The content of the node while it is in the list: the address of the one before, or null.
    next: *mut c_void,
    run: unsafe extern "C" fn(*mut c_void),
}

// SAFETY: Nodes are for any thread.
unsafe impl Send for Deferred {}

/// Returns the number of allocations that are alive.
pub fn live_allocations() -> usize {
    LIVE.with(Cell::get) as usize
}

pub(crate) fn may_allocate() -> Option<()> {
    Some(())
}

pub(crate) fn count_allocations(n: isize) {
    LIVE.with(|live| live.set(live.get() + n));
}

pub(crate) fn log(_line: String) {}

pub(crate) fn api_violation(what: &str) {
    panic!("{what}");
}

type Globals = std::sync::Mutex<HashMap<usize, Box<dyn Any + Send>>>;

loom::lazy_static! {
    /// Anew for each execution of a model.
    static ref GLOBALS: Globals = Globals::default();
    static ref DEFERRED: locks::Mutex<Vec<Deferred>> = locks::Mutex::new(Vec::new());
}

/// Returns the lock that is known by `key` in this execution.
pub(crate) fn global<T: Send + 'static>(key: usize, init: fn() -> T) -> Arc<locks::Mutex<T>> {
    let globals: &Globals = &GLOBALS;
    // Held without a point at which loom goes to another thread.
    let mut globals = globals.lock().unwrap();
    let global = globals
        .entry(key)
        .or_insert_with(|| Box::new(Arc::new(locks::Mutex::new(init()))));
    let global = global.downcast_ref::<Arc<locks::Mutex<T>>>();
    global.unwrap().clone()
}

pub(crate) fn thread_id() -> usize {
    1
}

pub(crate) fn section_begin() {}

pub(crate) fn section_end() {}

pub(crate) fn reap(_work: *mut work::work_struct, _close: work_func_t) {
    unreachable!("executors are not dropped inside of polls in the models");
}

/// Links a node as `llist_add()` does.
pub(crate) fn defer(node: *mut c_void, run: unsafe extern "C" fn(*mut c_void)) {
    let deferred: &locks::Mutex<Vec<Deferred>> = &DEFERRED;
    let mut deferred = deferred.lock().unwrap();
    let next = deferred
        .last()
        .map_or(core::ptr::null_mut(), |last| last.node);
    // SAFETY: The caller says that the node is valid and in no list.
    unsafe { node.cast::<*mut c_void>().write(next) };
    deferred.push(Deferred { node, next, run });
}

/// Returns whether the calling thread must not sleep.
pub(crate) fn is_atomic() -> bool {
    ATOMIC.with(Cell::get)
}

/// Calls `f` where the calling thread must not sleep, as with preemption disabled.
pub fn atomically<R>(f: impl FnOnce() -> R) -> R {
    ATOMIC.with(|atomic| atomic.set(true));
    let ret = f();
    ATOMIC.with(|atomic| atomic.set(false));
    ret
}

/// Runs what was left to a thread that may sleep.
pub fn run_reaped() {
    let deferred: &locks::Mutex<Vec<Deferred>> = &DEFERRED;
    let all = core::mem::take(&mut *deferred.lock().unwrap());
    for Deferred { node, next, run } in all.into_iter().rev() {
        // SAFETY: The node is valid until `run()` is called.
        let found = unsafe { node.cast::<*mut c_void>().read() };
        assert_eq!(found, next, "a node is in two lists");
        // SAFETY: Given to `defer()` with the node, called once.
        unsafe { run(node) };
    }
}

pub(crate) fn watch_modules(_going: Option<unsafe extern "C" fn(*const c_void)>) {
    unreachable!("modules are not modelled");
}

pub(crate) fn watch_stalls(_check: Option<unsafe extern "C" fn()>) {
    unreachable!("time is not modelled");
}

pub(crate) fn request_irq(_irq: u32, _handler: irq_handler_t, _dev: *mut c_void) -> c_int {
    unreachable!("interrupts are not modelled");
}

pub(crate) fn free_irq(_irq: u32, _dev: *mut c_void) {
    unreachable!("interrupts are not modelled");
}

/// Work items and queues.
pub(crate) mod work {
    use crate::{
        bindings::work_func_t,
        host::locks::{
            Condvar,
            Mutex, //
        },
        sync::atomic::{
            Atomic,
            Full,
            Relaxed, //
        }, //
    };
    use core::ptr::NonNull;
    use loom::thread;
    use std::collections::VecDeque;

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

    #[derive(Clone, Copy)]
    struct Item(NonNull<work_struct>);

    // SAFETY: Items move between threads by design.
    unsafe impl Send for Item {}

    #[derive(Default)]
    struct State {
        items: VecDeque<Item>,
        /// The worker runs an item.
        running: bool,
        destroyed: bool,
    }

    /// A queue. With one worker, so that no item runs twice at once.
    pub struct workqueue_struct {
        state: Mutex<State>,
        changed: Condvar,
        worker: Mutex<Option<thread::JoinHandle<()>>>,
    }

    #[derive(Clone, Copy)]
    struct Handle(NonNull<workqueue_struct>);

    // SAFETY: Queues are used from all threads.
    unsafe impl Send for Handle {}

    impl workqueue_struct {
        fn work(&self) {
            loop {
                let mut state = self.state.lock().unwrap();
                state.running = false;
                let item = loop {
                    if let Some(item) = state.items.pop_front() {
                        break item;
                    }
                    if state.destroyed {
                        return;
                    }
                    state = self.changed.wait(state).unwrap();
                };
                state.running = true;
                drop(state);
                // SAFETY: A queued item is valid until its function is called.
                let work = unsafe { item.0.as_ref() };
                let func = work.func;
                assert!(work.pending.xchg(false, Full));
                // SAFETY: Called once per pending mark.
                unsafe { func(item.0.as_ptr()) };
            }
        }
    }

    /// Makes a queue.
    pub(crate) fn alloc_workqueue() -> *mut workqueue_struct {
        let queue = Box::into_raw(Box::new(workqueue_struct {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            worker: Mutex::new(None),
        }));
        // SAFETY: Boxes are not null.
        let handle = Handle(unsafe { NonNull::new_unchecked(queue) });
        let worker = thread::spawn(move || {
            let handle = handle;
            // SAFETY: Queues are leaked.
            unsafe { handle.0.as_ref() }.work();
        });
        // SAFETY: Queues are leaked.
        *unsafe { &*queue }.worker.lock().unwrap() = Some(worker);
        queue
    }

    /// Queues an item unless it is pending already, and returns whether it did.
    ///
    /// # Safety
    ///
    /// Both must be valid, the item until it has run.
    pub(crate) unsafe fn queue_work(wq: *mut workqueue_struct, work: *mut work_struct) -> bool {
        // SAFETY: Queue and item are valid by the safety requirements.
        let (queue, item) = unsafe { (&*wq, &*work) };
        if item.pending.xchg(true, Full) {
            return false;
        }
        let mut state = queue.state.lock().unwrap();
        // While a queue is destroyed its own items may still queue some.
        let allowed = !state.destroyed || state.running;
        assert!(allowed, "wake onto a destroyed queue (H3)");
        state.items.push_back(Item(NonNull::from(item)));
        drop(state);
        queue.changed.notify_one();
        true
    }

    /// Runs what is still queued, waits for what is running, destroys the queue. It is leaked, so
    /// that a wake that comes later fails surely.
    ///
    /// # Safety
    ///
    /// The queue must be valid.
    pub unsafe fn destroy_workqueue(wq: *mut workqueue_struct) {
        // SAFETY: The queue is valid by the safety requirements.
        let queue = unsafe { &*wq };
        queue.state.lock().unwrap().destroyed = true;
        queue.changed.notify_all();
        let worker = queue.worker.lock().unwrap().take();
        worker.unwrap().join().unwrap();
        assert!(queue.state.lock().unwrap().items.is_empty());
    }
}

/// There are no timers here.
pub(crate) mod timer {
    use super::{
        c_int,
        hrtimer_mode,
        hrtimer_restart, //
    };

    /// A timer.
    pub struct hrtimer(());

    /// Returns the time.
    ///
    /// # Safety
    ///
    /// Can be called in any context.
    pub unsafe fn ktime_get() -> i64 {
        0
    }

    /// Initialises a timer.
    ///
    /// # Safety
    ///
    /// Not to be called.
    pub unsafe fn hrtimer_setup(
        _timer: *mut hrtimer,
        _function: Option<unsafe extern "C" fn(*mut hrtimer) -> hrtimer_restart>,
        _clock: c_int,
        _mode: hrtimer_mode,
    ) {
        unreachable!("timers are not modelled");
    }

    /// Starts a timer.
    ///
    /// # Safety
    ///
    /// Not to be called.
    pub unsafe fn hrtimer_start_range_ns(_: *mut hrtimer, _: i64, _: u64, _: hrtimer_mode) {
        unreachable!("timers are not modelled");
    }

    /// Stops a timer.
    ///
    /// # Safety
    ///
    /// Not to be called.
    pub unsafe fn hrtimer_cancel(_timer: *mut hrtimer) -> c_int {
        unreachable!("timers are not modelled");
    }
}

/// Returns whether tracepoints are on: never.
pub(crate) fn is_tracing() -> bool {
    false
}

/// Is called by no tracepoint.
pub(crate) fn traced(_call: &'static str) {
    unreachable!("a tracepoint that is off");
}
