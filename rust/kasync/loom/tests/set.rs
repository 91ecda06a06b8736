// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of sets of futures. Each names the hazards that it covers.

use kasync::{
    block_on,
    next,
    sync::oneshot,
    Executor,
    FutureSet, //
};
use loom::{
    sync::{
        atomic::{
            AtomicBool,
            Ordering, //
        },
        Arc, //
    },
    thread, //
};
use std::{
    future::{
        poll_fn,
        Future, //
    },
    task::{
        Poll,
        Waker, //
    }, //
};

mod world;

use world::model;

/// A child of a set that ends when it sees `flag`, and what it hands its waker out by.
fn child(
    flag: &Arc<AtomicBool>,
) -> (
    impl std::future::Future<Output = ()> + Send,
    oneshot::Receiver<Waker>,
) {
    let (tx, rx) = oneshot::channel::<Waker>().unwrap();
    let (flag, mut tx) = (flag.clone(), Some(tx));
    let child = poll_fn(move |cx| {
        if let Some(tx) = tx.take() {
            assert!(tx.send(cx.waker().clone()).is_ok());
        }
        if flag.load(Ordering::Relaxed) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    (child, rx)
}

/// H1 for the children of a set: what is written before a child's wake is seen by the child's next
/// poll, also when the wake comes while the set is polled. With one
/// preemption.
#[test]
fn set_against_wake() {
    model(1, || {
        let executor = Executor::new(c"m").unwrap();
        let flag = Arc::new(AtomicBool::new(false));
        let (child, waker) = child(&flag);
        let mut set = FutureSet::<_, 1>::new().unwrap();
        assert!(set.push(child).is_ok());
        let task = executor
            .root()
            .spawn(c"t", async move { next(&mut set).await });
        let waker = block_on(waker).unwrap().unwrap();
        let f = flag.clone();
        let thread = thread::spawn(move || {
            f.store(true, Ordering::Relaxed);
            waker.wake();
        });
        assert_eq!(block_on(task.unwrap()).unwrap(), Some(()));
        thread.join().unwrap();
        executor.shutdown().unwrap();
    });
}

/// H6 for the children of a set: the set goes while a child is being woken.
#[test]
fn set_against_drop() {
    model(2, || {
        let flag = Arc::new(AtomicBool::new(false));
        let (child, mut waker) = child(&flag);
        let mut set = FutureSet::<_, 1>::new().unwrap();
        assert!(set.push(child).is_ok());
        let once = poll_fn(|cx| {
            let polled = std::pin::Pin::new(&mut next(&mut set)).poll(cx);
            assert!(polled.is_pending());
            Poll::Ready(())
        });
        block_on(once).unwrap();
        let got = poll_fn(|cx| std::pin::Pin::new(&mut waker).poll(cx));
        let waker = block_on(got).unwrap().unwrap();
        let thread = thread::spawn(move || waker.wake());
        drop(set);
        thread.join().unwrap();
    });
}
