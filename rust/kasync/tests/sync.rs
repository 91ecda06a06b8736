// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Synchronisation in a manual world: contract 7, H9, H12, H24, H33.

mod common;

use common::{
    counting,
    manual,
    poll,
    Count,
    OnDrop, //
};
use kasync::{
    block_on,
    next,
    sync::{
        mpsc,
        oneshot,
        AtomicWaker,
        Notify,
        Semaphore, //
    },
    FutureSet, //
};
use kernel::{
    alloc::flags::GFP_KERNEL,
    error::code,
    host::World,
    shim::is_preemption_disabled, //
};
use std::{
    pin::{
        pin,
        Pin, //
    },
    sync::Arc,
    task::{
        Context,
        Poll,
        Wake,
        Waker, //
    }, //
};

/// The waker of the last registration is woken, once; what is registered again is not cloned anew.
#[test]
fn atomic_waker() {
    manual(|_, _| {
        let ((first, woken1), (second, woken2)) = (counting(), counting());
        let slot = AtomicWaker::new();
        slot.wake();
        slot.register(&Context::from_waker(&first));
        slot.register(&Context::from_waker(&second));
        slot.register(&Context::from_waker(&second));
        slot.wake();
        slot.wake();
        assert_eq!((woken1.get(), woken2.get()), (0, 1));
        slot.register(&Context::from_waker(&first));
        assert!(slot.take().is_some());
        assert!(slot.take().is_none());
    });
}

#[test]
fn notify_one_and_all() {
    manual(|_, _| {
        let notify = Notify::new();
        // Kept for one, however many.
        notify.notify_one();
        notify.notify_one();
        assert!(poll(pin!(notify.notified()), Waker::noop()).is_ready());
        let ((w1, n1), (w2, n2)) = (counting(), counting());
        let (mut a, mut b) = (Box::pin(notify.notified()), Box::pin(notify.notified()));
        let unpolled = Box::pin(notify.notified());
        assert!(poll(a.as_mut(), &w1).is_pending());
        assert!(poll(b.as_mut(), &w2).is_pending());
        notify.notify_one();
        assert_eq!((n1.get(), n2.get()), (1, 0));
        // H24: the chosen one goes without a look; the next one is woken.
        drop(a);
        assert_eq!(n2.get(), 1);
        assert!(poll(b.as_mut(), &w2).is_ready());
        // All waiters that exist, polled or not, and none that is created later.
        let mut c = Box::pin(notify.notified());
        assert!(poll(c.as_mut(), &w1).is_pending());
        notify.notify_waiters();
        let mut late = pin!(notify.notified());
        assert!(poll(late.as_mut(), &w1).is_pending());
        assert!(poll(c.as_mut(), &w1).is_ready());
        assert!(poll(pin!(unpolled), &w1).is_ready());
        // Dropping one that was woken with all the others passes nothing on.
        let mut d = Box::pin(notify.notified());
        assert!(poll(d.as_mut(), &w2).is_pending());
        notify.notify_waiters();
        drop(d);
        assert!(poll(late.as_mut(), &w1).is_ready());
        assert!(poll(pin!(notify.notified()), &w1).is_pending());
    });
}

#[test]
fn semaphore_is_fair() {
    manual(|_, _| {
        let ring = Semaphore::new(3);
        let two = ring.try_acquire(2).unwrap();
        assert!(ring.try_acquire(2).is_none());
        let ((w1, n1), (w2, n2)) = (counting(), counting());
        let mut large = Box::pin(ring.acquire(3));
        let mut small = Box::pin(ring.acquire(1));
        assert!(poll(large.as_mut(), &w1).is_pending());
        // One permit is free, but an earlier request waits.
        assert!(poll(small.as_mut(), &w2).is_pending());
        assert!(ring.try_acquire(1).is_none());
        drop(two);
        assert_eq!((n1.get(), n2.get()), (1, 0));
        assert_eq!(ring.available(), 0);
        let Poll::Ready(three) = poll(large.as_mut(), &w1) else {
            panic!("not given")
        };
        assert_eq!(three.count(), 3);
        drop(three);
        assert_eq!(n2.get(), 1);
        // H24: given and not taken goes back.
        drop(small);
        assert_eq!(ring.available(), 3);
        // A waiter that gives up lets those behind it pass.
        let all = ring.try_acquire(2).unwrap();
        let mut large = Box::pin(ring.acquire(2));
        let mut small = Box::pin(ring.acquire(1));
        assert!(poll(large.as_mut(), &w1).is_pending());
        assert!(poll(small.as_mut(), &w2).is_pending());
        drop(large);
        assert_eq!(n2.get(), 2);
        assert!(poll(small.as_mut(), &w2).is_ready());
        drop(all);
        assert_eq!(ring.available(), 3);
        // Forgotten permits are gone.
        core::mem::forget(ring.try_acquire(1).unwrap());
        assert_eq!(ring.available(), 2);
        // Nothing at all is always to be had, in turn.
        assert!(poll(pin!(ring.acquire(0)), &w1).is_ready());
    });
}

#[test]
fn owned_permits_travel() {
    manual(|world, executor| {
        let ring = kernel::sync::Arc::new(Semaphore::new(1), GFP_KERNEL).unwrap();
        let permit = block_on(Semaphore::acquire_owned(&ring, 1)).unwrap();
        let task = async move { drop(permit) };
        let handle = executor.root().spawn(c"t", task).unwrap();
        let waiting = executor
            .root()
            .spawn(c"w", Semaphore::acquire_owned(&ring, 1))
            .unwrap();
        world.run();
        assert!(handle.is_finished() && waiting.is_finished());
        drop(waiting);
        assert_eq!(ring.available(), 1);
    });
}

#[test]
fn mpsc_keeps_order_and_bounds() {
    manual(|world, executor| {
        assert_eq!(mpsc::channel::<u8>(0).err(), Some(code::EINVAL));
        assert_eq!(mpsc::channel::<u64>(usize::MAX).err(), Some(code::EINVAL));
        let (tx, mut rx) = mpsc::channel(3).unwrap();
        // Around the ring several times.
        for i in 0..10 {
            assert_eq!(tx.try_send(2 * i), Ok(()));
            assert_eq!(tx.try_send(2 * i + 1), Ok(()));
            assert_eq!(rx.try_recv(), Some(2 * i));
            assert_eq!(rx.try_recv(), Some(2 * i + 1));
        }
        for i in 0..3 {
            tx.try_send(i).unwrap();
        }
        assert_eq!(tx.try_send(9), Err(mpsc::TrySendError::Full(9)));
        // H24: a receive that is dropped takes nothing.
        drop(rx.recv());
        let tx2 = tx.clone();
        let task = async move {
            let mut got = Vec::new();
            while let Some(v) = rx.recv().await {
                got.push(v);
            }
            got
        };
        let handle = executor.root().spawn(c"rx", task).unwrap();
        world.run();
        drop(tx);
        world.run();
        assert!(!handle.is_finished());
        assert_eq!(tx2.try_send(3), Ok(()));
        drop(tx2);
        world.run();
        assert_eq!(block_on(handle), Ok(vec![0, 1, 2, 3]));
        // Values without size.
        let (tx, mut rx) = mpsc::channel::<()>(2).unwrap();
        assert!(tx.try_send(()).is_ok() && tx.try_send(()).is_ok());
        assert!(tx.try_send(()).is_err());
        assert_eq!(rx.try_recv(), Some(()));
    });
}

#[test]
fn mpsc_closes_from_both_ends() {
    manual(|_, _| {
        let dropped = Count::default();
        let value = || OnDrop(dropped.clone());
        let (tx, mut rx) = mpsc::channel(4).unwrap();
        assert!(tx.try_send(value()).is_ok());
        assert!(tx.try_send(value()).is_ok());
        rx.close();
        assert!(tx.is_closed());
        assert!(matches!(
            tx.try_send(value()),
            Err(mpsc::TrySendError::Closed(_))
        ));
        assert_eq!(dropped.get(), 1);
        // What was sent before can still be had.
        assert!(block_on(rx.recv()).unwrap().is_some());
        assert_eq!(dropped.get(), 2);
        drop(rx);
        // The rest goes with the receiver, though a sender is left.
        assert_eq!(dropped.get(), 3);
        drop(tx);
    });
}

#[test]
fn oneshot_delivers_or_closes() {
    manual(|_, _| {
        let (tx, rx) = oneshot::channel().unwrap();
        assert_eq!(tx.send(5), Ok(()));
        assert_eq!(block_on(rx), Ok(Ok(5)));
        let (tx, rx) = oneshot::channel::<u8>().unwrap();
        let (waker, woken) = counting();
        let mut rx = pin!(rx);
        assert!(poll(rx.as_mut(), &waker).is_pending());
        drop(tx);
        assert_eq!(woken.get(), 1);
        assert_eq!(poll(rx, &waker), Poll::Ready(Err(oneshot::Closed)));
        let (tx, rx) = oneshot::channel().unwrap();
        drop(rx);
        assert_eq!(tx.send(6), Err(6));
        let dropped = Count::default();
        let (tx, rx) = oneshot::channel().unwrap();
        assert!(tx.send(OnDrop(dropped.clone())).is_ok());
        drop(rx);
        assert_eq!(dropped.get(), 1);
    });
}

/// H24 as a property: whatever is dropped when, every value and every permit is accounted for.
#[test]
fn nothing_is_lost_to_dropped_steps() {
    let world = World::manual();
    let _entered = world.enter();
    let mut seed = 12345_u32;
    let mut random = move |n: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % n
    };
    for _ in 0..200 {
        let ring = Semaphore::new(5);
        let notify = Notify::new();
        let mut acquires: Vec<Pin<Box<_>>> = Vec::new();
        let mut notified: Vec<Pin<Box<_>>> = Vec::new();
        let mut permits = Vec::new();
        let (mut given, mut taken) = (0, 0);
        for _ in 0..300 {
            match random(8) {
                0 => acquires.push(Box::pin(ring.acquire(1 + random(4) as usize))),
                1 if !acquires.is_empty() => {
                    let i = random(acquires.len() as u32) as usize;
                    drop(acquires.swap_remove(i));
                }
                2 if !acquires.is_empty() => {
                    let i = random(acquires.len() as u32) as usize;
                    if let Poll::Ready(p) = poll(acquires[i].as_mut(), Waker::noop()) {
                        drop(acquires.swap_remove(i));
                        permits.push(p);
                    }
                }
                3 if !permits.is_empty() => {
                    drop(permits.swap_remove(random(permits.len() as u32) as usize));
                }
                4 => notified.push(Box::pin(notify.notified())),
                5 if !notified.is_empty() => {
                    let i = random(notified.len() as u32) as usize;
                    if poll(notified[i].as_mut(), Waker::noop()).is_ready() {
                        taken += 1;
                        drop(notified.swap_remove(i));
                    }
                }
                6 if !notified.is_empty() => {
                    drop(notified.swap_remove(random(notified.len() as u32) as usize));
                }
                _ => {
                    notify.notify_one();
                    given += 1;
                }
            }
        }
        assert!(taken <= given);
        drop((acquires, permits));
        assert_eq!(ring.available(), 5);
        // With all waiters served or gone, a last notification reaches a new one.
        drop(notified);
        notify.notify_one();
        assert!(poll(pin!(notify.notified()), Waker::noop()).is_ready());
        assert!(poll(pin!(notify.notified()), Waker::noop()).is_pending());
    }
    assert_eq!(world.live_allocations(), 0);
}

/// A waker that counts, and fails the test if the thread that calls it could be preempted.
struct Unpreempted(Count);

impl Wake for Unpreempted {
    fn wake(self: Arc<Self>) {
        assert!(
            is_preemption_disabled(),
            "preempted between taking a waker and waking"
        );
        self.0.add();
    }
}

/// R1: what a thread has taken from others for a wake, so that they do not wake any more, it does
/// not keep while it is preempted, perhaps for long.
#[test]
fn wakes_are_not_preempted() {
    manual(|_, _| {
        let count = Count::default();
        let waker = Waker::from(Arc::new(Unpreempted(count.clone())));

        let slot = AtomicWaker::new();
        slot.register(&Context::from_waker(&waker));
        slot.wake();
        assert_eq!(count.get(), 1);

        let notify = Notify::new();
        let mut waiters = [(); 3].map(|()| Box::pin(notify.notified()));
        for waiter in &mut waiters {
            assert!(poll(waiter.as_mut(), &waker).is_pending());
        }
        notify.notify_one();
        notify.notify_waiters();
        assert_eq!(count.get(), 4);

        let permits = Semaphore::new(0);
        let mut waiters = [(); 2].map(|()| Box::pin(permits.acquire(1)));
        for waiter in &mut waiters {
            assert!(poll(waiter.as_mut(), &waker).is_pending());
        }
        permits.add_permits(2);
        assert_eq!(count.get(), 6);

        let (tx, mut rx) = mpsc::channel(1).unwrap();
        let mut set = FutureSet::<_, 1>::new().unwrap();
        assert!(set
            .push(async move { (rx.recv().await, rx.recv().await) })
            .is_ok());
        assert!(poll(pin!(next(&mut set)), &waker).is_pending());
        assert!(tx.try_send(1).is_ok());
        assert!(poll(pin!(next(&mut set)), &waker).is_pending());
        drop(tx);
        assert_eq!(count.get(), 8);

        let (tx, mut rx) = mpsc::channel(1).unwrap();
        assert!(poll(pin!(rx.recv()), &waker).is_pending());
        assert!(tx.try_send(1).is_ok());
        assert!(poll(pin!(rx.recv()), &waker).is_ready());
        assert!(poll(pin!(rx.recv()), &waker).is_pending());
        drop(tx);
        assert_eq!(count.get(), 10);
        assert!(!is_preemption_disabled());
    });
}
