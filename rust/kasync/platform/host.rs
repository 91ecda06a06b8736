// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The platform for tests on the host: a world with its own queues, clock, timers and allocation
//! count.
//!
//! A [`World`] is entered by a thread; everything that the crate does on that thread happens in it.
//! A *manual* world runs nothing until it is told to, in a fixed order; a *threaded* world has
//! worker threads and runs items as the kernel's workqueues do. Both have a clock that stands still
//! until [`World::advance`].

mod locks;
mod queue;
mod timer;
mod types;

use super::Platform;
use crate::{
    executor,
    scope::Scope,
    task::TaskInfo, //
};
use core::{
    alloc::Layout,
    ffi::CStr,
    fmt::{
        self,
        Write as _, //
    },
    ptr::NonNull, //
};
use queue::HostQueue;
use std::{
    alloc,
    boxed::Box,
    cell::{
        Cell,
        RefCell, //
    },
    string::{
        String,
        ToString, //
    },
    sync::{
        atomic::{
            AtomicI64,
            AtomicU64,
            AtomicUsize,
            Ordering, //
        },
        Condvar,
        Mutex,
        RwLock, //
    },
    time::Duration,
    vec::Vec, //
};

pub use locks::{
    HostLock,
    HostParker, //
};
pub use queue::HostWork;
pub use std::sync::Arc;
pub use timer::HostTimer;
pub use types::{
    code,
    Delta,
    Error,
    Instant, //
};

/// What [`World`] handles refer to.
struct WorldInner {
    threads: usize,
    queues: Mutex<Vec<Arc<HostQueue>>>,
    now: AtomicI64,
    timers: Mutex<Vec<timer::Entry>>,
    timer_idle: Condvar,
    live: AtomicUsize,
    fail_after: AtomicUsize,
    misuse: Mutex<Vec<String>>,
    warnings: Mutex<Vec<String>>,
    patience_ms: AtomicUsize,
    roots: Mutex<Vec<Scope>>,
    reaped: Mutex<Vec<Reaped>>,
}

/// Nothing needs to be remembered but the address.
pub struct HostReap(());

struct Reaped(NonNull<HostReap>);

// SAFETY: Executors are closed on any thread.
unsafe impl Send for Reaped {}

impl Drop for WorldInner {
    fn drop(&mut self) {
        // What is left are roots of leaked executors, which cannot be dropped outside of their
        // world.
        core::mem::forget(self.roots.get_mut().map(core::mem::take));
    }
}

/// A world; see the module.
#[derive(Clone)]
pub struct World(Arc<WorldInner>);

static NEXT_THREAD: AtomicU64 = AtomicU64::new(64);

std::thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
    static THREAD: u64 = NEXT_THREAD.fetch_add(64, Ordering::Relaxed);
    static IN_SECTION: Cell<usize> = const { Cell::new(0) };
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
        Self(Arc::new(WorldInner {
            threads,
            queues: Mutex::new(Vec::new()),
            now: AtomicI64::new(1),
            timers: Mutex::new(Vec::new()),
            timer_idle: Condvar::new(),
            live: AtomicUsize::new(0),
            fail_after: AtomicUsize::new(usize::MAX),
            misuse: Mutex::new(Vec::new()),
            warnings: Mutex::new(Vec::new()),
            patience_ms: AtomicUsize::new(10_000),
            roots: Mutex::new(Vec::new()),
            reaped: Mutex::new(Vec::new()),
        }))
    }

    /// A world in which nothing runs until [`World::run`] or [`World::step`].
    pub fn manual() -> Self {
        Self::new(0)
    }

    /// A world whose queues have `n` worker threads each.
    pub fn threaded(n: usize) -> Self {
        assert!(n > 0);
        Self::new(n)
    }

    /// Makes this the calling thread's world.
    pub fn enter(&self) -> Entered {
        Entered(WORLD.with(|w| w.borrow_mut().replace(self.clone())))
    }

    /// The calling thread's world.
    ///
    /// # Panics
    ///
    /// Panics if the thread has entered none.
    pub fn current() -> Self {
        WORLD
            .with(|w| w.borrow().clone())
            .expect("the thread has entered no World")
    }

    /// Manual worlds: runs one queued item, and says whether there was one.
    pub fn step(&self) -> bool {
        let queues = self.0.queues.lock().unwrap().clone();
        queues.iter().any(|q| q.run_one())
    }

    /// Manual worlds: runs items until none is queued, and returns how many those were.
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

    /// How many allocations of the crate are alive in this world.
    pub fn live_allocations(&self) -> usize {
        self.0.live.load(Ordering::SeqCst)
    }

    /// Lets the allocation after the next `n` fail, once.
    pub fn fail_allocation_after(&self, n: usize) {
        self.0.fail_after.store(n, Ordering::SeqCst);
    }

    /// The broken rules reported since the last call.
    pub fn take_misuse(&self) -> Vec<String> {
        core::mem::take(&mut *self.0.misuse.lock().unwrap())
    }

    /// The lines written to the log since the last call.
    pub fn take_warnings(&self) -> Vec<String> {
        core::mem::take(&mut *self.0.warnings.lock().unwrap())
    }

    /// After how many milliseconds a blocked thread of a threaded world says what it waits for.
    pub fn set_patience(&self, ms: usize) {
        self.0.patience_ms.store(ms, Ordering::SeqCst);
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.0.patience_ms.load(Ordering::SeqCst) as u64)
    }

    fn is_manual(&self) -> bool {
        self.0.threads == 0
    }

    /// Closes the executors that were dropped inside of polls, and returns how many those were.
    pub fn reap(&self) -> usize {
        let reaped = core::mem::take(&mut *self.0.reaped.lock().unwrap());
        for reap in &reaped {
            // SAFETY: Given to `reap()`, closed once.
            unsafe { executor::close(reap.0) };
        }
        reaped.len()
    }

    /// The table of all tasks, as debugfs shows it.
    pub fn tasks(&self) -> String {
        let mut table = String::new();
        TaskInfo::write_heading(&mut table).unwrap();
        for root in &*self.0.roots.lock().unwrap() {
            root.each_task(|task, scope| {
                writeln!(table, "{}", task.info(scope)).unwrap();
                true
            });
        }
        table
    }

    /// One look of the watch: the tasks that have been in the same state for `bound` looks now.
    pub fn stalled(&self, bound: u16) -> String {
        let mut table = String::new();
        for root in &*self.0.roots.lock().unwrap() {
            root.each_task(|task, scope| {
                // SAFETY: The tree is locked.
                if unsafe { task.watch(bound) } {
                    writeln!(table, "{}", task.info(scope)).unwrap();
                }
                true
            });
        }
        table
    }

    /// Whether the calling thread is inside a poll's signalling section.
    pub fn in_section() -> bool {
        IN_SECTION.with(Cell::get) > 0
    }
}

/// Puts a value into an `Arc`.
pub(crate) fn arc<T>(value: T) -> super::Result<Arc<T>> {
    Ok(Arc::new(value))
}

/// The host as platform.
pub struct Host;

/// Stands for the RCU read side: a reader is a gate section, a writer waits for them.
static GATE: RwLock<()> = RwLock::new(());

// SAFETY: See `queue` for the promises about work items; the rest is plain.
unsafe impl Platform for Host {
    type Queue = QueueHandle;
    type Work = HostWork;
    type RawLock = HostLock;
    type Parker = HostParker;
    type Reap = HostReap;
    type Timer = HostTimer;

    fn queue_new(_name: &'static CStr, _urgent: bool) -> super::Result<QueueHandle> {
        let world = World::current();
        let queue = HostQueue::new(&world, world.0.threads);
        world.0.queues.lock().unwrap().push(queue.clone());
        Ok(QueueHandle(Box::leak(Box::new(queue))))
    }

    unsafe fn queue_destroy(queue: QueueHandle) {
        queue.0.destroy();
        let world = World::current();
        let mut queues = world.0.queues.lock().unwrap();
        queues.retain(|q| !Arc::ptr_eq(q, queue.0));
        // The handle itself is leaked on purpose: a wake that comes too late finds `destroyed` set
        // and panics, instead of reading freed memory.
    }

    unsafe fn work_init(slot: *mut HostWork) {
        // SAFETY: Valid for writes by the safety requirements.
        unsafe { slot.write(HostWork::new()) }
    }

    unsafe fn enqueue(queue: QueueHandle, work: NonNull<HostWork>) -> bool {
        // SAFETY: By the safety requirements.
        unsafe { queue.0.enqueue(work) }
    }

    fn gate<R>(f: impl FnOnce() -> R) -> R {
        let _guard = GATE.read().unwrap();
        f()
    }

    fn synchronize() {
        drop(GATE.write().unwrap());
    }

    fn section<R>(f: impl FnOnce() -> R) -> R {
        IN_SECTION.with(|n| n.set(n.get() + 1));
        let ret = f();
        IN_SECTION.with(|n| n.set(n.get() - 1));
        ret
    }

    fn thread_id() -> u64 {
        THREAD.with(|t| *t)
    }

    fn blocking_thread_id() -> u64 {
        Self::thread_id()
    }

    fn preempt_disable() -> bool {
        true
    }

    fn preempt_enable() {}

    fn alloc(layout: Layout) -> Option<NonNull<u8>> {
        let world = World::current();
        let left = &world.0.fail_after;
        if left.load(Ordering::SeqCst) != usize::MAX && left.fetch_sub(1, Ordering::SeqCst) == 0 {
            left.store(usize::MAX, Ordering::SeqCst);
            return None;
        }
        world.0.live.fetch_add(1, Ordering::SeqCst);
        // SAFETY: Layouts of this crate's types are never empty.
        NonNull::new(unsafe { alloc::alloc(layout) })
    }

    unsafe fn free(ptr: NonNull<u8>, layout: Layout) {
        World::current().0.live.fetch_sub(1, Ordering::SeqCst);
        // SAFETY: By the safety requirements.
        unsafe { alloc::dealloc(ptr.as_ptr(), layout) }
    }

    fn now_ns() -> i64 {
        World::current().0.now.load(Ordering::SeqCst)
    }

    fn misuse(what: &'static CStr) {
        let what = what.to_str().unwrap().to_string();
        World::current().0.misuse.lock().unwrap().push(what);
    }

    unsafe fn reap(reap: NonNull<HostReap>) {
        let reaped = Reaped(reap);
        World::current().0.reaped.lock().unwrap().push(reaped);
    }

    unsafe fn is_pending(work: *const HostWork) -> bool {
        // SAFETY: Valid by the safety requirements.
        unsafe { &*work }.is_pending()
    }

    fn warn(line: fmt::Arguments<'_>) {
        let world = World::current();
        world.0.warnings.lock().unwrap().push(line.to_string());
    }

    fn register(root: &Scope) -> super::Result {
        World::current().0.roots.lock().unwrap().push(root.clone());
        Ok(())
    }

    fn unregister(root: &Scope) {
        let world = World::current();
        let mut roots = world.0.roots.lock().unwrap();
        roots.retain(|r| !r.is_same(root));
    }
}

/// A queue that outlives every user.
#[derive(Clone, Copy)]
pub struct QueueHandle(&'static Arc<HostQueue>);
