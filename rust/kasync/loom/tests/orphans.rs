// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of a context of fences, its two ends and its orphans: `rust/dma_fence/context.rs` and
//! `evidence.rs` themselves. Each names the hazards that it covers.

use kasync::SignallingSection;
use kernel::error::Error;
use loom::{
    cell::UnsafeCell,
    sync::{
        atomic::{
            AtomicPtr,
            Ordering, //
        },
        Arc,
        Mutex, //
    },
    thread, //
};
use std::{
    cell::RefCell,
    ptr::NonNull, //
};

#[path = "../../../dma_fence/context.rs"]
mod context;
#[path = "../../../dma_fence/evidence.rs"]
mod evidence;
mod world;

mod deadline {
    use crate::{
        own::log,
        Log, //
    };
    use loom::sync::Arc;

    /// What goes with the context.
    pub(crate) struct Deadlines(Arc<Log>);

    impl Deadlines {
        pub(crate) fn new() -> Self {
            Self(log())
        }

        /// Is called while the context is needed.
        pub(crate) fn assert_alive(&self) {
            // SAFETY: Not written before the context goes, which loom checks.
            assert!(self.0.alive.with(|alive| unsafe { *alive }));
        }
    }

    impl Drop for Deadlines {
        fn drop(&mut self) {
            // SAFETY: Nobody needs the context any more, which loom checks.
            self.0.alive.with_mut(|alive| unsafe { *alive = false });
        }
    }
}

mod names {
    pub struct Names;
    pub struct TimelineNames;

    impl Names {
        pub(crate) fn copied(&self) -> kernel::error::Result<&'static TimelineNames> {
            Ok(&TimelineNames)
        }
    }
}

mod set {
    use crate::fence::Fence;
    use kernel::error::Result;
    use std::task::{
        Context,
        Poll, //
    };

    /// Dependencies that have signalled, or have not.
    pub struct FenceSet(pub(crate) bool);

    impl FenceSet {
        pub fn test_signaled(&self) -> bool {
            self.0
        }

        pub fn poll_all(&mut self, _: &mut Context<'_>) -> Poll<Result> {
            unreachable!("not part of the models")
        }
    }
}

mod fence {
    use std::ptr::NonNull;

    pub struct Fence;
    pub struct ARef<T>(NonNull<T>);

    impl Fence {
        pub(crate) unsafe fn from_raw(fence: NonNull<Fence>) -> ARef<Fence> {
            ARef(fence)
        }
    }
}

/// Fences that note what becomes of them.
mod own {
    use crate::{
        context::{
            FenceContext,
            Timeline, //
        },
        world::boxed,
        Log,
        LOG, //
    };
    use loom::{
        cell::UnsafeCell,
        sync::Arc, //
    };
    use std::{
        ffi::CStr,
        ptr::{
            self,
            NonNull, //
        }, //
    };

    pub(crate) struct OwnFence {
        log: Arc<Log>,
        context: *const FenceContext,
        id: (Timeline, u64),
        next: *mut OwnFence,
        /// Written by its owner, at last when it signals or is lost.
        owned: UnsafeCell<()>,
    }

    pub(crate) fn log() -> Arc<Log> {
        LOG.with(|log| log.borrow().clone().unwrap())
    }

    pub(crate) fn new_timeline() -> Timeline {
        let log = log();
        let mut next = log.timelines.lock().unwrap();
        *next += 1;
        Timeline::of(*next)
    }

    pub(crate) fn alloc() -> kernel::error::Result<NonNull<OwnFence>> {
        let own = Box::new(OwnFence {
            log: log(),
            context: ptr::null(),
            id: (Timeline::of(0), 0),
            next: ptr::null_mut(),
            owned: UnsafeCell::new(()),
        });
        Ok(NonNull::new(Box::into_raw(own)).unwrap())
    }

    pub(crate) unsafe fn free(fence: NonNull<OwnFence>) {
        // SAFETY: From `alloc`, by the safety requirements of the real one.
        drop(unsafe { Box::from_raw(fence.as_ptr()) });
    }

    pub(crate) unsafe fn free_context(context: NonNull<FenceContext>) {
        // SAFETY: From a box, by the safety requirements of the real one.
        drop(unsafe { kernel::alloc::KBox::from_raw(context.as_ptr()) });
    }

    pub(crate) unsafe fn arm(
        mut fence: NonNull<OwnFence>,
        context: &FenceContext,
        timeline: Timeline,
        seqno: u64,
    ) {
        // SAFETY: The memory is the caller's.
        let fence = unsafe { fence.as_mut() };
        fence.context = context;
        fence.id = (timeline, seqno);
    }

    fn end(fence: NonNull<OwnFence>, f: impl FnOnce(&OwnFence)) {
        // SAFETY: The reference is the last, and the memory from `alloc`.
        let own = unsafe { Box::from_raw(fence.as_ptr()) };
        own.owned.with_mut(|_| ());
        f(&own);
    }

    pub(crate) unsafe fn finish(fence: NonNull<OwnFence>, error: i32) {
        end(fence, |own| {
            own.log.signalled.lock().unwrap().push((own.id.1, error));
        });
    }

    pub(crate) unsafe fn lose(fence: NonNull<OwnFence>) {
        // SAFETY: Valid, and the caller's.
        let own = unsafe { &mut *fence.as_ptr() };
        own.owned.with_mut(|_| ());
        own.context = ptr::null();
        // It goes when the scene is over.
        own.log.lost.lock().unwrap().push(fence.as_ptr() as usize);
    }

    pub(crate) unsafe fn context(fence: NonNull<OwnFence>) -> *const FenceContext {
        // SAFETY: Valid, and the caller's.
        unsafe { (*fence.as_ptr()).owned.with_mut(|_| ()) };
        // SAFETY: Valid, and the caller's.
        unsafe { (*fence.as_ptr()).context }
    }

    pub(crate) unsafe fn id(fence: NonNull<OwnFence>) -> (Timeline, u64) {
        // SAFETY: Valid, and the caller's.
        unsafe { (*fence.as_ptr()).id }
    }

    pub(crate) unsafe fn next(fence: NonNull<OwnFence>) -> *mut *mut OwnFence {
        // SAFETY: Valid, and the caller's.
        unsafe { (*fence.as_ptr()).owned.with_mut(|_| ()) };
        // SAFETY: Valid, and the caller's.
        unsafe { &raw mut (*fence.as_ptr()).next }
    }

    pub(crate) fn get_module() {
        *log().modules.lock().unwrap() += 1;
    }

    pub(crate) unsafe fn put_module() {
        *log().modules.lock().unwrap() -= 1;
    }

    pub(crate) fn api_violation(_: &'static CStr) {
        *log().violations.lock().unwrap() += 1;
    }

    pub(crate) fn warn_orphaned(context: &FenceContext, _: u64) {
        context.deadlines().assert_alive();
    }

    pub(crate) fn warn_out_of_order(_: &FenceContext, _: u64) {}

    pub(crate) fn warn_left_behind(context: &FenceContext) {
        let log = log();
        let context = context as *const FenceContext as usize;
        let before = log.left.lock().unwrap().replace(context);
        assert!(before.is_none(), "left behind twice");
    }

    pub(crate) fn warn_lost(_: &FenceContext, _: u64) {}

    /// Frees a fence that was lost, and returns its number.
    pub(crate) fn bury(fence: usize) -> u64 {
        let mut seqno = 0;
        end(NonNull::new(fence as *mut OwnFence).unwrap(), |own| {
            assert!(own.context.is_null());
            seqno = own.id.1;
        });
        seqno
    }
}

use context::{
    FenceContext,
    FenceEmitter,
    FenceReservation,
    FenceSignaller,
    HwDone,
    InFlightFence,
    PendingFence,
    RingStopped, //
};
use names::Names;
use set::FenceSet;

/// What is left when contexts and their fences have gone.
struct Log {
    /// The last context is there.
    alive: UnsafeCell<bool>,
    /// Numbers and errors of what has signalled, in order.
    signalled: Mutex<Vec<(u64, i32)>>,
    /// Addresses of what will never signal.
    lost: Mutex<Vec<usize>>,
    /// The address of a context that was left behind.
    left: Mutex<Option<usize>>,
    /// How often the module is pinned.
    modules: Mutex<usize>,
    violations: Mutex<usize>,
    timelines: Mutex<u64>,
}

// SAFETY: `alive` is read where the context is needed, and written when it goes, which has to come
// after: loom checks that.
unsafe impl Sync for Log {}
// SAFETY: Nothing in it belongs to a thread.
unsafe impl Send for Log {}

std::thread_local! {
    /// All threads of a model are played by one real thread.
    static LOG: RefCell<Option<Arc<Log>>> = const { RefCell::new(None) };
}

/// Runs a scene with a new log.
fn model(preemptions: usize, scene: impl Fn(Arc<Log>) + Sync + Send + 'static) {
    world::model(preemptions, move || {
        let log = Arc::new(Log {
            alive: UnsafeCell::new(true),
            signalled: Mutex::new(Vec::new()),
            lost: Mutex::new(Vec::new()),
            left: Mutex::new(None),
            modules: Mutex::new(0),
            violations: Mutex::new(0),
            timelines: Mutex::new(0),
        });
        LOG.set(Some(log.clone()));
        scene(log);
        LOG.set(None);
    });
}

static NAMES: Names = Names;

fn context() -> (FenceEmitter, FenceSignaller) {
    FenceContext::new(&NAMES).unwrap()
}

fn pending(emitter: &mut FenceEmitter) -> PendingFence {
    let dependencies = FenceSet(true);
    emitter
        .arm(FenceReservation::new().unwrap(), dependencies)
        .1
}

fn arm(emitter: &mut FenceEmitter) -> InFlightFence {
    pending(emitter).submitted()
}

fn section() -> SignallingSection<'static> {
    // SAFETY: There are no sections in the model.
    unsafe { SignallingSection::witness() }
}

fn complete(signaller: &mut FenceSignaller, fence: InFlightFence) {
    // SAFETY: There is no hardware in the model.
    let done = unsafe { HwDone::new(signaller.timeline(), Ok(())) };
    signaller.complete(fence, done, &section());
}

fn drain(signaller: &mut FenceSignaller, error: i32) -> usize {
    // SAFETY: There is no hardware in the model.
    let stopped = unsafe { RingStopped::new(signaller.timeline()) };
    signaller.drain_orphans(&stopped, Error::from_errno(error), &section())
}

impl Log {
    fn signalled(&self) -> Vec<(u64, i32)> {
        self.signalled.lock().unwrap().clone()
    }

    /// Frees what will never signal, and returns the numbers, in order.
    fn lost(&self) -> Vec<u64> {
        let lost = std::mem::take(&mut *self.lost.lock().unwrap());
        let mut lost: Vec<_> = lost.into_iter().map(own::bury).collect();
        lost.sort();
        lost
    }

    /// Returns whether the context was left behind; if so it goes now.
    fn was_left(&self) -> bool {
        let Some(context) = self.left.lock().unwrap().take() else {
            return false;
        };
        assert_eq!(self.modules(), 1, "left behind without the module");
        // SAFETY: The address is that of the context, which nobody uses any more.
        unsafe { FenceContext::free(NonNull::new(context as *mut FenceContext).unwrap()) };
        true
    }

    fn modules(&self) -> usize {
        *self.modules.lock().unwrap()
    }

    fn violations(&self) -> usize {
        *self.violations.lock().unwrap()
    }
}

/// H17, H18, H19: two fences are dropped while orphans are drained: each signals once, none before
/// it was dropped, and in order.
#[test]
fn drop_against_drain() {
    model(3, |log| {
        let (mut emitter, mut signaller) = context();
        let [first, second] = [(); 2].map(|()| arm(&mut emitter));
        let others = [first, second].map(|fence| thread::spawn(move || drop(fence)));
        let left = drain(&mut signaller, -5);
        let signalled = log.signalled().len();
        assert!(signalled + left <= 2);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(drain(&mut signaller, -6), 0);
        let signalled_late = log.signalled();
        for (i, &(seqno, error)) in signalled_late.iter().enumerate() {
            assert_eq!(seqno, i as u64 + 1, "out of order");
            assert_eq!(error, if i < signalled { -5 } else { -6 });
        }
        assert_eq!(signalled_late.len(), 2);
        drop((emitter, signaller));
        assert!(!log.was_left());
        assert_eq!(log.modules(), 0);
    });
}

/// H19: the second comes while the first is dropped, so it is orphaned as well, or the first was
/// drained.
#[test]
fn drop_against_signal() {
    model(3, |log| {
        let (mut emitter, mut signaller) = context();
        let [first, second] = [(); 2].map(|()| arm(&mut emitter));
        let other = thread::spawn(move || drop(first));
        drain(&mut signaller, -5);
        complete(&mut signaller, second);
        let early = log.signalled();
        assert!(early.is_empty() || early == [(1, -5), (2, 0)], "{early:?}");
        other.join().unwrap();
        assert_eq!(drain(&mut signaller, -6), 0);
        assert_eq!(log.signalled().iter().map(|s| s.0).sum::<u64>(), 3);
        drop((emitter, signaller));
        assert!(!log.was_left() && log.lost().is_empty());
        assert_eq!(log.modules(), 0);
    });
}

/// H18: both ends go while a fence is armed, and while it is dropped: its context is there then.
/// After that the fence stays for ever, never signals, and keeps the module.
#[test]
fn ends_against_drop() {
    model(3, |log| {
        let (mut emitter, signaller) = context();
        let fence = arm(&mut emitter);
        let others = [
            thread::spawn(move || drop(emitter)),
            thread::spawn(move || drop(signaller)),
        ];
        drop(fence);
        for other in others {
            other.join().unwrap();
        }
        log.was_left();
        assert!(log.signalled().is_empty());
        assert_eq!(log.lost(), [1]);
        assert_eq!(log.modules(), 1);
    });
}

/// H18, H30: both ends go at the same time, when each fence has signalled or is an orphan: the
/// context goes with the last.
#[test]
fn ends_against_each_other() {
    model(3, |log| {
        let (mut emitter, mut signaller) = context();
        let [first, second, third] = [(); 3].map(|()| arm(&mut emitter));
        complete(&mut signaller, first);
        drop((second, third));
        let other = thread::spawn(move || {
            assert_eq!(drain(&mut signaller, -5), 0);
        });
        drop(emitter);
        other.join().unwrap();
        assert!(!log.was_left(), "left behind without need");
        assert_eq!(log.signalled(), [(1, 0), (2, -5), (3, -5)]);
        assert!(log.lost().is_empty());
        assert_eq!(log.modules(), 0);
    });
}

/// H18: the same with one that is still armed: the context stays until it was dropped, and is not
/// freed under it.
#[test]
fn ends_against_late_drop() {
    model(3, |log| {
        let (mut emitter, mut signaller) = context();
        let [first, second] = [(); 2].map(|()| arm(&mut emitter));
        complete(&mut signaller, first);
        let other = thread::spawn(move || drop(signaller));
        drop(emitter);
        other.join().unwrap();
        assert_eq!(log.modules(), 1);
        drop(second);
        assert!(log.was_left());
        assert_eq!(log.signalled(), [(1, 0)]);
        assert_eq!(log.lost(), [2]);
    });
}

/// H18: the signaller goes with orphans that it has collected, while the other end goes.
#[test]
fn ends_against_collected_orphans() {
    model(3, |log| {
        let (mut emitter, mut signaller) = context();
        let [first, second, third] = [(); 3].map(|()| arm(&mut emitter));
        drop((third, second));
        // The first is in flight, so they stay.
        assert_eq!(drain(&mut signaller, -5), 2);
        let other = thread::spawn(move || drop(signaller));
        drop((emitter, first));
        other.join().unwrap();
        log.was_left();
        assert!(log.signalled().is_empty());
        assert_eq!(log.lost(), [1, 2, 3]);
        assert_eq!(log.modules(), 1);
    });
}

/// What is refused is orphaned, and can be drained.
#[test]
fn refused_is_orphaned() {
    model(1, |log| {
        let (mut emitter, mut signaller) = context();
        let (_other_emitter, other) = context();
        let first = arm(&mut emitter);
        // SAFETY: There is no hardware in the model.
        let done = unsafe { HwDone::new(other.timeline(), Ok(())) };
        signaller.complete(first, done, &section());
        // SAFETY: There is no hardware in the model.
        let stopped = unsafe { RingStopped::new(other.timeline()) };
        assert_eq!(
            signaller.drain_orphans(&stopped, Error::from_errno(-1), &section()),
            1
        );
        let second = arm(&mut emitter);
        signaller.fail(second, &stopped, Error::from_errno(-1), &section());
        let dependencies = FenceSet(false);
        let third = emitter
            .arm(FenceReservation::new().unwrap(), dependencies)
            .1;
        signaller.cancel(third, &section(), Error::from_errno(-1));
        assert_eq!(log.violations(), 4);
        assert!(log.signalled().is_empty());
        assert_eq!(drain(&mut signaller, -5), 0);
        assert_eq!(log.signalled(), [(1, -5), (2, -5), (3, -5)]);
        let fourth = pending(&mut emitter);
        signaller.cancel(fourth, &section(), Error::from_errno(-2));
        assert_eq!(log.signalled().len(), 4);
    });
}
