// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Operations in flight: waits for room and for their end, and abandoned ones, in a manual world.

mod common;

use common::{
    device::Device,
    manual,
    poll, //
};
use kasync::{
    block_on,
    Executor,
    JoinHandle, //
};
use kernel::error::{
    code,
    Error, //
};
use std::{
    future::Future,
    pin::{
        pin,
        Pin, //
    },
    sync::{
        Arc,
        Mutex, //
    },
    task::{
        Poll,
        Waker, //
    }, //
};

/// Spawns a task that runs `f` with a clone of `device`.
fn spawn<F, Fut>(executor: &Executor, device: &Device, f: F) -> JoinHandle<Fut::Output>
where
    F: FnOnce(Device) -> Fut,
    Fut: Future<Output: Send> + Send + 'static,
{
    executor.root().spawn(c"client", f(device.clone())).unwrap()
}

/// Polls a future once, without a waker.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll(future, Waker::noop())
}

#[test]
fn waiting_for_room_is_fair() {
    manual(|world, executor| {
        let device = Device::new(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let tag = device.try_reserve().unwrap();
        let tasks = [1, 2, 3].map(|n| {
            let order = order.clone();
            let task = spawn(executor, &device, |device| async move {
                let tag = device.reserve().await?;
                order.lock().unwrap().push(n);
                drop(tag);
                Ok::<_, Error>(())
            });
            world.run();
            task
        });
        assert_eq!(device.try_reserve().err(), Some(code::EBUSY));
        drop(tag);
        world.run();
        assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
        tasks.map(|task| block_on(task).unwrap().unwrap());
    });
}

#[test]
fn waiting_for_room_ends_when_closed() {
    manual(|world, executor| {
        let device = Device::new(1);
        let tag = device.try_reserve().unwrap();
        let task = spawn(executor, &device, |device| async move {
            device.reserve().await.err()
        });
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
        // A reserved operation may still start and complete.
        let (id, operation) = device.start_with(tag);
        assert_eq!(device.done(id, 1), Ok(false));
        assert_eq!(block_on(operation).unwrap().1, 1);
    });
}

#[test]
fn draining_waits_for_what_is_in_flight() {
    manual(|world, executor| {
        let device = Device::new(2);
        let (id, operation) = device.start();
        drop(operation);
        let task = spawn(executor, &device, |device| async move {
            let _drained = device.drain().await;
            device.try_reserve().err()
        });
        world.run();
        assert!(!task.is_finished());
        // Later reservations wait behind the drain.
        assert_eq!(device.try_reserve().err(), Some(code::EBUSY));
        assert_eq!(device.done(id, 0), Ok(true));
        world.run();
        assert_eq!(block_on(task).unwrap(), Some(code::EBUSY));
        assert!(device.try_reserve().is_ok());
    });
}

/// `settled()` does not wait for a client that has completed operations and waits for room for
/// another one.
#[test]
fn settling_waits_for_the_device_only() {
    manual(|world, executor| {
        let device = Device::new(2);
        let ((over, kept), (gone, dropped)) = (device.start(), device.start());
        drop(dropped);
        let settle = || {
            spawn(
                executor,
                &device,
                |device| async move { device.settled().await },
            )
        };
        let waits = spawn(executor, &device, |device| async move {
            device.reserve().await.map(drop)
        });
        let settled = settle();
        world.run();
        assert_eq!(device.done(over, 1), Ok(false));
        world.run();
        assert!(!settled.is_finished() && !waits.is_finished());
        assert_eq!(device.done(gone, 0), Ok(true));
        world.run();
        // `kept` still has its room.
        assert!(settled.is_finished() && waits.is_finished());
        block_on(waits).unwrap().unwrap();
        // `settled()` does not wait for operations that start later.
        let (later, _operation) = device.start();
        let settled = settle();
        world.run();
        assert!(!settled.is_finished());
        assert_eq!(device.done(later, 2), Ok(false));
        world.run();
        block_on(settled).unwrap();
        assert_eq!(block_on(kept).unwrap().1, 1);
        assert!(poll_once(pin!(device.settled())).is_ready());
    });
}

#[test]
fn all_ends_when_the_device_has_stopped() {
    manual(|_, _| {
        let device = Device::new(4);
        let (over, first) = device.start();
        let (_, second) = device.start();
        drop(device.start().1);
        let reserved = device.try_reserve().unwrap();
        assert_eq!(device.ids().count(), 3);
        assert_eq!(device.ids().next(), Some(over));
        assert_eq!(device.done(over, 1), Ok(false));
        assert!(!device.ids().any(|id| id == over || id == reserved.id()));
        let mut unclaimed = 0;
        // SAFETY: There is no device.
        unsafe { device.stopped(|_| 2, |_| unclaimed += 1) };
        assert_eq!(unclaimed, 1);
        // The earlier result is not replaced.
        assert_eq!(block_on(first).unwrap().1, 1);
        assert_eq!(block_on(second).unwrap().1, 2);
        assert_eq!(device.state(), (3, 3));
        drop(reserved);
    });
}

/// An abandoned operation is returned once. Its tag is not reused while the driver has it.
#[test]
fn abandoned_keeps_the_tag() {
    manual(|world, executor| {
        let device = Device::new(1);
        let listener = spawn(executor, &device, |device| async move {
            device.abandoned().await
        });
        world.run();
        let (id, operation) = device.start();
        world.run();
        assert!(!listener.is_finished());
        drop(operation);
        world.run();
        let mut abandoned = block_on(listener).unwrap();
        assert_eq!((abandoned.id(), abandoned.is_over()), (id, false));
        assert!(poll_once(pin!(device.abandoned())).is_pending());
        {
            let mut over = pin!(abandoned.over());
            assert!(poll_once(over.as_mut()).is_pending());
            assert_eq!(device.done(id, 0), Ok(true));
            assert!(poll_once(over.as_mut()).is_ready());
        }
        assert!(abandoned.is_over());
        assert_eq!(device.state(), (1, 0));
        assert_eq!(abandoned.id(), id);
        drop(abandoned);
        assert_eq!(device.available(), 1);
    });
}

/// A driver that drops an abandoned operation leaves it to the device.
#[test]
fn abandoned_is_left_to_the_device() {
    manual(|_, _| {
        let device = Device::new(1);
        let (id, operation) = device.start();
        drop(operation);
        drop(block_on(device.abandoned()).unwrap());
        assert_eq!(device.state(), (0, 0));
        assert_eq!(device.done(id, 0), Ok(true));
        assert_eq!(device.state(), (1, 1));
        // A completed operation is not returned again.
        assert!(poll_once(pin!(device.abandoned())).is_pending());
    });
}

#[test]
fn an_operation_is_told_from_a_later_one_of_the_same_tag() {
    manual(|_world, _executor| {
        let device = Device::new(1);
        let mut seen = std::collections::HashMap::new();
        // More than there are tags of a slot.
        for before in 0..1 << 16 {
            let (id, _operation) = device.start();
            let now: Vec<_> = device.operations().collect();
            assert_eq!(now, [(id, before)]);
            assert_eq!(device.done(id, 0), Ok(false));
            if let Some(other) = seen.insert(id, before) {
                assert!(other < before);
                return;
            }
        }
        panic!("no tag is used again");
    });
}
