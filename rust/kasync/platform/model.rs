// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The platform for the model checker: work items, one worker thread per queue, locks, the grace
//! period and parked threads, each from what loom can explore. Timers are not modelled.

use super::{
    Parker,
    Platform,
    RawLock,
    Timer, //
};
use crate::{
    scope::Scope,
    task, //
};
use core::{
    alloc::Layout,
    cell::Cell,
    ffi::CStr,
    fmt,
    ptr::NonNull, //
};
use loom::{
    sync::{
        atomic::{
            AtomicBool,
            Ordering, //
        },
        Condvar,
        Mutex,
        MutexGuard,
        RwLock, //
    },
    thread, //
};
use std::{
    alloc,
    collections::VecDeque, //
};

#[path = "host/types.rs"]
mod types;

pub use std::sync::Arc;
pub use types::{
    code,
    Delta,
    Error,
    Instant, //
};

/// Puts a value into an `Arc`.
pub(crate) fn arc<T>(value: T) -> super::Result<Arc<T>> {
    Ok(Arc::new(value))
}

std::thread_local! {
    /// All threads of a model are played by one real thread, so this counts for one model.
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

/// How many allocations of the crate are alive.
pub fn live_allocations() -> usize {
    LIVE.with(Cell::get)
}

loom::lazy_static! {
    static ref GATE: RwLock<()> = RwLock::new(());
}

/// A work item.
pub struct ModelWork {
    pending: AtomicBool,
}

#[derive(Clone, Copy)]
struct Item(NonNull<ModelWork>);

// SAFETY: Items move between threads by design.
unsafe impl Send for Item {}

#[derive(Default)]
struct QueueState {
    items: VecDeque<Item>,
    destroyed: bool,
}

/// A queue. With one worker, so that no item runs twice at once.
pub struct ModelQueue {
    state: Mutex<QueueState>,
    changed: Condvar,
    worker: Mutex<Option<thread::JoinHandle<()>>>,
}

impl ModelQueue {
    fn work(&self) {
        loop {
            let mut state = self.state.lock().unwrap();
            let item = loop {
                if let Some(item) = state.items.pop_front() {
                    break item;
                }
                if state.destroyed {
                    return;
                }
                state = self.changed.wait(state).unwrap();
            };
            drop(state);
            // SAFETY: A queued item is valid until it has run.
            let work = unsafe { item.0.as_ref() };
            assert!(work.pending.swap(false, Ordering::SeqCst));
            // SAFETY: Only tasks' items are queued, once per pending mark.
            unsafe { task::run(item.0) };
        }
    }
}

/// A handle of a queue; the queue is freed when it is destroyed.
#[derive(Clone, Copy)]
pub struct QueueHandle(NonNull<ModelQueue>);

// SAFETY: Queues are used from all threads.
unsafe impl Send for QueueHandle {}
// SAFETY: As above.
unsafe impl Sync for QueueHandle {}

/// The model as platform.
pub struct Host;

// SAFETY: As each item says, with what loom gives.
unsafe impl Platform for Host {
    type Queue = QueueHandle;
    type Work = ModelWork;
    type RawLock = ModelLock;
    type Parker = ModelParker;
    type Reap = ();
    type Timer = NoTimer;

    fn queue_new(_name: &'static CStr, _urgent: bool) -> super::Result<QueueHandle> {
        let queue = std::boxed::Box::new(ModelQueue {
            state: Mutex::new(QueueState::default()),
            changed: Condvar::new(),
            worker: Mutex::new(None),
        });
        let handle = QueueHandle(NonNull::from(std::boxed::Box::leak(queue)));
        let worker = thread::spawn(move || {
            let handle = handle;
            // SAFETY: Freed only after this thread was joined.
            unsafe { handle.0.as_ref() }.work();
        });
        // SAFETY: As above.
        let queue = unsafe { handle.0.as_ref() };
        *queue.worker.lock().unwrap() = Some(worker);
        Ok(handle)
    }

    unsafe fn queue_destroy(handle: QueueHandle) {
        // SAFETY: Not yet freed.
        let queue = unsafe { handle.0.as_ref() };
        queue.state.lock().unwrap().destroyed = true;
        queue.changed.notify_all();
        let worker = queue.worker.lock().unwrap().take();
        worker.unwrap().join().unwrap();
        // A wake that comes later uses freed memory: poison it, and leak, to fail surely.
        assert!(queue.state.lock().unwrap().items.is_empty());
        queue.state.lock().unwrap().destroyed = true;
    }

    unsafe fn work_init(slot: *mut ModelWork) {
        let pending = AtomicBool::new(false);
        // SAFETY: Valid for writes by the safety requirements.
        unsafe { slot.write(ModelWork { pending }) }
    }

    unsafe fn enqueue(handle: QueueHandle, work: NonNull<ModelWork>) -> bool {
        // SAFETY: Valid by the safety requirements.
        let (queue, work_ref) = unsafe { (handle.0.as_ref(), work.as_ref()) };
        if work_ref.pending.swap(true, Ordering::SeqCst) {
            return false;
        }
        let mut state = queue.state.lock().unwrap();
        assert!(!state.destroyed, "wake onto a destroyed queue (H3)");
        state.items.push_back(Item(work));
        drop(state);
        queue.changed.notify_one();
        true
    }

    fn gate<R>(f: impl FnOnce() -> R) -> R {
        let _guard = GATE.read().unwrap();
        f()
    }

    fn synchronize() {
        drop(GATE.write().unwrap());
    }

    fn section<R>(f: impl FnOnce() -> R) -> R {
        f()
    }

    fn thread_id() -> u64 {
        1
    }

    unsafe fn reap(_reap: NonNull<()>) {
        unreachable!("executors are not dropped inside of polls in the models");
    }

    fn blocking_thread_id() -> u64 {
        1
    }

    fn preempt_disable() -> bool {
        true
    }

    fn preempt_enable() {}

    fn alloc(layout: Layout) -> Option<NonNull<u8>> {
        LIVE.with(|n| n.set(n.get() + 1));
        // SAFETY: Layouts of this crate's types are never empty.
        NonNull::new(unsafe { alloc::alloc(layout) })
    }

    unsafe fn free(ptr: NonNull<u8>, layout: Layout) {
        LIVE.with(|n| n.set(n.get() - 1));
        // SAFETY: By the safety requirements.
        unsafe { alloc::dealloc(ptr.as_ptr(), layout) }
    }

    fn now_ns() -> i64 {
        0
    }

    fn misuse(what: &'static CStr) {
        panic!("{what:?}");
    }

    unsafe fn is_pending(work: *const ModelWork) -> bool {
        // SAFETY: Valid by the safety requirements.
        unsafe { &*work }.pending.load(Ordering::Relaxed)
    }

    fn warn(_line: fmt::Arguments<'_>) {}

    fn register(_root: &Scope) -> super::Result {
        Ok(())
    }

    fn unregister(_root: &Scope) {}
}

/// A leaf lock.
pub struct ModelLock(Mutex<()>);

impl RawLock for ModelLock {
    type Flags = MutexGuard<'static, ()>;

    fn new() -> Self {
        Self(Mutex::new(()))
    }

    fn lock(&self) -> MutexGuard<'static, ()> {
        let guard = self.0.lock().unwrap();
        // SAFETY: The guard goes back to `unlock()` of the same lock while that is borrowed.
        unsafe { core::mem::transmute(guard) }
    }

    unsafe fn unlock(&self, guard: MutexGuard<'static, ()>) {
        drop(guard);
    }
}

/// Parks a thread.
pub struct ModelParker {
    permits: Mutex<usize>,
    changed: Condvar,
}

impl Parker for ModelParker {
    unsafe fn init(slot: *mut Self) {
        let new = Self {
            permits: Mutex::new(0),
            changed: Condvar::new(),
        };
        // SAFETY: Valid for writes by the safety requirements.
        unsafe { slot.write(new) }
    }

    fn park(&self) -> bool {
        let mut permits = self.permits.lock().unwrap();
        while *permits == 0 {
            permits = self.changed.wait(permits).unwrap();
        }
        *permits -= 1;
        true
    }

    fn unpark(&self) {
        *self.permits.lock().unwrap() += 1;
        self.changed.notify_one();
    }
}

/// There are no timers here.
pub struct NoTimer;

impl Timer for NoTimer {
    fn new() -> Self {
        Self
    }

    unsafe fn arm(_: *mut Self, _: i64, _: unsafe fn(*const ()), _: *const ()) {
        unreachable!("timers are not modelled");
    }

    unsafe fn disarm(_: *mut Self) {}
}
