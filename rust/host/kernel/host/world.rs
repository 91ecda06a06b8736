// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A machine with its own queues, clock, timers, globals and count of allocations.
//!
//! A [`World`] is entered by a thread; everything that the crates do on that thread happens in it.
//! A *manual* world runs nothing until it is told to, in a fixed order; a *threaded* world has
//! worker threads and runs items as the kernel's workqueues do. Both have a clock that stands still
//! until [`World::advance`].

use super::{
    locks,
    timer,
    work::Queue,
    Module, //
};
use crate::{
    bindings::{
        irq_handler_t,
        irqreturn,
        work_func_t,
        work_struct, //
    },
    ffi::{
        c_int,
        c_void, //
    },
    time::Delta, //
};
use std::{
    any::Any,
    cell::{
        Cell,
        RefCell, //
    },
    collections::HashMap,
    sync::{
        atomic::{
            AtomicI64,
            AtomicIsize,
            AtomicUsize,
            Ordering, //
        },
        Arc,
        Condvar,
        Mutex,
        MutexGuard, //
    },
    time::Duration, //
};

type Going = unsafe extern "C" fn(*const c_void);
type Check = unsafe extern "C" fn();

/// The state that handles of a [`World`] share.
struct Inner {
    threads: usize,
    queues: Mutex<Vec<Arc<Queue>>>,
    now: AtomicI64,
    timers: Mutex<Vec<timer::Entry>>,
    timer_idle: Condvar,
    live: AtomicIsize,
    fail_after: AtomicUsize,
    violations: Mutex<Vec<String>>,
    log: Mutex<Vec<String>>,
    traces: Mutex<Option<Vec<&'static str>>>,
    limit_ms: AtomicUsize,
    globals: Mutex<HashMap<usize, Box<dyn Any + Send>>>,
    reaped: Mutex<Vec<Reaped>>,
    going: Mutex<Option<Going>>,
    check: Mutex<Option<Check>>,
    irqs: Mutex<Vec<Irq>>,
}

/// A call that is deferred to a thread that may block: a function and its argument.
enum Reaped {
    Work(*mut work_struct, work_func_t),
    Deferred(*mut c_void, unsafe extern "C" fn(*mut c_void)),
}

// SAFETY: Both are for any thread.
unsafe impl Send for Reaped {}

#[derive(Clone, Copy)]
struct Irq {
    irq: u32,
    handler: unsafe extern "C" fn(c_int, *mut c_void) -> irqreturn,
    dev: *mut c_void,
}

// SAFETY: Interrupts come on any processor.
unsafe impl Send for Irq {}

impl Drop for Inner {
    fn drop(&mut self) {
        // What is left is of leaked executors, which cannot be dropped outside of their world.
        core::mem::forget(self.globals.get_mut().map(core::mem::take));
    }
}

/// A world; see the module.
#[derive(Clone)]
pub struct World(Arc<Inner>);

static NEXT_THREAD: AtomicUsize = AtomicUsize::new(64);

std::thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
    static THREAD: usize = NEXT_THREAD.fetch_add(64, Ordering::Relaxed);
    static IN_SECTION: Cell<usize> = const { Cell::new(0) };
    static ATOMIC: Cell<bool> = const { Cell::new(false) };
}

/// Leaves the world when dropped.
pub struct Entered(Option<World>);

impl Drop for Entered {
    fn drop(&mut self) {
        let old = self.0.take();
        WORLD.with(|w| *w.borrow_mut() = old);
    }
}

impl World {
    fn new(threads: usize) -> Self {
        Self(Arc::new(Inner {
            threads,
            queues: Mutex::new(Vec::new()),
            now: AtomicI64::new(1),
            timers: Mutex::new(Vec::new()),
            timer_idle: Condvar::new(),
            live: AtomicIsize::new(0),
            fail_after: AtomicUsize::new(usize::MAX),
            violations: Mutex::new(Vec::new()),
            log: Mutex::new(Vec::new()),
            traces: Mutex::new(None),
            limit_ms: AtomicUsize::new(10_000),
            globals: Mutex::new(HashMap::new()),
            reaped: Mutex::new(Vec::new()),
            going: Mutex::new(None),
            check: Mutex::new(None),
            irqs: Mutex::new(Vec::new()),
        }))
    }

    /// Returns a world in which nothing runs until [`World::run`] or [`World::step`].
    pub fn manual() -> Self {
        Self::new(0)
    }

    /// Returns a world whose queues have `n` worker threads each.
    pub fn threaded(n: usize) -> Self {
        assert!(n > 0);
        Self::new(n)
    }

    /// Makes this the calling thread's world.
    pub fn enter(&self) -> Entered {
        Entered(WORLD.with(|w| w.borrow_mut().replace(self.clone())))
    }

    /// Returns the calling thread's world.
    ///
    /// # Panics
    ///
    /// Panics if the thread has entered none.
    pub fn current() -> Self {
        WORLD
            .with(|w| w.borrow().clone())
            .expect("the thread has entered no World")
    }

    /// Runs one queued item of a manual world, and returns whether there was one.
    pub fn step(&self) -> bool {
        let queues = self.0.queues.lock().unwrap().clone();
        queues.iter().any(|q| q.run_one())
    }

    /// Runs items of a manual world until none is queued, and returns their number.
    pub fn run(&self) -> usize {
        let mut n = 0;
        while self.step() {
            n += 1;
            assert!(n < 10_000_000, "the queue never becomes empty");
        }
        n
    }

    /// Moves the clock and fires the timers that expire, on this thread, in order of expiry.
    pub fn advance(&self, d: Delta) {
        timer::advance(self, d.as_nanos());
    }

    /// Raises an interrupt, and returns the number of handlers that took it.
    pub fn raise_irq(&self, irq: u32) -> usize {
        let irqs = self.0.irqs.lock().unwrap().clone();
        irqs.iter()
            .filter(|i| i.irq == irq)
            // SAFETY: Requested with this handler and its data.
            .filter(|i| unsafe { (i.handler)(irq as c_int, i.dev) } == irqreturn::IRQ_HANDLED)
            .count()
    }

    /// Returns the number of allocations that are alive.
    pub fn live_allocations(&self) -> usize {
        self.0.live.load(Ordering::SeqCst) as usize
    }

    /// Lets the allocation after the next `n` fail, once.
    pub fn fail_allocation_after(&self, n: usize) {
        self.0.fail_after.store(n, Ordering::SeqCst);
    }

    /// Returns the broken rules of an API that were reported since the last call.
    pub fn take_api_violations(&self) -> Vec<String> {
        core::mem::take(&mut *self.0.violations.lock().unwrap())
    }

    /// Returns the lines written to the log since the last call.
    pub fn take_log(&self) -> Vec<String> {
        core::mem::take(&mut *self.0.log.lock().unwrap())
    }

    /// Turns the tracepoints on.
    pub fn trace(&self) {
        *self.0.traces.lock().unwrap() = Some(Vec::new());
    }

    /// Returns the names of the C functions that tracepoints have called since the last call.
    pub fn take_traces(&self) -> Vec<&'static str> {
        let mut traces = self.0.traces.lock().unwrap();
        traces.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// Sets the time limit of waits that have one in a threaded world, in milliseconds.
    pub fn set_limit(&self, ms: usize) {
        self.0.limit_ms.store(ms, Ordering::SeqCst);
    }

    /// Runs what was left to the thread that may block, and returns the number of items.
    pub fn reap(&self) -> usize {
        let reaped = core::mem::take(&mut *self.0.reaped.lock().unwrap());
        for reaped in &reaped {
            // SAFETY: Given to `kasync_reap()` or `kasync_defer()`, run once.
            unsafe {
                match reaped {
                    Reaped::Work(work, close) => close(*work),
                    Reaped::Deferred(node, run) => run(*node),
                }
            }
        }
        reaped.len()
    }

    /// Calls `f` where the calling thread must not sleep, as with preemption disabled.
    pub fn atomically<R>(f: impl FnOnce() -> R) -> R {
        ATOMIC.with(|atomic| atomic.set(true));
        let ret = f();
        ATOMIC.with(|atomic| atomic.set(false));
        ret
    }

    /// Runs the check for stalled tasks once, if it was started.
    pub fn check_for_stalls(&self) {
        let check = *self.0.check.lock().unwrap();
        if let Some(check) = check {
            // SAFETY: The watch has not been stopped.
            unsafe { check() };
        }
    }

    /// Tells the watch over modules that this one goes.
    pub fn module_goes(&self, module: &Module) {
        let going = *self.0.going.lock().unwrap();
        if let Some(going) = going {
            // SAFETY: The watch has not been stopped, and the module is valid.
            unsafe { going(core::ptr::from_ref(module).cast()) };
        }
    }

    /// Returns whether the calling thread is inside a signalling section.
    pub fn in_section() -> bool {
        IN_SECTION.with(Cell::get) > 0
    }

    pub(super) fn limit(&self) -> Duration {
        Duration::from_millis(self.0.limit_ms.load(Ordering::SeqCst) as u64)
    }

    pub(super) fn is_manual(&self) -> bool {
        self.0.threads == 0
    }

    pub(super) fn threads(&self) -> usize {
        self.0.threads
    }

    pub(super) fn add_queue(&self, queue: Arc<Queue>) {
        self.0.queues.lock().unwrap().push(queue);
    }

    pub(super) fn remove_queue(&self, queue: &Arc<Queue>) {
        self.0
            .queues
            .lock()
            .unwrap()
            .retain(|q| !Arc::ptr_eq(q, queue));
    }

    pub(super) fn now(&self) -> i64 {
        self.0.now.load(Ordering::SeqCst)
    }

    pub(super) fn set_now(&self, at: i64) {
        self.0.now.fetch_max(at, Ordering::SeqCst);
    }

    pub(super) fn timers(&self) -> MutexGuard<'_, Vec<timer::Entry>> {
        self.0.timers.lock().unwrap()
    }

    pub(super) fn wait_for_timers<'a>(
        &self,
        timers: MutexGuard<'a, Vec<timer::Entry>>,
    ) -> MutexGuard<'a, Vec<timer::Entry>> {
        self.0.timer_idle.wait(timers).unwrap()
    }

    pub(super) fn timers_changed(&self) {
        self.0.timer_idle.notify_all();
    }
}

pub(crate) fn log(line: String) {
    World::current().0.log.lock().unwrap().push(line);
}

pub(crate) fn api_violation(what: &str) {
    let world = World::current();
    world.0.violations.lock().unwrap().push(what.to_string());
}

/// Returns whether an allocation succeeds.
pub(crate) fn may_allocate() -> Option<()> {
    let world = World::current();
    let left = &world.0.fail_after;
    if left.load(Ordering::SeqCst) != usize::MAX && left.fetch_sub(1, Ordering::SeqCst) == 0 {
        left.store(usize::MAX, Ordering::SeqCst);
        return None;
    }
    Some(())
}

pub(crate) fn count_allocations(n: isize) {
    World::current().0.live.fetch_add(n, Ordering::SeqCst);
}

/// Returns the lock that is known by `key` in this world.
pub(crate) fn global<T: Send + 'static>(key: usize, init: fn() -> T) -> Arc<locks::Mutex<T>> {
    let world = World::current();
    let mut globals = world.0.globals.lock().unwrap();
    let global = globals
        .entry(key)
        .or_insert_with(|| Box::new(Arc::new(Mutex::new(init()))));
    global.downcast_ref::<Arc<Mutex<T>>>().unwrap().clone()
}

pub(crate) fn thread_id() -> usize {
    THREAD.with(|t| *t)
}

pub(crate) fn section_begin() {
    IN_SECTION.with(|n| n.set(n.get() + 1));
}

pub(crate) fn section_end() {
    IN_SECTION.with(|n| n.set(n.get() - 1));
}

pub(crate) fn reap(work: *mut work_struct, close: work_func_t) {
    let world = World::current();
    let reaped = Reaped::Work(work, close);
    world.0.reaped.lock().unwrap().push(reaped);
}

pub(crate) fn defer(node: *mut c_void, run: unsafe extern "C" fn(*mut c_void)) {
    let world = World::current();
    let reaped = Reaped::Deferred(node, run);
    world.0.reaped.lock().unwrap().push(reaped);
}

/// Returns whether the calling thread must not sleep.
pub(crate) fn is_atomic() -> bool {
    ATOMIC.with(Cell::get)
}

pub(crate) fn run_reaped() {
    World::current().reap();
}

pub(crate) fn watch_modules(going: Option<Going>) {
    *World::current().0.going.lock().unwrap() = going;
}

pub(crate) fn watch_stalls(check: Option<Check>) {
    *World::current().0.check.lock().unwrap() = check;
}

pub(crate) fn request_irq(irq: u32, handler: irq_handler_t, dev: *mut c_void) -> c_int {
    let handler = handler.expect("an interrupt without a handler");
    let world = World::current();
    world.0.irqs.lock().unwrap().push(Irq { irq, handler, dev });
    0
}

pub(crate) fn free_irq(irq: u32, dev: *mut c_void) {
    let world = World::current();
    let mut irqs = world.0.irqs.lock().unwrap();
    irqs.retain(|i| i.irq != irq || i.dev != dev);
}

/// Returns whether the thread's world has its tracepoints on.
pub(crate) fn is_tracing() -> bool {
    WORLD.with(|world| {
        let world = world.borrow();
        world
            .as_ref()
            .is_some_and(|world| world.0.traces.lock().unwrap().is_some())
    })
}

/// Notes the name of a C function that a tracepoint has called.
pub(crate) fn traced(call: &'static str) {
    if let Some(traces) = &mut *World::current().0.traces.lock().unwrap() {
        traces.push(call);
    }
}
