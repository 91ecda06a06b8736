// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What a device works on, in a manual world: the memory is the operation's until it is over,
//! whatever becomes of the future.

mod common;

use common::{
    manual,
    Count,
    OnDrop, //
};
use kasync::{
    block_on,
    cancelled,
    in_flight::{
        InFlight,
        MAX_DEPTH, //
    },
    select,
    time::{
        timeout,
        Delta, //
    },
    Either, //
};
use kernel::{
    error::code,
    host::World, //
};
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        Mutex, //
    },
    task::{
        Context,
        Poll,
        Wake,
        Waker, //
    }, //
};

/// Memory that counts when it is freed.
type Memory = OnDrop;

fn device(depth: usize) -> InFlight<Memory, u32> {
    InFlight::new(depth).unwrap()
}

/// Says that the device is done.
fn done(device: &InFlight<Memory, u32>, id: u16, result: u32) -> kernel::error::Result<bool> {
    // SAFETY: There is no device.
    unsafe { device.complete(id, result) }.map(|unclaimed| unclaimed.is_some())
}

struct Counting(Count);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.add();
    }
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(waker))
}

#[test]
fn the_result_comes_with_the_memory() {
    manual(|_, _| {
        let (freed, woken) = (Count::default(), Count::default());
        let waker = Waker::from(Arc::new(Counting(woken.clone())));
        let device = device(1);
        let tag = device.try_reserve().unwrap();
        let id = tag.id();
        let mut operation = tag.start(OnDrop(freed.clone()));
        assert!(poll(&mut operation, &waker).is_pending());
        assert_eq!(device.try_reserve().err(), Some(code::EBUSY));
        assert_eq!(done(&device, id, 7), Ok(false));
        assert_eq!((woken.get(), freed.get()), (1, 0));
        let Poll::Ready((memory, result)) = poll(&mut operation, &waker) else {
            panic!("not over")
        };
        assert_eq!((result, freed.get()), (7, 0));
        drop(memory);
        assert_eq!((freed.get(), device.available()), (1, 1));
        // H12: once only.
        assert!(poll(&mut operation, &waker).is_pending());
    });
}

#[test]
fn dropped_it_stays_until_the_device_is_done() {
    manual(|_, _| {
        let freed = Count::default();
        let device = device(1);
        let tag = device.try_reserve().unwrap();
        let id = tag.id();
        drop(tag.start(OnDrop(freed.clone())));
        assert_eq!((freed.get(), device.available()), (0, 0));
        assert_eq!(done(&device, id, 0), Ok(true));
        assert_eq!((freed.get(), device.available()), (1, 1));
    });
}

#[test]
fn dropped_after_the_end_it_is_freed_there() {
    manual(|_, _| {
        let freed = Count::default();
        let device = device(1);
        let tag = device.try_reserve().unwrap();
        let id = tag.id();
        let operation = tag.start(OnDrop(freed.clone()));
        assert_eq!(done(&device, id, 0), Ok(false));
        assert_eq!((freed.get(), device.available()), (0, 0));
        drop(operation);
        assert_eq!((freed.get(), device.available()), (1, 1));
    });
}

/// Timed out, cancelled with its task, its scope ended: nothing of that reaches the memory.
#[test]
fn whatever_happens_to_the_future() {
    manual(|world, executor| {
        let freed = Count::default();
        let device = device(2);
        let start = || {
            let tag = device.try_reserve().unwrap();
            (tag.id(), tag.start(OnDrop(freed.clone())))
        };
        let (out_of_time, operation) = start();
        let late = timeout(Delta::from_millis(1), operation);
        let scope = executor.root().child(c"client").unwrap();
        let late = scope.spawn(c"late", late).unwrap();
        let (gone, operation) = start();
        let task = async move { matches!(select(cancelled(), operation).await, Either::Left(())) };
        let task = scope.spawn(c"cancelled", task).unwrap();
        world.run();
        world.advance(Delta::from_millis(2));
        world.run();
        assert!(block_on(late).unwrap().is_err());
        block_on(scope.end()).unwrap().unwrap();
        assert!(block_on(task).unwrap());
        assert_eq!((freed.get(), device.available()), (0, 0));
        assert_eq!(done(&device, out_of_time, 0), Ok(true));
        assert_eq!(done(&device, gone, 0), Ok(true));
        assert_eq!((freed.get(), device.available()), (2, 2));
    });
}

#[test]
fn what_the_device_never_had_it_cannot_complete() {
    manual(|_, _| {
        let freed = Count::default();
        let device = device(3);
        assert_eq!(done(&device, 0, 0), Err(code::EINVAL));
        // No slot at all.
        assert_eq!(done(&device, 3, 0), Err(code::EINVAL));
        assert_eq!(done(&device, u16::MAX, 0), Err(code::EINVAL));
        let tag = device.try_reserve().unwrap();
        let id = tag.id();
        // Reserved, not started.
        assert_eq!(done(&device, id, 0), Err(code::EINVAL));
        drop(tag.start(OnDrop(freed.clone())));
        assert_eq!(done(&device, id, 0), Ok(true));
        // Twice.
        assert_eq!(done(&device, id, 0), Err(code::EINVAL));
        // Twice, and the room has another operation now.
        let tag = device.try_reserve().unwrap();
        assert_eq!(usize::from(id), tag.index());
        assert_ne!(id, tag.id());
        let next = tag.id();
        drop(tag.start(OnDrop(freed.clone())));
        assert_eq!(done(&device, id, 0), Err(code::EINVAL));
        assert_eq!(freed.get(), 1);
        assert_eq!(done(&device, next, 0), Ok(true));
    });
}

/// Over all rounds a tag names one slot, and is never what NVMe's error log means by none.
#[test]
fn tags_name_their_slots() {
    manual(|_, _| {
        for depth in [1, 2, 3, 63, 64, 65, 127, 1023] {
            let device = InFlight::<(), ()>::new(depth).unwrap();
            for _ in 0..3 {
                let tags: Vec<_> = (0..depth).map(|_| device.try_reserve().unwrap()).collect();
                let mut ids: Vec<_> = tags.iter().map(|tag| tag.id()).collect();
                ids.sort_unstable();
                ids.dedup();
                assert_eq!(ids.len(), depth);
                assert!(!ids.contains(&u16::MAX));
                for tag in tags {
                    let id = tag.id();
                    drop(tag.start(()));
                    // SAFETY: There is no device.
                    assert!(unsafe { device.complete(id, ()) } == Ok(Some(())));
                }
            }
        }
        let device = InFlight::<(), ()>::new(1).unwrap();
        for _ in 0..0x1_0000 {
            let tag = device.try_reserve().unwrap();
            let id = tag.id();
            assert_ne!(id, u16::MAX);
            drop(tag.start(()));
            // SAFETY: There is no device.
            assert!(unsafe { device.complete(id, ()) } == Ok(Some(())));
        }
        assert_eq!(InFlight::<(), ()>::new(0).err(), Some(code::EINVAL));
        assert_eq!(
            InFlight::<(), ()>::new(MAX_DEPTH + 1).err(),
            Some(code::EINVAL)
        );
        assert!(InFlight::<(), ()>::new(MAX_DEPTH).is_ok());
    });
}

#[test]
fn waiting_for_room_is_fair_and_ends_when_closed() {
    manual(|world, executor| {
        let device = device(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let tag = device.try_reserve().unwrap();
        let tasks = [1, 2, 3].map(|n| {
            let (device, order) = (device.clone(), order.clone());
            let task = async move {
                let tag = device.reserve().await?;
                order.lock().unwrap().push(n);
                drop(tag);
                Ok::<_, kernel::error::Error>(())
            };
            let task = executor.root().spawn(c"client", task).unwrap();
            world.run();
            task
        });
        assert_eq!(device.try_reserve().err(), Some(code::EBUSY));
        drop(tag);
        world.run();
        assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
        tasks.map(|task| block_on(task).unwrap().unwrap());

        let tag = device.try_reserve().unwrap();
        let task = {
            let device = device.clone();
            async move { device.reserve().await.err() }
        };
        let task = executor.root().spawn(c"refused", task).unwrap();
        world.run();
        assert!(!task.is_finished());
        device.close();
        world.run();
        assert_eq!(block_on(task).unwrap(), Some(code::ENODEV));
        assert_eq!(device.try_reserve().err(), Some(code::ENODEV));
        assert_eq!(
            block_on(device.reserve()).unwrap().err(),
            Some(code::ENODEV)
        );
        // What was reserved may still start, and be over.
        let id = tag.id();
        let operation = tag.start(OnDrop(Count::default()));
        assert_eq!(done(&device, id, 1), Ok(false));
        assert_eq!(block_on(operation).unwrap().1, 1);
    });
}

#[test]
fn draining_waits_for_what_is_in_flight() {
    manual(|world, executor| {
        let device = device(2);
        let tag = device.try_reserve().unwrap();
        let id = tag.id();
        drop(tag.start(OnDrop(Count::default())));
        let drain = {
            let device = device.clone();
            async move {
                let _drained = device.drain().await;
                device.try_reserve().err()
            }
        };
        let task = executor.root().spawn(c"drain", drain).unwrap();
        world.run();
        assert!(!task.is_finished());
        // Those that come now are behind it.
        assert_eq!(device.try_reserve().err(), Some(code::EBUSY));
        assert_eq!(done(&device, id, 0), Ok(true));
        world.run();
        assert_eq!(block_on(task).unwrap(), Some(code::EBUSY));
        assert!(device.try_reserve().is_ok());
    });
}

/// A client that has operations which are over, and waits for room for another, is not waited for.
#[test]
fn settling_waits_for_the_device_only() {
    manual(|world, executor| {
        let device = device(2);
        let start = |device: &InFlight<Memory, u32>| {
            let tag = device.try_reserve().unwrap();
            (tag.id(), tag.start(OnDrop(Count::default())))
        };
        let ((over, kept), (gone, dropped)) = (start(&device), start(&device));
        drop(dropped);
        let waits = {
            let device = device.clone();
            async move { device.reserve().await.map(drop) }
        };
        let waits = executor.root().spawn(c"client", waits).unwrap();
        let settle = |device: &InFlight<Memory, u32>| {
            let device = device.clone();
            let settled = async move { device.settled().await };
            executor.root().spawn(c"settle", settled).unwrap()
        };
        let settled = settle(&device);
        world.run();
        assert_eq!(done(&device, over, 1), Ok(false));
        world.run();
        assert!(!settled.is_finished() && !waits.is_finished());
        assert_eq!(done(&device, gone, 0), Ok(true));
        world.run();
        // `kept` has its room still.
        assert!(settled.is_finished() && waits.is_finished());
        block_on(waits).unwrap().unwrap();
        // What begins later is not waited for.
        let (later, _operation) = start(&device);
        let settled = settle(&device);
        world.run();
        assert!(!settled.is_finished());
        assert_eq!(done(&device, later, 2), Ok(false));
        world.run();
        block_on(settled).unwrap();
        assert_eq!(block_on(kept).unwrap().1, 1);
        assert!(poll(&mut pin!(device.settled()), Waker::noop()).is_ready());
    });
}

#[test]
fn all_ends_when_the_device_has_stopped() {
    manual(|_, _| {
        let freed = Count::default();
        let device = device(4);
        let start = || {
            let tag = device.try_reserve().unwrap();
            (tag.id(), tag.start(OnDrop(freed.clone())))
        };
        let (over, first) = start();
        let (_, second) = start();
        drop(start().1);
        let reserved = device.try_reserve().unwrap();
        assert_eq!(device.ids().count(), 3);
        assert_eq!(device.ids().next(), Some(over));
        assert_eq!(done(&device, over, 1), Ok(false));
        assert!(!device.ids().any(|id| id == over || id == reserved.id()));
        let mut unclaimed = 0;
        // SAFETY: There is no device.
        unsafe { device.stopped(|_| 2, |_| unclaimed += 1) };
        assert_eq!(unclaimed, 1);
        // The result that came before is not replaced.
        assert_eq!(block_on(first).unwrap().1, 1);
        assert_eq!(block_on(second).unwrap().1, 2);
        assert_eq!((freed.get(), device.available()), (3, 3));
        drop(reserved);
    });
}

/// The driver hears of an operation that was abandoned, once, and its tag is not used again while
/// the device is asked to stop it.
#[test]
fn abandoned_keeps_the_tag() {
    manual(|world, executor| {
        let freed = Count::default();
        let device = device(1);
        let listener = {
            let device = device.clone();
            async move { device.abandoned().await }
        };
        let listener = executor.root().spawn(c"abort", listener).unwrap();
        world.run();
        let tag = device.try_reserve().unwrap();
        let id = tag.id();
        let operation = tag.start(OnDrop(freed.clone()));
        world.run();
        assert!(!listener.is_finished());
        drop(operation);
        world.run();
        let mut abandoned = block_on(listener).unwrap();
        assert_eq!((abandoned.id(), abandoned.is_over()), (id, false));
        let waker = Waker::noop();
        assert!(poll(&mut pin!(device.abandoned()), waker).is_pending());
        {
            let mut over = pin!(abandoned.over());
            assert!(poll(&mut over, waker).is_pending());
            assert_eq!(done(&device, id, 0), Ok(true));
            assert!(poll(&mut over, waker).is_ready());
        }
        assert!(abandoned.is_over());
        assert_eq!((freed.get(), device.available()), (1, 0));
        assert_eq!(abandoned.id(), id);
        drop(abandoned);
        assert_eq!(device.available(), 1);
    });
}

/// A driver that gives up asking leaves the operation to the device.
#[test]
fn abandoned_is_left_to_the_device() {
    manual(|_, _| {
        let freed = Count::default();
        let device = device(1);
        let tag = device.try_reserve().unwrap();
        let id = tag.id();
        drop(tag.start(OnDrop(freed.clone())));
        drop(block_on(device.abandoned()).unwrap());
        assert_eq!((freed.get(), device.available()), (0, 0));
        assert_eq!(done(&device, id, 0), Ok(true));
        assert_eq!((freed.get(), device.available()), (1, 1));
        // Over, so it is offered no more.
        assert!(poll(&mut pin!(device.abandoned()), Waker::noop()).is_pending());
    });
}

/// A future that is forgotten keeps its share for ever, and so the memory. It is not freed early.
#[test]
fn forgotten_it_is_leaked() {
    let world = World::manual();
    let _entered = world.enter();
    let freed = Count::default();
    let device = device(1);
    let tag = device.try_reserve().unwrap();
    let id = tag.id();
    std::mem::forget(tag.start(OnDrop(freed.clone())));
    assert_eq!(done(&device, id, 0), Ok(false));
    drop(device);
    assert_eq!(freed.get(), 0);
    assert_eq!(world.take_api_violations(), Vec::<String>::new());
}

/// Nobody has said that the device has stopped: the memory is leaked rather than freed, and that is
/// reported.
#[test]
fn leaked_rather_than_freed() {
    let world = World::manual();
    let _entered = world.enter();
    let freed = Count::default();
    let device = device(2);
    drop(device.try_reserve().unwrap().start(OnDrop(freed.clone())));
    drop(device);
    assert_eq!(freed.get(), 0);
    let reports = world.take_api_violations();
    assert_eq!(reports.len(), 1);
    assert!(reports[0].contains("leaked"), "{reports:?}");
}
