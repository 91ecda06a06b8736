// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! H24, leaf by leaf: each is polled, is pending, and is dropped, before and after what it waits
//! for has come. The next one that awaits the same gets it. And H29: each handle and future is
//! forgotten instead, which is a leak at worst.

mod common;

use common::{
    manual,
    Count,
    OnDrop, //
};
use kasync::{
    block_on,
    cancelled,
    consume_budget,
    next,
    select,
    sync::{
        mpsc,
        oneshot,
        watch,
        AtomicWaker,
        Notify,
        Semaphore, //
    },
    time::{
        sleep,
        timeout,
        Delta, //
    },
    yield_now,
    Executor,
    FutureSet, //
};
use kernel::{
    alloc::flags::GFP_KERNEL,
    host::World, //
};
use std::{
    future::{
        pending,
        poll_fn,
        Future, //
    },
    mem::forget,
    pin::{
        pin,
        Pin, //
    },
    sync::Arc,
    task::{
        Context,
        Poll,
        Waker, //
    }, //
};

const MS: Delta = Delta::from_millis(1);

fn poll<F: Future>(f: Pin<&mut F>) -> Poll<F::Output> {
    f.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls `future`, which has to be pending, lets `happen` happen, and drops it: at the worst
/// moment.
fn dropped<F: Future>(future: F, happen: impl FnOnce()) {
    let mut future = Box::pin(future);
    assert!(poll(future.as_mut()).is_pending());
    happen();
    drop(future);
}

#[test]
fn mpsc_recv_and_stream() {
    manual(|_, _| {
        let (tx, mut rx) = mpsc::channel(4).unwrap();
        dropped(rx.recv(), || tx.try_send(1).unwrap());
        assert_eq!(block_on(rx.recv()), Ok(Some(1)));
        dropped(next(&mut rx), || tx.try_send(2).unwrap());
        assert_eq!(block_on(next(&mut rx)), Ok(Some(2)));
        dropped(timeout(MS, rx.recv()), || tx.try_send(3).unwrap());
        drop(tx);
        assert_eq!(block_on(rx.recv()), Ok(Some(3)));
        assert_eq!(block_on(rx.recv()), Ok(None));
    });
}

#[test]
fn oneshot_by_reference() {
    manual(|_, _| {
        let (tx, mut rx) = oneshot::channel().unwrap();
        // What is dropped borrows the receiver, as `select!` in a loop does.
        dropped(&mut rx, || tx.send(1).unwrap());
        assert_eq!(block_on(&mut rx), Ok(Ok(1)));
        // A value that is not received is dropped with the receiver.
        let gone = Count::default();
        let (tx, rx) = oneshot::channel().unwrap();
        let value = OnDrop(gone.clone());
        dropped(rx, || assert!(tx.send(value).is_ok()));
        assert_eq!(gone.get(), 1);
    });
}

#[test]
fn watch_changed() {
    manual(|_, _| {
        let (tx, mut rx) = watch::channel(0).unwrap();
        dropped(rx.changed(), || tx.send(1).unwrap());
        assert_eq!(block_on(rx.changed()), Ok(Ok(())));
        dropped(rx.changed(), || ());
        drop(tx);
        assert_eq!(block_on(rx.changed()), Ok(Err(watch::Closed)));
    });
}

#[test]
fn notified_and_permits() {
    manual(|_, _| {
        let notify = Notify::new();
        dropped(notify.notified(), || notify.notify_one());
        assert!(poll(pin!(notify.notified())).is_ready());
        let ring = kernel::sync::Arc::new(Semaphore::new(0), GFP_KERNEL).unwrap();
        dropped(ring.acquire(2), || ring.add_permits(2));
        assert_eq!(ring.available(), 2);
        let all = ring.try_acquire(2).unwrap();
        dropped(Semaphore::acquire_owned(&ring, 1), || drop(all));
        assert_eq!(ring.available(), 2);
    });
}

#[test]
fn sleeps() {
    manual(|world, _| {
        dropped(sleep(MS), || world.advance(MS));
        dropped(sleep(MS), || ());
        let mut again = pin!(sleep(MS));
        dropped(again.as_mut(), || world.advance(MS));
        assert!(poll(again.as_mut()).is_ready());
        // The timer expires later without a waiter.
        world.advance(MS);
    });
}

#[test]
fn join_handle_by_reference() {
    manual(|world, executor| {
        let gone = Count::default();
        let value = OnDrop(gone.clone());
        let mut task = executor.root().spawn(c"t", async move { value }).unwrap();
        dropped(&mut task, || {
            world.run();
        });
        assert_eq!(gone.get(), 0);
        drop(block_on(&mut task).unwrap());
        assert_eq!(gone.get(), 1);
        // Dropped itself, it is a task without a handle.
        let value = OnDrop(gone.clone());
        let task = executor.root().spawn(c"t", async move {
            yield_now().await;
            value
        });
        dropped(task.unwrap(), || {
            assert!(world.step());
        });
        world.run();
        assert_eq!(gone.get(), 2);
    });
}

#[test]
fn scopes() {
    manual(|world, executor| {
        let scope = executor.root().child(c"s").unwrap();
        scope.spawn(c"t", cancelled()).unwrap().detach();
        dropped(scope.cancelled(), || ());
        dropped(scope.join(), || ());
        dropped(scope.join(), || {
            scope.cancel();
            world.run();
        });
        assert_eq!(block_on(scope.join()), Ok(Ok(())));
        block_on(scope.cancelled()).unwrap();
        // In the task itself.
        let task = executor.root().spawn(c"t", async {
            let once = poll_fn(|cx| Poll::Ready(pin!(cancelled()).poll(cx).is_pending()));
            let asked_later = once.await;
            yield_now().await;
            cancelled().await;
            asked_later
        });
        let task = task.unwrap();
        assert!(world.step());
        task.cancel();
        assert_eq!(block_on(task), Ok(true));
        // `end` cancels at once, also if its future is dropped.
        let scope = executor.root().child(c"s").unwrap();
        let task = scope.spawn(c"t", cancelled()).unwrap();
        dropped(scope.end(), || ());
        block_on(task).unwrap();
    });
}

#[test]
fn sets_and_combinators() {
    manual(|_, _| {
        let (tx, rx) = oneshot::channel().unwrap();
        let mut set = FutureSet::<_, 2>::new().unwrap();
        assert!(set.push(rx).is_ok());
        dropped(next(&mut set), || tx.send(1).unwrap());
        assert_eq!(block_on(next(&mut set)), Ok(Some(Ok(1))));

        // What a branch has not returned stays where it was.
        let (tx, mut rx) = mpsc::channel(2).unwrap();
        let notify = Notify::new();
        let both = async {
            kasync::select! {
                value = rx.recv() => value,
                () = notify.notified() => None,
            }
        };
        dropped(both, || {
            tx.try_send(1).unwrap();
            notify.notify_one();
        });
        dropped(select(pending::<()>(), pending::<()>()), || ());
        assert_eq!(block_on(rx.recv()), Ok(Some(1)));
        block_on(notify.notified()).unwrap();
        // A branch that loses at the same moment gives back what it was given.
        let ring = Semaphore::new(0);
        let mut race = Box::pin(async {
            kasync::select! {
                value = rx.recv() => value,
                _permit = ring.acquire(1) => None,
            }
        });
        assert!(poll(race.as_mut()).is_pending());
        ring.add_permits(1);
        tx.try_send(2).unwrap();
        assert_eq!(poll(race.as_mut()), Poll::Ready(Some(2)));
        drop(race);
        assert_eq!(ring.available(), 1);
        // `join!` loses the output of the branch that was ready, and says so; nothing of the other.
        let all = async { kasync::join!(async { 1 }, rx.recv()) };
        dropped(all, || tx.try_send(3).unwrap());
        assert_eq!(block_on(rx.recv()), Ok(Some(3)));
        // These have nothing to lose.
        dropped(yield_now(), || ());
        drop(consume_budget());
    });
}

/// H29: whatever handle or future is forgotten, all else goes on and ends, as does the executor.
/// The exceptions, for which waits never end, are documented: `Prepared` and `Claim`.
#[test]
fn forgotten() {
    let world = World::manual();
    let _entered = world.enter();
    let executor = Executor::new(c"test").unwrap();
    let root = executor.root();
    let (gone, told) = (Count::default(), Count::default());
    for _ in 0..2 {
        let (witness, t) = (OnDrop(gone.clone()), told.clone());
        let task = async move {
            let ring = kernel::sync::Arc::new(Semaphore::new(3), GFP_KERNEL).unwrap();
            let notify = Arc::new(Notify::new());
            let (tx, mut rx) = mpsc::channel::<u32>(4).unwrap();
            let (one, other) = oneshot::channel::<u32>().unwrap();
            let (latest, mut changes) = watch::channel(0).unwrap();
            // Permits are gone, and no more than those.
            forget(ring.try_acquire(2).unwrap());
            assert_eq!(ring.available(), 1);
            // Futures that are linked somewhere, in memory that is leaked with them. What they are
            // linked into is leaked as well, by the reference that they have.
            let mut leak = Box::pin(sleep(MS));
            assert!(poll(leak.as_mut()).is_pending());
            forget(leak);
            let mut leak = Box::pin(Semaphore::acquire_owned(&ring, 2));
            assert!(poll(leak.as_mut()).is_pending());
            forget(leak);
            let mut leak = Box::pin(timeout(MS, pending::<()>()));
            assert!(poll(leak.as_mut()).is_pending());
            forget(leak);
            let mut set = FutureSet::<_, 1>::new().unwrap();
            assert!(set.push(other).is_ok());
            forget(set);
            forget(Box::pin(next(&mut rx)));
            forget(Box::pin(rx.recv()));
            forget(Box::pin(changes.changed()));
            forget(Box::pin(notify.notified()));
            forget(one);
            tx.try_send(1).unwrap();
            forget(rx);
            forget(latest.subscribe());
            forget(AtomicWaker::new());
            cancelled().await;
            t.add();
            drop((witness, tx, latest, changes));
        };
        forget(root.spawn(c"t", task).unwrap());
    }
    let scope = root.child(c"s").unwrap();
    forget(scope.clone());
    forget(scope.join());
    forget(Box::pin(scope.end()));
    forget(executor.clone());
    world.run();
    world.advance(MS);
    executor.shutdown().unwrap();
    assert_eq!((told.get(), gone.get()), (2, 2));
    assert!(world.live_allocations() > 0);
    assert_eq!(world.take_api_violations(), Vec::<String>::new());
}

/// The output of a task that has ended is dropped by another thread if its handle goes where the
/// caller must not sleep, and at once where it may.
#[test]
fn outputs_are_dropped_elsewhere() {
    manual(|world, executor| {
        let gone = Count::default();
        let spawn = || {
            let output = OnDrop(gone.clone());
            let handle = executor.root().spawn(c"t", async move { output });
            world.run();
            handle.unwrap()
        };
        let (first, second, third) = (spawn(), spawn(), spawn());
        executor.shutdown().unwrap();
        World::atomically(|| drop((first, second)));
        assert_eq!(gone.get(), 0);
        assert_eq!(world.reap(), 2);
        assert_eq!(gone.get(), 2);
        drop(third);
        assert_eq!(gone.get(), 3);
        assert_eq!(world.reap(), 0);
    });
}

/// The future of a task that was never started is dropped by a worker if the reservation goes where
/// the caller must not sleep. Its scope has not ended until then.
#[test]
fn futures_are_dropped_elsewhere() {
    manual(|world, executor| {
        let gone = Count::default();
        let scope = executor.root().child(c"s").unwrap();
        let future = OnDrop(gone.clone());
        let prepared = scope.reserve(c"t", async move { drop(future) }).unwrap();
        World::atomically(|| drop(prepared));
        assert_eq!(gone.get(), 0);
        assert!(poll(pin!(scope.join())).is_pending());
        assert_eq!(world.run(), 1);
        assert_eq!(gone.get(), 1);
        assert!(poll(pin!(scope.join())).is_ready());
    });
}
