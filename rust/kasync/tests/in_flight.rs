// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Operations in flight: tags, results, and the ownership of their memory, in a manual world.

mod common;

use common::{
    counting,
    device::Device,
    manual,
    poll, //
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
    pin::Pin,
    task::Poll, //
};

#[test]
fn the_result_comes_with_the_memory() {
    manual(|_, _| {
        let (waker, woken) = counting();
        let device = Device::new(1);
        let (id, mut operation) = device.start();
        assert!(poll(Pin::new(&mut operation), &waker).is_pending());
        assert_eq!(device.try_reserve().err(), Some(code::EBUSY));
        assert_eq!(device.done(id, 7), Ok(false));
        assert_eq!((woken.get(), device.freed()), (1, 0));
        let Poll::Ready((memory, result)) = poll(Pin::new(&mut operation), &waker) else {
            panic!("not over")
        };
        assert_eq!((result, device.freed()), (7, 0));
        drop(memory);
        assert_eq!(device.state(), (1, 1));
        // H12: once only.
        assert!(poll(Pin::new(&mut operation), &waker).is_pending());
    });
}

#[test]
fn dropped_it_stays_until_the_device_is_done() {
    manual(|_, _| {
        let device = Device::new(1);
        let (id, operation) = device.start();
        drop(operation);
        assert_eq!(device.state(), (0, 0));
        assert_eq!(device.done(id, 0), Ok(true));
        assert_eq!(device.state(), (1, 1));
    });
}

#[test]
fn dropped_after_the_end_it_is_freed_there() {
    manual(|_, _| {
        let device = Device::new(1);
        let (id, operation) = device.start();
        assert_eq!(device.done(id, 0), Ok(false));
        assert_eq!(device.state(), (0, 0));
        drop(operation);
        assert_eq!(device.state(), (1, 1));
    });
}

/// The memory stays after a time limit, a cancellation of the task, and the end of its scope.
#[test]
fn whatever_happens_to_the_future() {
    manual(|world, executor| {
        let device = Device::new(2);
        let (out_of_time, operation) = device.start();
        let late = timeout(Delta::from_millis(1), operation);
        let scope = executor.root().child(c"client").unwrap();
        let late = scope.spawn(c"late", late).unwrap();
        let (gone, operation) = device.start();
        let task = async move { matches!(select(cancelled(), operation).await, Either::Left(())) };
        let task = scope.spawn(c"cancelled", task).unwrap();
        world.run();
        world.advance(Delta::from_millis(2));
        world.run();
        assert!(block_on(late).unwrap().is_err());
        block_on(scope.end()).unwrap().unwrap();
        assert!(block_on(task).unwrap());
        assert_eq!(device.state(), (0, 0));
        assert_eq!(device.done(out_of_time, 0), Ok(true));
        assert_eq!(device.done(gone, 0), Ok(true));
        assert_eq!(device.state(), (2, 2));
    });
}

#[test]
fn what_the_device_never_had_it_cannot_complete() {
    manual(|_, _| {
        let device = Device::new(3);
        assert_eq!(device.done(0, 0), Err(code::EINVAL));
        // There are no such slots.
        assert_eq!(device.done(3, 0), Err(code::EINVAL));
        assert_eq!(device.done(u16::MAX, 0), Err(code::EINVAL));
        let tag = device.try_reserve().unwrap();
        let (id, index) = (tag.id(), tag.index());
        // Reserved, not started.
        assert_eq!(device.done(id, 0), Err(code::EINVAL));
        drop(device.start_with(tag));
        assert_eq!(device.done(id, 0), Ok(true));
        // Completed twice.
        assert_eq!(device.done(id, 0), Err(code::EINVAL));
        // Completed twice, while the slot has another operation.
        let tag = device.try_reserve().unwrap();
        assert_eq!(index, tag.index());
        assert_eq!(usize::from(id), tag.index());
        let (next, operation) = device.start_with(tag);
        drop(operation);
        assert_ne!(id, next);
        assert_eq!(device.done(id, 0), Err(code::EINVAL));
        assert_eq!(device.freed(), 1);
        assert_eq!(device.done(next, 0), Ok(true));
    });
}

/// Reserves, starts and completes an operation in each slot. Returns the tags, in order.
fn round(device: &InFlight<(), ()>) -> Vec<u16> {
    let tags = (0..device.depth()).map(|_| device.try_reserve().unwrap());
    let tags: Vec<_> = tags.collect();
    let mut ids: Vec<_> = tags.iter().map(|tag| tag.id()).collect();
    ids.sort_unstable();
    for tag in tags {
        let id = tag.id();
        drop(tag.start(()));
        // SAFETY: There is no device.
        assert!(unsafe { device.complete(id, ()) } == Ok(Some(())));
    }
    ids
}

/// Over all rounds a tag names one slot, and is never the value that means none in the error log of
/// NVMe.
#[test]
fn tags_name_their_slots() {
    manual(|_, _| {
        for depth in [1, 2, 3, 63, 64, 65, 127, 1023] {
            let device = InFlight::new(depth).unwrap();
            for _ in 0..3 {
                let mut ids = round(&device);
                ids.dedup();
                assert_eq!(ids.len(), depth);
                assert!(!ids.contains(&u16::MAX));
            }
        }
        let device = InFlight::new(1).unwrap();
        for _ in 0..0x1_0000 {
            assert_ne!(round(&device), [u16::MAX]);
        }
    });
}

#[test]
fn depths() {
    manual(|_, _| {
        for depth in [0, MAX_DEPTH + 1, usize::MAX] {
            assert_eq!(InFlight::<(), ()>::new(depth).err(), Some(code::EINVAL));
        }
        assert_eq!(
            InFlight::<(), ()>::new(MAX_DEPTH).unwrap().depth(),
            MAX_DEPTH
        );
    });
}

/// A future that is forgotten keeps its share for ever, and so the memory. It is not freed early.
#[test]
fn forgotten_it_is_leaked() {
    let world = World::manual();
    let _entered = world.enter();
    let device = Device::new(1);
    let (id, operation) = device.start();
    std::mem::forget(operation);
    assert_eq!(device.done(id, 0), Ok(false));
    assert_eq!(device.leave().get(), 0);
    assert_eq!(world.take_api_violations(), Vec::<String>::new());
}

/// A device that is dropped without a report that it has stopped leaks the memory of its operations
/// instead of freeing it, and reports that.
#[test]
fn leaked_rather_than_freed() {
    let world = World::manual();
    let _entered = world.enter();
    let device = Device::new(2);
    drop(device.start());
    assert_eq!(device.leave().get(), 0);
    let reports = world.take_api_violations();
    assert_eq!(reports.len(), 1);
    assert!(reports[0].contains("leaked"), "{reports:?}");
}
