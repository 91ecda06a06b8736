// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of what a device works on: `rust/kasync/in_flight` as a whole. The memory has one owner
//! at a time, whichever of the device, the future, the driver's abort and a reset comes first. Each
//! model names the hazards that it covers.

use kasync::{
    block_on,
    in_flight::{
        InFlight,
        Operation, //
    }, //
};
use kernel::{
    alloc::KBox,
    error::{
        code,
        Result, //
    }, //
};
use loom::{
    cell::UnsafeCell,
    sync::Arc,
    thread, //
};
use std::{
    future::Future,
    pin::pin,
    task::{
        Context,
        Poll,
        Waker, //
    }, //
};

mod world;

use world::{
    boxed,
    model, //
};

/// Memory: loom finds an access that nothing orders, and the count of boxes one that is freed twice
/// or never.
struct Memory(KBox<UnsafeCell<u64>>);

// SAFETY: Its owner accesses it, which loom checks.
unsafe impl Send for Memory {}

impl Memory {
    fn new() -> Self {
        Self(boxed(UnsafeCell::new(0)))
    }

    fn touch(&self) {
        // SAFETY: The memory is the caller's.
        self.0.with_mut(|n| unsafe { *n += 1 });
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.touch();
    }
}

type Device = InFlight<Memory, u32>;

fn device(depth: usize) -> Device {
    InFlight::new(depth).unwrap()
}

/// Returns a device of one slot, and the operation that it works on, with its tag's number.
fn started() -> (Device, u16, Operation<Memory, u32>) {
    let device = device(1);
    let tag = device.try_reserve().unwrap();
    let id = tag.id();
    (device, id, tag.start(Memory::new()))
}

/// Completes an operation, as the interrupt of the device does.
fn done(device: &Device, id: u16, result: u32) -> Result<Option<Memory>> {
    // SAFETY: There is no device.
    unsafe { device.complete(id, result) }
}

/// Completes an operation in another thread. Its memory is dropped there if its future has gone.
fn interrupt(device: &Device, id: u16) -> thread::JoinHandle<()> {
    let device = device.clone();
    thread::spawn(move || drop(done(&device, id, 7).unwrap()))
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// H1, H10: the interrupt comes while the future is polled. It is woken, has the result and the
/// memory, and the tag can be had again.
#[test]
fn complete_against_poll() {
    model(3, || {
        let (device, id, operation) = started();
        let d = device.clone();
        let irq = thread::spawn(move || assert!(done(&d, id, 7).unwrap().is_none()));
        let (memory, result) = block_on(operation).unwrap();
        assert_eq!(result, 7);
        memory.touch();
        irq.join().unwrap();
        assert_eq!(device.available(), 1);
        assert_ne!(device.try_reserve().unwrap().id(), id);
    });
}

/// The interrupt comes while the future is dropped: one of the two has the memory.
#[test]
fn complete_against_drop() {
    model(3, || {
        let (device, id, operation) = started();
        let d = device.clone();
        let irq = thread::spawn(move || {
            if let Some(memory) = done(&d, id, 7).unwrap() {
                memory.touch();
            }
        });
        drop(operation);
        irq.join().unwrap();
        assert_eq!(device.available(), 1, "the tag is lost");
    });
}

/// An interrupt and a reset end the same operation: one of them does.
#[test]
fn complete_against_stop() {
    model(3, || {
        let (device, id, operation) = started();
        let d = device.clone();
        let irq = thread::spawn(move || match done(&d, id, 1) {
            Ok(unclaimed) => assert!(unclaimed.is_none()),
            Err(e) => assert_eq!(e, code::EINVAL),
        });
        // SAFETY: There is no device.
        unsafe { device.stopped(|_| 2, |_| panic!("the future is there")) };
        irq.join().unwrap();
        let (memory, result) = block_on(operation).unwrap();
        assert!(result == 1 || result == 2);
        memory.touch();
    });
}

/// The future goes while an interrupt and a reset end its operation.
#[test]
fn stop_against_drop() {
    model(2, || {
        let (device, id, operation) = started();
        let d = device.clone();
        let irq = thread::spawn(move || drop(done(&d, id, 1)));
        let d = device.clone();
        // SAFETY: There is no device.
        let reset = thread::spawn(move || unsafe { d.stopped(|_| 2, |m| m.touch()) });
        drop(operation);
        irq.join().unwrap();
        reset.join().unwrap();
        assert_eq!(device.available(), 1, "the tag is lost");
    });
}

/// The driver hears of an operation that is abandoned while that is completed. As long as it asks
/// the device to stop it, the tag is no other operation's.
#[test]
fn complete_against_abort() {
    model(2, || {
        let (device, id, operation) = started();
        let irq = interrupt(&device, id);
        let d = device.clone();
        let aborter = thread::spawn(move || {
            if let Poll::Ready(mut abandoned) = poll(&mut pin!(d.abandoned())) {
                assert_eq!(abandoned.id(), id);
                // The tag is this operation's, be it over or not.
                assert!(d.try_reserve().is_err(), "the tag is used again");
                block_on(abandoned.over()).unwrap();
                assert!(d.try_reserve().is_err(), "the tag is used again");
            }
        });
        drop(operation);
        aborter.join().unwrap();
        irq.join().unwrap();
        assert_eq!(device.available(), 1, "the tag is lost");
    });
}

/// H1: one waits for what the device has, while that is completed, with its future or without.
#[test]
fn complete_against_settled() {
    model(3, || {
        let (device, id, operation) = started();
        let irq = interrupt(&device, id);
        let client = thread::spawn(move || drop(operation));
        block_on(device.settled()).unwrap();
        assert!(done(&device, id, 8).is_err(), "the device has it");
        irq.join().unwrap();
        client.join().unwrap();
        assert_eq!(device.available(), 1, "the tag is lost");
    });
}

/// The driver gives up while the operation is completed.
#[test]
fn complete_against_giving_up() {
    model(3, || {
        let (device, id, operation) = started();
        drop(operation);
        let Poll::Ready(abandoned) = poll(&mut pin!(device.abandoned())) else {
            panic!("the completion is lost")
        };
        let irq = interrupt(&device, id);
        drop(abandoned);
        irq.join().unwrap();
        assert_eq!(device.available(), 1, "the tag is lost");
    });
}

/// H1: the driver waits while the future goes: it hears of it.
#[test]
fn abandoned_against_drop() {
    model(2, || {
        let (device, id, operation) = started();
        let client = thread::spawn(move || drop(operation));
        let abandoned = block_on(device.abandoned()).unwrap();
        assert_eq!(abandoned.id(), id);
        client.join().unwrap();
        drop(abandoned);
        drop(done(&device, id, 7).unwrap());
    });
}

/// H1: room comes back by an interrupt while two wait for it. Both have their turn, and an
/// operation of before is not mistaken for one of theirs.
#[test]
fn complete_against_reserve() {
    model(2, || {
        let (device, id, operation) = started();
        drop(operation);
        let d = device.clone();
        let irq = thread::spawn(move || {
            drop(done(&d, id, 7).unwrap());
            assert!(done(&d, id, 8).is_err(), "another's operation");
        });
        let d = device.clone();
        let other = thread::spawn(move || {
            let tag = block_on(d.reserve()).unwrap().unwrap();
            let next = tag.id();
            let operation = tag.start(Memory::new());
            assert!(done(&d, next, 9).unwrap().is_none());
            assert_eq!(block_on(operation).unwrap().1, 9);
        });
        let tag = block_on(device.reserve()).unwrap().unwrap();
        drop(tag);
        other.join().unwrap();
        irq.join().unwrap();
        assert_eq!(device.available(), 1, "the tag is lost");
    });
}

/// H1: a waiter for room that is never released is refused when the queue is closed.
#[test]
fn close_against_reserve() {
    model(3, || {
        let device = Arc::new(device(1));
        let tag = device.try_reserve().unwrap();
        let d = device.clone();
        let closer = thread::spawn(move || d.close());
        assert!(block_on(device.reserve()).unwrap().is_err());
        closer.join().unwrap();
        drop(tag);
    });
}
