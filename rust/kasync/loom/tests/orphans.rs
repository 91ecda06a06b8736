// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of a context of fences, its two ends and its orphans: `context.rs`, `emitter.rs`,
//! `signaller.rs`, `armed.rs` and `evidence.rs` of `rust/dma_fence` themselves. Each names the
//! hazards that it covers.

use kasync::SignallingSection;
use kernel::error::Error;
use loom::thread;
use std::sync::{
    atomic::{
        AtomicBool,
        Ordering::Relaxed, //
    },
    Arc, //
};

#[path = "../../../dma_fence/armed.rs"]
mod armed;
#[path = "../../../dma_fence/context.rs"]
mod context;
mod contexts;
#[path = "../../../dma_fence/emitter.rs"]
mod emitter;
#[path = "../../../dma_fence/evidence.rs"]
mod evidence;
#[path = "../../../dma_fence/signaller.rs"]
mod signaller;
mod world;

pub(crate) use contexts::{
    deadline,
    fence,
    names,
    own,
    set, //
};

use armed::{
    FenceReservation,
    InFlightFence,
    PendingFence, //
};
use context::FenceContext;
use contexts::model;
use emitter::FenceEmitter;
use evidence::{
    HwDone,
    RingStopped, //
};
use names::Names;
use set::FenceSet;
use signaller::FenceSignaller;

static NAMES: Names = Names;

fn context() -> (FenceEmitter, FenceSignaller) {
    FenceContext::new(&NAMES).unwrap()
}

fn pending(emitter: &mut FenceEmitter) -> PendingFence {
    depending(emitter, FenceSet::default())
}

fn depending(emitter: &mut FenceEmitter, dependencies: FenceSet) -> PendingFence {
    emitter
        .arm(FenceReservation::new().unwrap(), dependencies)
        .1
}

/// Dependencies that have not signalled, and how they do.
fn dependencies() -> (FenceSet, impl Fn()) {
    let signaled = Arc::new(AtomicBool::new(false));
    let set = FenceSet(Some(signaled.clone()));
    (set, move || signaled.store(true, Relaxed))
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

/// Fences whose jobs were submitted before their dependencies had signalled: they signal after
/// these, whatever becomes of them.
#[test]
fn submitted_early() {
    model(1, |log| {
        let (mut emitter, mut signaller) = context();
        let (set, signal) = dependencies();
        let first = depending(&mut emitter, set).submitted();
        let (set, signal_second) = dependencies();
        let second = depending(&mut emitter, set).submitted();
        assert_eq!(log.violations(), 2);
        complete(&mut signaller, first);
        drop(second);
        assert_eq!(drain(&mut signaller, -5), 2);
        assert!(log.signalled().is_empty());
        signal();
        assert_eq!(drain(&mut signaller, -5), 1);
        signal_second();
        assert_eq!(drain(&mut signaller, -6), 0);
        let (set, signal) = dependencies();
        let third = depending(&mut emitter, set).submitted();
        signal();
        complete(&mut signaller, third);
        assert_eq!(log.signalled(), [(1, -5), (2, -6), (3, 0)]);
    });
}

/// A fence whose signal is refused is orphaned, and can be drained.
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
        let (set, signal) = dependencies();
        let third = depending(&mut emitter, set);
        signaller.cancel(third, &section(), Error::from_errno(-1));
        assert_eq!(log.violations(), 4);
        assert!(log.signalled().is_empty());
        assert_eq!(drain(&mut signaller, -5), 1);
        assert_eq!(log.signalled(), [(1, -5), (2, -5)]);
        signal();
        assert_eq!(drain(&mut signaller, -5), 0);
        assert_eq!(log.signalled(), [(1, -5), (2, -5), (3, -5)]);
        let fourth = pending(&mut emitter);
        signaller.cancel(fourth, &section(), Error::from_errno(-2));
        assert_eq!(log.signalled().len(), 4);
    });
}
