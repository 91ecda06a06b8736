// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of a context's limbo and its two ends: `rust/dma_fence/limbo.rs` itself. Each names the hazards that it covers.

use loom::{
    cell::UnsafeCell,
    sync::{
        Arc,
        Mutex, //
    },
    thread, //
};
use std::{
    ops::DerefMut,
    ptr::{
        self,
        NonNull, //
    }, //
};

mod world;
mod sync {
    pub(crate) use crate::world::sync::Box;
    pub(crate) use loom::sync::Arc;
    use std::cell::Cell;

    std::thread_local! {
        /// All threads of a model are played by one real thread.
        static LEAKED: Cell<*const ()> = const { Cell::new(std::ptr::null()) };
    }

    /// Keeps it until the scene asks for it, as loom does not like what is never freed.
    pub(crate) fn leak<T>(arc: Arc<T>) {
        let before = LEAKED.replace(Arc::into_raw(arc).cast());
        assert!(before.is_null(), "left behind twice");
    }

    /// What was leaked, if anything.
    ///
    /// # Safety
    ///
    /// It is of this type.
    pub(crate) unsafe fn leaked<T>() -> Option<Arc<T>> {
        let raw = LEAKED.replace(std::ptr::null());
        // SAFETY: From `leak`, once, and by the safety requirements.
        (!raw.is_null()).then(|| unsafe { Arc::from_raw(raw.cast()) })
    }
}

#[path = "../../../dma_fence/limbo.rs"]
mod limbo;

use limbo::{
    Armed,
    Arming,
    Context,
    Limbo,
    Signalling, //
};
use world::model;

/// What is left when the context and its fences have gone.
struct Log {
    /// Numbers and errors of what has signalled, in order.
    signalled: Mutex<Vec<(u64, i32)>>,
    /// Numbers of what was in limbo when the context went.
    lost: Mutex<Vec<u64>>,
    /// The context is there.
    alive: UnsafeCell<bool>,
}

// SAFETY: `alive` is read by who needs the context, and written when it goes, which has to come after: loom checks that.
unsafe impl Sync for Log {}
// SAFETY: As above.
unsafe impl Send for Log {}

struct Fences {
    log: Arc<Log>,
    limbo: Mutex<Limbo<Fences>>,
}

struct Own {
    log: Arc<Log>,
    context: *const Fences,
    seqno: u64,
    next: *mut Own,
}

// SAFETY: As the functions say.
unsafe impl Context for Fences {
    type Fence = Own;

    fn limbo(&self) -> impl DerefMut<Target = Limbo<Self>> {
        self.limbo.lock().unwrap()
    }

    unsafe fn of(fence: NonNull<Own>) -> *const Self {
        // SAFETY: Valid by the safety requirements.
        let fence = unsafe { fence.as_ref() };
        // SAFETY: Not written any more after it was.
        let alive = fence.log.alive.with(|a| unsafe { *a });
        assert!(alive, "the context has gone before its fences");
        fence.context
    }

    unsafe fn seqno(fence: NonNull<Own>) -> u64 {
        // SAFETY: Valid by the safety requirements.
        unsafe { (*fence.as_ptr()).seqno }
    }

    unsafe fn next(fence: NonNull<Own>) -> *mut *mut Own {
        // SAFETY: Valid by the safety requirements.
        unsafe { &raw mut (*fence.as_ptr()).next }
    }

    unsafe fn finish(fence: NonNull<Own>, error: i32) {
        // SAFETY: The reference is the last; it is from a box.
        let fence = unsafe { sync::Box::from_raw(fence.as_ptr()) };
        let mut signalled = fence.log.signalled.lock().unwrap();
        signalled.push((fence.seqno, error));
    }

    fn warn_dropped(&self) {}
    fn warn_out_of_turn(&self, _: u64) {}
    fn warn_left_behind(&self) {}
}

impl Drop for Fences {
    fn drop(&mut self) {
        // SAFETY: Nobody needs the context any more, which loom checks.
        self.log.alive.with_mut(|a| unsafe { *a = false });
        let mut lost = self.log.lost.lock().unwrap();
        self.limbo.get_mut().unwrap().each(|fence| {
            // SAFETY: In limbo, whose the reference was.
            lost.push(unsafe { sync::Box::from_raw(fence.as_ptr()) }.seqno);
        });
    }
}

fn context() -> (Arc<Log>, Arming<Fences>, Signalling<Fences>) {
    let log = Arc::new(Log {
        signalled: Mutex::new(Vec::new()),
        lost: Mutex::new(Vec::new()),
        alive: UnsafeCell::new(true),
    });
    let context = Arc::new(Fences {
        log: log.clone(),
        limbo: Mutex::new(Limbo::new()),
    });
    (log, Arming::new(context.clone()), Signalling::new(context))
}

fn arm(order: &mut Arming<Fences>) -> Armed<Fences> {
    // SAFETY: It does so.
    unsafe {
        order.arm(|context, seqno| {
            let own = sync::Box::new(Own {
                log: context.log.clone(),
                context,
                seqno,
                next: ptr::null_mut(),
            });
            NonNull::new_unchecked(sync::Box::into_raw(own))
        })
    }
}

impl Log {
    fn signalled(&self) -> Vec<(u64, i32)> {
        self.signalled.lock().unwrap().clone()
    }

    /// Numbers of what is in limbo for ever, in order.
    fn lost(&self) -> Vec<u64> {
        let mut lost = self.lost.lock().unwrap().clone();
        lost.sort();
        lost
    }
}

/// Whether the context was left behind; if so it goes now.
fn was_left() -> bool {
    // SAFETY: Of this type.
    unsafe { sync::leaked::<Fences>() }.is_some()
}

/// H17, H18, H19: two fences are dropped while limbo is drained: each signals once, none before it was dropped, and in order.
#[test]
fn drop_against_drain() {
    model(3, || {
        let (log, mut order, mut signaller) = context();
        let [first, second] = [(); 2].map(|()| arm(&mut order));
        let others = [first, second].map(|fence| thread::spawn(move || drop(fence)));
        let left = signaller.drain(-5);
        let signalled = log.signalled().len();
        assert!(signalled as u32 + left <= 2);
        others.map(|t| t.join().unwrap());
        assert_eq!(signaller.drain(-6), 0);
        let signalled_late = log.signalled();
        for (i, &(seqno, error)) in signalled_late.iter().enumerate() {
            assert_eq!(seqno, i as u64 + 1, "out of order");
            assert_eq!(error, if i < signalled { -5 } else { -6 });
        }
        assert_eq!(signalled_late.len(), 2);
        drop((order, signaller));
        assert!(!was_left());
    });
}

/// H19: the second comes while the first is dropped, so it goes to limbo as well, or after it was drained.
#[test]
fn drop_against_signal() {
    model(3, || {
        let (log, mut order, mut signaller) = context();
        let [first, second] = [(); 2].map(|()| arm(&mut order));
        let other = thread::spawn(move || drop(first));
        signaller.drain(-5);
        signaller.signal(second, 0);
        let early = log.signalled();
        assert!(early.is_empty() || early == [(1, -5), (2, 0)], "{early:?}");
        other.join().unwrap();
        assert_eq!(signaller.drain(-6), 0);
        assert_eq!(log.signalled().iter().map(|s| s.0).sum::<u64>(), 3);
        drop((order, signaller));
        assert!(!was_left() && log.lost().is_empty());
    });
}

/// H18: both ends go while a fence is armed, and while it is dropped: its context is there then. After that the fence stays for ever, and never
/// signals.
#[test]
fn ends_against_drop() {
    model(3, || {
        let (log, mut order, signaller) = context();
        let fence = arm(&mut order);
        let others = [
            thread::spawn(move || drop(order)),
            thread::spawn(move || drop(signaller)),
        ];
        drop(fence);
        others.map(|t| t.join().unwrap());
        let _ = was_left();
        assert!(log.signalled().is_empty());
        assert_eq!(log.lost(), [1]);
    });
}

/// H18, H30: both ends go at the same time, when each fence has signalled or is in limbo: the context goes with the last.
#[test]
fn ends_against_each_other() {
    model(3, || {
        let (log, mut order, mut signaller) = context();
        let [first, second, third] = [(); 3].map(|()| arm(&mut order));
        signaller.signal(first, 0);
        drop((second, third));
        let other = thread::spawn(move || {
            assert_eq!(signaller.drain(-5), 0);
        });
        drop(order);
        other.join().unwrap();
        assert!(!was_left(), "left behind without need");
        assert_eq!(log.signalled(), [(1, 0), (2, -5), (3, -5)]);
        assert!(log.lost().is_empty());
    });
}

/// H18: the same with one that is still armed: the context stays until it was dropped, and is not freed under it.
#[test]
fn ends_against_late_drop() {
    model(3, || {
        let (log, mut order, mut signaller) = context();
        let [first, second] = [(); 2].map(|()| arm(&mut order));
        signaller.signal(first, 0);
        let other = thread::spawn(move || drop(signaller));
        drop(order);
        other.join().unwrap();
        drop(second);
        assert!(was_left());
        assert_eq!(log.signalled(), [(1, 0)]);
        assert_eq!(log.lost(), [2]);
    });
}
