// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Own fences: evidence, orphans, and what outlives its module.

use kernel::prelude::*;

#[kunit_tests(dma_fence_own)]
mod tests {
    use crate::mocks::{
        annotated_waits,
        drop_in_irq,
        end,
        end_forgotten,
        has_copied_name,
        module_refcount,
        result,
        Expected,
        Foreign,
        Signaller,
        Timeline, //
    };
    use core::{
        future::{
            poll_fn,
            Future, //
        },
        mem::forget,
        pin::Pin,
        task::{
            Context,
            Poll,
            Waker, //
        }, //
    };
    use dma_fence::{
        Fence,
        FenceEmitter,
        FenceReservation,
        FenceSet,
        FenceSignaller,
        HwDone,
        InFlightFence,
        Names,
        PendingFence,
        RingStopped, //
    };
    use kasync::{
        block_on,
        time::{
            timeout,
            Delta, //
        },
        Executor,
        SignallingSection, //
    };
    use kernel::{
        prelude::*,
        sync::aref::ARef, //
    };

    static NAMES: Names = Names::new(c"test", c"own");
    static OTHER: Names = Names::new(c"test", c"other");

    fn ends() -> Result<(FenceEmitter, Signaller)> {
        Signaller::ends(&NAMES)
    }

    fn pending(emitter: &mut FenceEmitter) -> Result<(ARef<Fence>, PendingFence)> {
        Ok(emitter.arm(FenceReservation::new()?, FenceSet::default()))
    }

    fn in_flight(emitter: &mut FenceEmitter) -> Result<(ARef<Fence>, InFlightFence)> {
        let (fence, pending) = pending(emitter)?;
        Ok((fence, pending.submitted()))
    }

    fn section<R>(f: impl FnOnce(&SignallingSection<'_>) -> R) -> R {
        // SAFETY: There is no hardware.
        unsafe { SignallingSection::enter(f) }
    }

    fn stopped(signaller: &FenceSignaller) -> RingStopped {
        // SAFETY: There is no hardware.
        unsafe { RingStopped::new(signaller.timeline()) }
    }

    fn done(signaller: &FenceSignaller) -> HwDone {
        // SAFETY: There is no hardware.
        unsafe { HwDone::new(signaller.timeline(), Ok(())) }
    }

    /// Signals what was orphaned, all of it.
    fn drain(signaller: &mut FenceSignaller, error: Error) -> Result {
        let stopped = stopped(signaller);
        let left = section(|section| signaller.drain_orphans(&stopped, error, section));
        check_eq!(left, 0);
        Ok(())
    }

    #[test]
    fn evidence_for_another_timeline_is_refused() -> Result {
        let ((mut emitter, mut signaller), (_emitter, other)) = (ends()?, ends()?);
        let (first, a) = in_flight(&mut emitter)?;
        let (second, b) = in_flight(&mut emitter)?;
        let expected = Expected::new(3);
        section(|section| signaller.complete(a, done(&other), section));
        section(|section| signaller.fail(b, &stopped(&other), EIO, section));
        check!(!first.test_signaled_flag() && !second.test_signaled_flag());
        let left = section(|s| signaller.drain_orphans(&stopped(&other), EIO, s));
        check_eq!(left, 2);
        check_eq!(expected.outstanding(), 0);
        check!(!first.test_signaled_flag() && !second.test_signaled_flag());
        drain(&mut signaller, ENODEV)?;
        check_eq!(
            (result(&first), result(&second)),
            (Err(ENODEV), Err(ENODEV))
        );
        Ok(())
    }

    #[test]
    fn a_fence_of_another_context_is_refused() -> Result {
        let ((mut emitter, mut signaller), (_emitter, mut other)) = (ends()?, ends()?);
        let (fence, in_flight) = in_flight(&mut emitter)?;
        let expected = Expected::new(1);
        section(|section| other.complete(in_flight, done(&signaller), section));
        check_eq!(expected.outstanding(), 0);
        check!(!fence.test_signaled_flag());
        // It is an orphan of its own context.
        drain(&mut other, EIO)?;
        check!(!fence.test_signaled_flag());
        drain(&mut signaller, EIO)?;
        check_eq!(result(&fence), Err(EIO));
        Ok(())
    }

    /// A job that depends on `foreign`.
    fn depending(
        emitter: &mut FenceEmitter,
        foreign: &Foreign,
    ) -> Result<(ARef<Fence>, PendingFence)> {
        let mut fences = KVVec::new();
        fences.push(foreign.0.clone(), GFP_KERNEL)?;
        let dependencies = FenceSet::new(fences, None)?;
        Ok(emitter.arm(FenceReservation::new()?, dependencies))
    }

    /// A fence whose dependencies have not signalled is ended in one of these ways.
    type Ends = fn(&mut FenceSignaller, PendingFence);

    fn dropped(_: &mut FenceSignaller, fence: PendingFence) {
        drop(fence);
    }

    fn dropped_after_a_poll(_: &mut FenceSignaller, mut fence: PendingFence) {
        let mut cx = Context::from_waker(Waker::noop());
        let _ = fence.dependencies_mut().poll_all(&mut cx);
        drop(fence);
    }

    fn cancelled(signaller: &mut FenceSignaller, fence: PendingFence) {
        section(|section| signaller.cancel(fence, section, ECANCELED));
    }

    fn dropped_in_flight(_: &mut FenceSignaller, fence: PendingFence) {
        drop(fence.submitted());
    }

    fn failed(signaller: &mut FenceSignaller, fence: PendingFence) {
        let stopped = stopped(signaller);
        section(|section| signaller.fail(fence.submitted(), &stopped, EIO, section));
    }

    fn completed(signaller: &mut FenceSignaller, fence: PendingFence) {
        let done = done(signaller);
        section(|section| signaller.complete(fence.submitted(), done, section));
    }

    /// A fence does not signal before the dependencies of its job, whatever becomes of it, nor do
    /// the fences behind it. When they have signalled, it can be drained.
    #[test]
    fn dependencies_come_first() -> Result {
        let ways: [(Ends, i32); 6] = [
            (dropped, 0),
            (dropped_after_a_poll, 0),
            (cancelled, 1),
            (dropped_in_flight, 1),
            (failed, 1),
            (completed, 1),
        ];
        for (ends_it, violations) in ways {
            let (mut emitter, mut signaller) = ends()?;
            let foreign = Foreign::new()?;
            let (fence, pending) = depending(&mut emitter, &foreign)?;
            let (behind, next) = in_flight(&mut emitter)?;
            let expected = Expected::new(violations);
            ends_it(&mut signaller, pending);
            drop(next);
            let outstanding = expected.outstanding();
            let proof = stopped(&signaller);
            let left = section(|section| signaller.drain_orphans(&proof, ENODEV, section));
            let early = fence.test_signaled_flag() || behind.test_signaled_flag();
            foreign.signal(Ok(()));
            drain(&mut signaller, ENODEV)?;
            check_eq!((outstanding, left, early), (0, 2, false));
            check_eq!(
                (result(&fence), result(&behind)),
                (Err(ENODEV), Err(ENODEV))
            );
        }
        Ok(())
    }

    /// A job whose dependencies have signalled is submitted without a poll of them.
    #[test]
    fn dependencies_need_no_poll() -> Result {
        let (mut emitter, mut signaller) = ends()?;
        let foreign = Foreign::new()?;
        let (first, a) = depending(&mut emitter, &foreign)?;
        let (second, b) = depending(&mut emitter, &foreign)?;
        let expected = Expected::new(1);
        let early = a.submitted();
        check_eq!(expected.outstanding(), 0);
        foreign.signal(Ok(()));
        let proof = done(&signaller);
        section(|section| signaller.complete(early, proof, section));
        let proof = done(&signaller);
        section(|section| signaller.complete(b.submitted(), proof, section));
        check_eq!((result(&first), result(&second)), (Ok(()), Ok(())));
        Ok(())
    }

    #[test]
    fn cancelling_waits_for_dependencies() -> Result {
        let (mut emitter, mut signaller) = ends()?;
        let foreign = Foreign::new()?;
        let mut arm = || depending(&mut emitter, &foreign);
        let ((early, first), (late, second)) = (arm()?, arm()?);
        let expected = Expected::new(1);
        section(|section| signaller.cancel(first, section, ECANCELED));
        check_eq!(expected.outstanding(), 0);
        check!(!early.test_signaled_flag());
        foreign.signal(Ok(()));
        drain(&mut signaller, EIO)?;
        section(|section| signaller.cancel(second, section, ECANCELED));
        check_eq!((result(&early), result(&late)), (Err(EIO), Err(ECANCELED)));
        Ok(())
    }

    /// Orphans stay behind a fence that is in flight, and later fences go on when they were
    /// drained.
    #[test]
    fn orphans_signal_in_order() -> Result {
        let (mut emitter, mut signaller) = ends()?;
        let (first, a) = in_flight(&mut emitter)?;
        let (second, b) = pending(&mut emitter)?;
        let (third, c) = in_flight(&mut emitter)?;
        drop((c, b));
        let proof = stopped(&signaller);
        let left = section(|section| signaller.drain_orphans(&proof, EIO, section));
        check_eq!(left, 2);
        section(|section| signaller.fail(a, &proof, ETIME, section));
        check!(!second.test_signaled_flag() && !third.test_signaled_flag());
        let left = section(|section| signaller.drain_orphans(&proof, EIO, section));
        check_eq!(left, 0);
        let results = [&first, &second, &third].map(|fence| result(fence));
        check_eq!(results, [Err(ETIME), Err(EIO), Err(EIO)]);
        // The timeline goes on.
        let (fourth, d) = in_flight(&mut emitter)?;
        let proof = done(&signaller);
        section(|section| signaller.complete(d, proof, section));
        check_eq!(result(&fourth), Ok(()));
        Ok(())
    }

    /// H16, and a lock that a thread would take with interrupts on: there is none.
    #[test]
    fn fences_are_dropped_in_interrupts() -> Result {
        let (mut emitter, mut signaller) = ends()?;
        let (first, a) = in_flight(&mut emitter)?;
        let (second, b) = in_flight(&mut emitter)?;
        let (third, c) = pending(&mut emitter)?;
        drop(b);
        drop_in_irq(a)?;
        drop_in_irq(c)?;
        drain(&mut signaller, EIO)?;
        let results = [&first, &second, &third].map(|fence| result(fence));
        check_eq!(results, [Err(EIO), Err(EIO), Err(EIO)]);
        Ok(())
    }

    #[test]
    fn a_context_keeps_the_module() -> Result {
        let before = module_refcount();
        let (mut emitter, mut signaller) = ends()?;
        check_eq!(module_refcount(), before.map(|n| n + 1));
        let (fence, in_flight) = in_flight(&mut emitter)?;
        drop(emitter);
        let proof = done(&signaller);
        section(|section| signaller.complete(in_flight, proof, section));
        drop(signaller);
        // A fence that has signalled needs nothing of it.
        check_eq!(module_refcount(), before);
        check_eq!(result(&fence), Ok(()));
        Ok(())
    }

    #[test]
    fn a_forgotten_fence_keeps_the_module() -> Result {
        let before = module_refcount();
        let (mut emitter, signaller) = ends()?;
        let (fence, forgotten) = pending(&mut emitter)?;
        forget(forgotten);
        drop((emitter, signaller));
        // Judged when all is over, or nothing would ever end it.
        let (kept, name) = (module_refcount(), has_copied_name(&fence, NAMES.timeline()));
        fence.set_deadline(Delta::from_millis(1));
        let early = fence.test_signaled_flag();
        // SAFETY: It is the only fence of its context, whose ends have gone.
        unsafe { end_forgotten(&fence) };
        check_eq!(kept, before.map(|n| n + 1));
        check!(name && !early);
        check_eq!(module_refcount(), before);
        Ok(())
    }

    #[test]
    fn forgotten_ends_keep_the_module() -> Result {
        let before = module_refcount();
        let (mut emitter, signaller) = Signaller::ends(&OTHER)?;
        let (fence, forgotten) = in_flight(&mut emitter)?;
        forget((emitter, signaller, forgotten));
        let (kept, name) = (module_refcount(), has_copied_name(&fence, OTHER.timeline()));
        fence.set_deadline(Delta::from_millis(1));
        // SAFETY: It is the only fence of its context, whose ends were forgotten.
        unsafe { end_forgotten(&fence) };
        check_eq!(kept, before.map(|n| n + 1));
        check!(name);
        check_eq!(module_refcount(), before);
        Ok(())
    }

    /// H29: a wait that is forgotten has its callback on the fence, so the code of that stays.
    #[test]
    fn waits_keep_the_module() -> Result {
        let before = module_refcount();
        let more = |n| before.map(|before| before + n);
        let foreign = Foreign::new()?;
        let mut fences = KVVec::new();
        fences.push(foreign.0.clone(), GFP_KERNEL)?;
        let mut set = FenceSet::new(fences, None)?;
        let mut wait = KBox::pin(foreign.0.wait(), GFP_KERNEL)?;
        let mut forgotten = KBox::pin(foreign.0.wait(), GFP_KERNEL)?;
        let mut cx = Context::from_waker(Waker::noop());
        check_eq!(module_refcount(), before);
        check!(wait.as_mut().poll(&mut cx).is_pending());
        check!(wait.as_mut().poll(&mut cx).is_pending());
        check_eq!(module_refcount(), more(1));
        check!(set.poll_all(&mut cx).is_pending());
        check_eq!(module_refcount(), more(2));
        check!(forgotten.as_mut().poll(&mut cx).is_pending());
        // SAFETY: It is not moved.
        let forgotten = KBox::into_raw(unsafe { Pin::into_inner_unchecked(forgotten) });
        // What is dropped has no callback any more, nor has what is ready.
        drop(set);
        foreign.signal(Ok(()));
        let ready = wait.as_mut().poll(&mut cx).is_ready();
        let kept = module_refcount();
        // SAFETY: From the box above. This is for kmemleak.
        drop(unsafe { KBox::from_raw(forgotten) });
        check!(ready);
        check_eq!(kept, more(1));
        check_eq!(module_refcount(), before);
        Ok(())
    }

    /// Lockdep learns that a thread waits for a fence, and that a task does not.
    #[test]
    fn threads_that_wait_are_annotated() -> Result {
        let mut timeline = Timeline::new()?;
        let ((first, a), (second, b)) = (timeline.next()?, timeline.next()?);
        let before = annotated_waits();
        check!(block_on(timeout(Delta::from_millis(1), first.wait()))?.is_err());
        let by_thread = annotated_waits();
        check!((by_thread > before) == cfg!(CONFIG_LOCKDEP));
        let executor = Executor::new(c"waits")?;
        let fence = second.clone();
        let task = executor.root().spawn(c"waits", async move {
            let mut wait = core::pin::pin!(fence.wait());
            // Pending once, then given up.
            poll_fn(|cx| {
                let pending = core::future::Future::poll(wait.as_mut(), cx).is_pending();
                Poll::Ready(pending)
            })
            .await
        })?;
        check!(block_on(task)?);
        check_eq!(annotated_waits(), by_thread);
        end(a, Ok(()));
        end(b, Ok(()));
        Ok(())
    }
}
