// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of what tasks, threads and interrupts tell each other by, and of joining. Each names the
//! hazards that it covers.

use kasync::{
    block_on,
    sync::{
        mpsc,
        oneshot,
        watch,
        Notify,
        Semaphore, //
    },
    Executor, //
};
use loom::{
    cell::UnsafeCell,
    sync::Arc,
    thread, //
};
use std::{
    future::{
        poll_fn,
        Future, //
    },
    pin::Pin,
    task::{
        Context,
        Poll,
        Waker, //
    }, //
};

mod world;

use world::model;

fn poll<F: Future>(f: &mut Pin<Box<F>>) -> Poll<F::Output> {
    f.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// H1, H24: a request is given its permit and dropped at the same time. The
/// next request in line gets it.
#[test]
fn permits_against_drop() {
    model(2, || {
        let ring = Arc::new(Semaphore::new(0));
        let r = ring.clone();
        // Polled there, as it borrows the semaphore, and first in line before the others begin.
        let (tx, rx) = oneshot::channel().unwrap();
        let dropper = thread::spawn(move || {
            let mut first = Box::pin(r.acquire(1));
            let waits = poll(&mut first).is_pending();
            tx.send(()).unwrap();
            drop(first);
            assert!(waits);
        });
        block_on(rx).unwrap().unwrap();
        let r = ring.clone();
        let adder = thread::spawn(move || r.add_permits(1));
        let permit = block_on(ring.acquire(1)).unwrap();
        assert_eq!((permit.count(), ring.available()), (1, 0));
        drop(permit);
        adder.join().unwrap();
        dropper.join().unwrap();
        assert_eq!(ring.available(), 1);
    });
}

/// H1, H10: a permit comes back while it is asked for, with and without a wait. It has one owner at
/// a time, who sees what the owner before has left.
#[test]
fn permits_against_release() {
    model(2, || {
        let ring = Arc::new((Semaphore::new(1), UnsafeCell::new(0)));
        let use_it = |ring: &(Semaphore, UnsafeCell<u32>)| {
            let permit = match ring.0.try_acquire(1) {
                Some(permit) => permit,
                None => block_on(ring.0.acquire(1)).unwrap(),
            };
            // SAFETY: The permit is that of the cell, which loom checks.
            ring.1.with_mut(|uses| unsafe { *uses += 1 });
            drop(permit);
        };
        let r = ring.clone();
        let other = thread::spawn(move || use_it(&r));
        use_it(&ring);
        other.join().unwrap();
        assert!(ring.0.try_acquire(1).is_some(), "none is left");
        assert!(ring.0.try_acquire(2).is_none(), "there are too many");
        // SAFETY: The other thread has ended.
        ring.1.with(|uses| assert_eq!(unsafe { *uses }, 2));
    });
}

/// H10, H24: permits come while a request for some of them waits, and goes. A thread that takes
/// others without the lock does so only when none waits, and sees what came before them. None is
/// lost.
#[test]
fn permits_against_try() {
    model(2, || {
        let ring = Arc::new((Semaphore::new(1), UnsafeCell::new(0)));
        let r = ring.clone();
        let adder = thread::spawn(move || {
            // SAFETY: The other thread reads it with permits that are added below, which loom
            // checks.
            r.1.with_mut(|written| unsafe { *written = 1 });
            r.0.add_permits(3);
        });
        let try_two = || {
            if let Some(_permit) = ring.0.try_acquire(2) {
                // SAFETY: One of the two was added after this was written, which loom checks.
                ring.1.with(|written| assert_eq!(unsafe { *written }, 1));
            }
        };
        let mut first = Box::pin(ring.0.acquire(2));
        let first = (poll(&mut first), first);
        // The other thread may be anywhere, which the model checker does not try by itself.
        thread::yield_now();
        try_two();
        drop(first);
        try_two();
        adder.join().unwrap();
        assert!(ring.0.try_acquire(4).is_some(), "lost");
        assert!(ring.0.try_acquire(5).is_none(), "there are too many");
    });
}

/// H1, H10: values and the end come while the receiver looks: all, in order, once.
#[test]
fn send_against_receive() {
    model(2, || {
        let (tx, mut rx) = mpsc::channel(2).unwrap();
        let sender = thread::spawn(move || {
            assert!(tx.try_send(1).is_ok());
            assert!(tx.try_send(2).is_ok());
        });
        assert_eq!(block_on(rx.recv()), Ok(Some(1)));
        assert_eq!(block_on(rx.recv()), Ok(Some(2)));
        assert_eq!(block_on(rx.recv()), Ok(None));
        sender.join().unwrap();
    });
}

/// H24: a `recv` that is dropped when a value comes leaves it to the next one.
#[test]
fn send_against_dropped_receive() {
    model(2, || {
        let (tx, mut rx) = mpsc::channel(1).unwrap();
        let sender = thread::spawn(move || assert!(tx.try_send(1).is_ok()));
        let first = poll(&mut Box::pin(rx.recv()));
        match first {
            Poll::Ready(value) => assert_eq!(value, Some(1)),
            Poll::Pending => assert_eq!(block_on(rx.recv()), Ok(Some(1))),
        }
        sender.join().unwrap();
    });
}

/// R13: a channel is closed by its receiver while a value is sent. The value is dropped once, or
/// comes back.
#[test]
fn send_against_close() {
    model(2, || {
        let (tx, rx) = mpsc::channel(1).unwrap();
        let value = std::sync::Arc::new(());
        let v = value.clone();
        let sender = thread::spawn(move || {
            let _ = tx.try_send(v);
        });
        drop(rx);
        sender.join().unwrap();
        assert_eq!(std::sync::Arc::strong_count(&value), 1);
    });
}

/// H1, R13: one value, or the end without one, while the receiver waits or goes.
#[test]
fn oneshot_against_receiver() {
    model(2, || {
        let (tx, rx) = oneshot::channel().unwrap();
        let (end, ended) = oneshot::channel::<u32>().unwrap();
        let value = std::sync::Arc::new(());
        let v = value.clone();
        let sender = thread::spawn(move || {
            let _ = tx.send(v);
            drop(end);
        });
        drop(rx);
        assert_eq!(block_on(ended), Ok(Err(oneshot::Closed)));
        sender.join().unwrap();
        assert_eq!(std::sync::Arc::strong_count(&value), 1);
    });
}

/// H1, H10: the value changes while the receiver looks.
#[test]
fn watch_against_changes() {
    model(2, || {
        let (tx, mut rx) = watch::channel(0).unwrap();
        let sender = thread::spawn(move || {
            tx.send(1).unwrap();
            tx
        });
        assert_eq!(block_on(rx.changed()), Ok(Ok(())));
        assert_eq!(rx.get(), 1);
        drop(sender.join().unwrap());
    });
}

/// H1, H10: the sender goes while the receiver looks.
#[test]
fn watch_against_end() {
    model(2, || {
        let (tx, mut rx) = watch::channel(0).unwrap();
        let sender = thread::spawn(move || drop(tx));
        assert_eq!(block_on(rx.changed()), Ok(Err(watch::Closed)));
        sender.join().unwrap();
    });
}

/// H24: the waiter that was notified is dropped at the same time. The next one is woken.
#[test]
fn notify_against_drop() {
    model(2, || {
        let notify = Arc::new(Notify::new());
        let (tx, rx) = oneshot::channel().unwrap();
        let n = notify.clone();
        let dropper = thread::spawn(move || {
            let mut first = Box::pin(n.notified());
            let waits = poll(&mut first).is_pending();
            tx.send(()).unwrap();
            drop(first);
            assert!(waits);
        });
        block_on(rx).unwrap().unwrap();
        let n = notify.clone();
        let notifier = thread::spawn(move || n.notify_one());
        block_on(notify.notified()).unwrap();
        notifier.join().unwrap();
        dropper.join().unwrap();
    });
}

/// R15, H24: the last task of a scope ends while two join it, one of whom gives up.
#[test]
fn join_against_end() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        let scope = executor.root().child(c"s").unwrap();
        scope.spawn(c"t", async {}).unwrap().detach();
        let s = scope.clone();
        let gives_up = thread::spawn(move || {
            let _ = poll(&mut Box::pin(s.join()));
        });
        block_on(scope.join()).unwrap().unwrap();
        gives_up.join().unwrap();
        drop(scope);
        executor.shutdown().unwrap();
    });
}

/// R15: a task of a child ends while the parent is joined, and another one is started. Joining sees
/// the moment without tasks, or waits for both.
#[test]
fn join_against_spawn() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        let scope = executor.root().child(c"s").unwrap();
        let child = scope.child(c"c").unwrap();
        let prepared = child.reserve(c"t", async {}).unwrap();
        let starter = thread::spawn(move || {
            prepared.start().detach();
            drop(child);
        });
        block_on(scope.join()).unwrap().unwrap();
        starter.join().unwrap();
        drop(scope);
        executor.shutdown().unwrap();
    });
}

/// H4, H5: handle, waker and worker let go of a task at the same time. It is freed once, by the
/// last.
#[test]
fn last_drop() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        let (tx, rx) = oneshot::channel::<Waker>().unwrap();
        let mut tx = Some(tx);
        let handle = executor.root().spawn(
            c"t",
            poll_fn(move |cx| match tx.take() {
                Some(tx) => {
                    let _ = tx.send(cx.waker().clone());
                    Poll::Ready(())
                }
                None => Poll::Pending,
            }),
        );
        let waker = block_on(rx).unwrap().unwrap();
        let other = thread::spawn(move || drop(waker));
        drop(handle.unwrap());
        other.join().unwrap();
        executor.shutdown().unwrap();
    });
}
