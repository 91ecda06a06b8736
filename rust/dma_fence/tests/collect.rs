// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Sets of as many fences as userspace likes to name.

use kernel::prelude::*;

#[kunit_tests(dma_fence_collect)]
mod tests {
    use crate::mocks::{
        is_waited_for,
        merge,
        while_killed,
        Foreign, //
    };
    use core::{
        ptr::NonNull,
        task::{
            Context,
            RawWaker,
            RawWakerVTable,
            Waker, //
        }, //
    };
    use dma_fence::{
        Fence,
        FenceSet, //
    };
    use kasync::time::Delta;
    use kernel::{
        bindings,
        prelude::*,
        sync::{
            aref::ARef,
            atomic::{
                Atomic,
                Relaxed, //
            }, //
        }, //
    };

    fn foreign(count: usize) -> Result<KVVec<Foreign>> {
        let mut all = KVVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            all.push(Foreign::new()?, GFP_KERNEL)?;
        }
        Ok(all)
    }

    fn fences(all: &[Foreign]) -> Result<KVVec<ARef<Fence>>> {
        let mut fences = KVVec::with_capacity(all.len(), GFP_KERNEL)?;
        for foreign in all {
            fences.push(foreign.0.clone(), GFP_KERNEL)?;
        }
        Ok(fences)
    }

    /// Returns a fence that has signalled.
    fn signalled() -> Result<ARef<Fence>> {
        // SAFETY: Both functions may be called in process context.
        let fence = unsafe { bindings::dma_fence_allocate_private_stub(bindings::ktime_get()) };
        // SAFETY: The function returns a new fence with its only reference, or null.
        Ok(unsafe { Fence::from_raw(NonNull::new(fence).ok_or(ENOMEM)?) })
    }

    fn signal(all: &[Foreign]) {
        all.iter().for_each(|foreign| foreign.signal(Ok(())));
    }

    const LEAVES: usize = 2048;

    /// The most that one submit can name: an array of 2048 fences, 4095 times. Without a check for
    /// equal containers that is 8 million leaves.
    #[test]
    fn a_container_that_is_named_again() -> Result {
        let all = foreign(LEAVES)?;
        let [array, other] = [merge(&fences(&all)?)?, merge(&fences(&all)?)?];
        let mut named = KVVec::with_capacity(4095, GFP_KERNEL)?;
        for i in 0..4095 {
            let array = if i % 2 == 0 { &array } else { &other };
            named.push(array.clone(), GFP_KERNEL)?;
        }
        let set = FenceSet::new(named, None)?;
        check_eq!(set.len(), LEAVES);
        check_eq!(set.visited(), 2 * LEAVES);
        drop(set);
        signal(&all);
        Ok(())
    }

    /// References are taken as a vector is: containers are unwrapped once. The caller keeps what it
    /// has.
    #[test]
    fn of_references() -> Result {
        let all = foreign(3)?;
        let array = merge(&fences(&all[..2])?)?;
        let named = [&*array, &*all[2].0, &*all[0].0, &*array];
        let mut set = FenceSet::new(&named[..], None)?;
        check_eq!(set.len(), 3);
        check_eq!(set.visited(), 4);
        check!(FenceSet::new(&named[..0], None)?.is_empty());
        let mut cx = Context::from_waker(Waker::noop());
        check!(set.poll_all(&mut cx).is_pending());
        signal(&all);
        check!(set.poll_all(&mut cx).is_ready());
        Ok(())
    }

    #[test]
    fn leaves_are_bounded() -> Result {
        let all = foreign(LEAVES)?;
        let arrays = FenceSet::MAX_LEAVES / LEAVES;
        let mut named = KVVec::new();
        for _ in 0..arrays {
            named.push(merge(&fences(&all)?)?, GFP_KERNEL)?;
        }
        let mut more = KVVec::new();
        more.extend_from_slice(&named, GFP_KERNEL)?;
        more.push(signalled()?, GFP_KERNEL)?;
        let set = FenceSet::new(named, None)?;
        check_eq!((set.len(), set.visited()), (LEAVES, FenceSet::MAX_LEAVES));
        check_eq!(FenceSet::new(more, None).err(), Some(E2BIG));
        signal(&all);
        Ok(())
    }

    #[test]
    fn a_thread_that_is_killed_stops() -> Result {
        let all = foreign(3)?;
        let named = || -> Result<_> {
            let mut named = KVVec::new();
            named.push(merge(&fences(&all)?)?, GFP_KERNEL)?;
            Ok(named)
        };
        let (killed, alive) = (named()?, named()?);
        let refused = while_killed(|| FenceSet::new(killed, None));
        check_eq!(refused.err(), Some(EINTR));
        check_eq!(FenceSet::new(alive, None)?.len(), 3);
        signal(&all);
        Ok(())
    }

    /// One poll adds a bounded number of callbacks, and wakes itself for the others.
    #[test]
    fn callbacks_are_added_in_parts() -> Result {
        static WOKEN: Atomic<u32> = Atomic::new(0);
        fn wake(_: *const ()) {
            WOKEN.fetch_add(1, Relaxed);
        }
        static VTABLE: RawWakerVTable = RawWakerVTable::new(
            |_| RawWaker::new(core::ptr::null(), &VTABLE),
            wake,
            wake,
            |_| (),
        );
        // SAFETY: The functions do nothing with the data.
        let waker = unsafe { Waker::new(core::ptr::null(), &VTABLE) };
        let mut cx = Context::from_waker(&waker);
        let all = foreign(600)?;
        let mut set = FenceSet::new(fences(&all)?, None)?;
        let linked = || {
            all.iter()
                .filter(|foreign| is_waited_for(&foreign.0))
                .count()
        };
        for (linked_then, woken) in [(256, 1), (512, 2), (600, 2)] {
            check!(set.poll_all(&mut cx).is_pending());
            check_eq!(linked(), linked_then);
            check_eq!(WOKEN.load(Relaxed), woken);
        }
        signal(&all);
        check_eq!(WOKEN.load(Relaxed), 3);
        check!(set.poll_all(&mut cx).is_ready());
        // Dropped when only some were added.
        let all = foreign(300)?;
        let mut set = FenceSet::new(fences(&all)?, None)?;
        check!(set.poll_all(&mut cx).is_pending());
        drop(set);
        check!(!all.iter().any(|foreign| is_waited_for(&foreign.0)));
        signal(&all);
        Ok(())
    }

    /// However often userspace asks, a fence hears of few deadlines.
    #[test]
    fn deadlines_are_merged() -> Result {
        let all = foreign(3)?;
        let set = FenceSet::new(fences(&all)?, None)?;
        let heard = |n| all.iter().all(|foreign| foreign.deadlines() == n);
        for i in 0..1000 {
            set.set_deadline(Delta::from_millis(100_000 - i));
        }
        check!(heard(1));
        set.set_deadline(Delta::from_millis(1000));
        check!(heard(2));
        set.set_deadline(Delta::from_millis(2000));
        check!(heard(2));
        // However it is done: from a day to a nanosecond it is about a hundred times.
        let mut within = 86_400_000_000_000i64;
        let set = FenceSet::new(fences(&all)?, None)?;
        while within > 0 {
            set.set_deadline(Delta::from_nanos(within));
            within -= within / 16 + 1;
        }
        for _ in 0..1000 {
            set.set_deadline(Delta::from_nanos(-1));
        }
        let calls = all[0].deadlines() - 2;
        check!((2..200).contains(&calls));
        signal(&all);
        Ok(())
    }
}
