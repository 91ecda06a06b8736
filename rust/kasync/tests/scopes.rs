// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Scopes in a manual world: contract 5, H29, H30, H31, R11, R13, R14.

mod common;

use common::{
    manual,
    Count,
    OnDrop, //
};
use kasync::{
    block_on,
    cancelled,
    next,
    select,
    time::{
        sleep,
        Delta, //
    },
    yield_now,
    Either,
    Executor,
    FutureSet,
    Scope, //
};
use kernel::{
    error::code,
    host::World, //
};
use std::{
    future::{
        pending,
        poll_fn,
        Future, //
    },
    pin::pin,
    task::{
        Context,
        Poll,
        Waker, //
    }, //
};

/// Spawns a task that ends when cancelled, after cleaning up in `n` further polls.
fn spawn_cleaner(scope: &Scope, n: usize, ended: &Count) {
    let ended = ended.clone();
    let task = async move {
        cancelled().await;
        for _ in 0..n {
            yield_now().await;
        }
        ended.add();
    };
    scope.spawn(c"cleaner", task).unwrap().detach();
}

#[test]
fn cancel_reaches_the_subtree_only() {
    manual(|world, executor| {
        let a = executor.root().child(c"a").unwrap();
        let aa = a.child(c"aa").unwrap();
        let ab = a.child(c"ab").unwrap();
        let aba = ab.child(c"aba").unwrap();
        let b = executor.root().child(c"b").unwrap();
        let (inside, outside) = (Count::default(), Count::default());
        for scope in [&a, &aa, &ab, &aba] {
            // More than one batch.
            for _ in 0..100 {
                spawn_cleaner(scope, 2, &inside);
            }
        }
        spawn_cleaner(&b, 0, &outside);
        spawn_cleaner(executor.root(), 0, &outside);
        world.run();
        a.cancel();
        a.cancel();
        for scope in [&a, &aa, &ab, &aba] {
            assert!(scope.is_cancelled());
        }
        assert!(!b.is_cancelled() && !executor.root().is_cancelled());
        // Cancelling is a request: nothing has run yet.
        assert_eq!(inside.get(), 0);
        a.join_blocking().unwrap();
        assert_eq!((inside.get(), outside.get()), (400, 0));
        // The rest is asked to end by the shutdown.
        executor.shutdown().unwrap();
        assert_eq!(outside.get(), 2);
    });
}

/// Spawning into a scope that was cancelled, or below one, fails clearly, and drops the future.
#[test]
fn dead_scopes_take_nothing() {
    manual(|_, executor| {
        let a = executor.root().child(c"a").unwrap();
        let aa = a.child(c"aa").unwrap();
        a.cancel();
        for scope in [&a, &aa] {
            let dropped = Count::default();
            let d = OnDrop(dropped.clone());
            let result = scope.spawn(c"t", async move { drop(d) });
            assert_eq!(result.err(), Some(code::ECANCELED));
            assert_eq!(dropped.get(), 1);
            assert_eq!(scope.child(c"c").err(), Some(code::ECANCELED));
        }
        executor.shutdown().unwrap();
        let late = executor.root().spawn(c"t", async {});
        assert_eq!(late.err(), Some(code::ECANCELED));
        // Idempotent.
        executor.shutdown().unwrap();
    });
}

/// H29: dropped handles change nothing: the tasks are reached by the parent.
#[test]
fn dropped_handles_pass_tasks_to_the_parent() {
    manual(|world, executor| {
        let parent = executor.root().child(c"parent").unwrap();
        let ended = Count::default();
        {
            let child = parent.child(c"child").unwrap();
            let grandchild = child.child(c"grandchild").unwrap();
            spawn_cleaner(&grandchild, 1, &ended);
        }
        world.run();
        assert_eq!(ended.get(), 0);
        let mut join = Box::pin(parent.join());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(join.as_mut().poll(&mut cx).is_pending());
        parent.cancel();
        world.run();
        assert_eq!(ended.get(), 1);
        assert_eq!(join.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
    });
}

/// H29: forgetting handles and futures leaks, and the shutdown still ends everything.
#[test]
fn forgotten_handles() {
    let world = World::manual();
    let _entered = world.enter();
    let executor = Executor::new(c"test").unwrap();
    let scope = executor.root().child(c"scope").unwrap();
    let ended = Count::default();
    spawn_cleaner(&scope, 3, &ended);
    std::mem::forget(scope.spawn(c"t", async { cancelled().await }));
    std::mem::forget(scope.join());
    std::mem::forget(scope);
    world.run();
    drop(executor);
    assert_eq!(ended.get(), 1);
    assert_eq!(world.run(), 0);
    // The forgotten task's memory, the scope, its parent, and what they share.
    assert_eq!(world.live_allocations(), 4);
}

/// A join is about one moment without tasks: it is not undone by a task that comes after it.
#[test]
fn join_sees_the_moment() {
    manual(|world, executor| {
        let scope = executor.root().child(c"s").unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(pin!(scope.join()).poll(&mut cx).is_ready());
        scope.spawn(c"t", async {}).unwrap().detach();
        let mut first = pin!(scope.join());
        assert!(first.as_mut().poll(&mut cx).is_pending());
        world.run();
        let late = Count::default();
        spawn_cleaner(&scope, 0, &late);
        let mut second = pin!(scope.join());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert_eq!(first.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
        world.run();
        assert!(second.as_mut().poll(&mut cx).is_pending());
        scope.cancel();
        world.run();
        assert_eq!(second.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
    });
}

/// More joiners and cancellation waiters than fit in one batch; some give up first.
#[test]
fn many_waiters() {
    manual(|world, executor| {
        let scope = executor.root().child(c"s").unwrap();
        let other = executor.root().child(c"other").unwrap();
        let ended = Count::default();
        spawn_cleaner(&scope, 1, &ended);
        let (joined, seen) = (Count::default(), Count::default());
        for i in 0..50 {
            let (s, joined, seen) = (scope.clone(), joined.clone(), seen.clone());
            let task = async move {
                if i % 5 == 0 {
                    let lost = select(sleep(Delta::from_millis(1)), s.join()).await;
                    assert_eq!(lost, Either::Left(()));
                    let lost = select(sleep(Delta::from_millis(1)), s.cancelled()).await;
                    assert_eq!(lost, Either::Left(()));
                    return;
                }
                s.cancelled().await;
                seen.add();
                s.join().await.unwrap();
                joined.add();
            };
            other.spawn(c"w", task).unwrap().detach();
        }
        world.run();
        world.advance(Delta::from_millis(1));
        world.run();
        world.advance(Delta::from_millis(1));
        world.run();
        scope.cancel();
        world.run();
        assert_eq!((seen.get(), joined.get(), ended.get()), (40, 40, 1));
        other.join_blocking().unwrap();
    });
}

/// A task that joins the scope it is in would wait for itself: refused.
#[test]
fn join_of_own_scope_is_refused() {
    manual(|world, executor| {
        let scope = executor.root().child(c"s").unwrap();
        let inner = scope.child(c"inner").unwrap();
        let (s, root) = (scope.clone(), executor.root().clone());
        let task = async move {
            assert_eq!(s.join().await, Err(code::EDEADLK));
            assert_eq!(root.join().await, Err(code::EDEADLK));
        };
        let handle = inner.spawn(c"t", task).unwrap();
        world.run();
        assert!(handle.is_finished());
        assert_eq!(world.take_api_violations().len(), 2);
    });
}

/// The join of the own scope is polled by a combinator with wakers of its own.
#[test]
fn join_of_own_scope_is_refused_with_any_waker() {
    manual(|world, executor| {
        let scope = executor.root().child(c"s").unwrap();
        let own = scope.clone();
        let task = async move {
            let mut set = FutureSet::<_, 1>::new().unwrap();
            assert!(set.push(own.join()).is_ok());
            next(&mut set).await
        };
        let handle = scope.spawn(c"t", task).unwrap();
        world.run();
        assert!(handle.is_finished(), "it waits for itself");
        assert_eq!(block_on(handle), Ok(Some(Err(code::EDEADLK))));
        assert_eq!(world.take_api_violations().len(), 1);
    });
}

/// One task is cancelled through its handle; its neighbours are not.
#[test]
fn cancel_one_task() {
    manual(|world, executor| {
        let one = executor.root().spawn(c"one", cancelled()).unwrap();
        let two = executor.root().spawn(c"two", cancelled()).unwrap();
        world.run();
        one.cancel();
        one.cancel();
        world.run();
        assert!(one.is_finished() && !two.is_finished());
        assert!(!executor.root().is_cancelled());
    });
}

/// A prepared task counts: joining waits until it was started and has ended, or was dropped.
#[test]
fn prepared_tasks_count() {
    manual(|world, executor| {
        let scope = executor.root().child(c"s").unwrap();
        let started = scope.reserve(c"a", cancelled()).unwrap();
        let dropped = scope.reserve(c"b", pending::<()>()).unwrap();
        scope.cancel();
        let mut cx = Context::from_waker(Waker::noop());
        let mut join = pin!(scope.join());
        // A cancel does not start what was not started.
        assert_eq!(world.run(), 0);
        assert!(join.as_mut().poll(&mut cx).is_pending());
        let handle = started.start();
        world.run();
        assert!(handle.is_finished());
        assert!(join.as_mut().poll(&mut cx).is_pending());
        drop(dropped);
        assert_eq!(join.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
    });
}

/// H30: a task that holds its own scope, and its executor's, does not keep them from ending.
#[test]
fn reference_cycles_end_with_the_task() {
    manual(|world, executor| {
        let scope = executor.root().child(c"s").unwrap();
        let own = scope.clone();
        let task = async move {
            own.cancelled().await;
        };
        scope.spawn(c"t", task).unwrap().detach();
        drop(scope);
        world.run();
    });
}

/// A task whose own scope was cancelled before is not woken by the cancel of the one above, but by
/// what it awaits there.
#[test]
fn cancelled_above_after_the_own_scope() {
    manual(|world, executor| {
        let above = executor.root().child(c"above").unwrap();
        let own = above.child(c"between").unwrap().child(c"own").unwrap();
        let asked = above.clone();
        let task = async move {
            cancelled().await;
            asked.cancelled().await;
        };
        let handle = own.spawn(c"t", task).unwrap();
        world.run();
        own.cancel();
        world.run();
        assert!(!handle.is_finished());
        above.cancel();
        world.run();
        assert!(handle.is_finished(), "not woken");
    });
}

/// H9: the waker of the last poll is the one that is called.
#[test]
fn cancelled_and_join_take_the_last_waker() {
    manual(|world, executor| {
        let scope = executor.root().child(c"s").unwrap();
        let ended = Count::default();
        spawn_cleaner(&scope, 0, &ended);
        let mut futures = Box::pin((scope.clone(), scope.join()));
        let watched = scope.clone();
        let task = async move {
            let mut cancel = Box::pin(watched.cancelled());
            poll_fn(|cx| {
                // First with a waker that leads nowhere, then with the task's.
                let mut nowhere = Context::from_waker(Waker::noop());
                let _ = cancel.as_mut().poll(&mut nowhere);
                cancel.as_mut().poll(cx)
            })
            .await;
            drop(cancel);
            poll_fn(move |cx| {
                let mut nowhere = Context::from_waker(Waker::noop());
                // SAFETY: The pair is pinned, and the field is not moved.
                let mut join = unsafe { futures.as_mut().map_unchecked_mut(|f| &mut f.1) };
                let _ = join.as_mut().poll(&mut nowhere);
                join.as_mut().poll(cx)
            })
            .await
        };
        let handle = executor.root().spawn(c"t", task).unwrap();
        world.run();
        scope.cancel();
        assert_eq!(block_on(handle), Ok(Ok(())));
    });
}

#[test]
fn depth_is_bounded() {
    manual(|_, executor| {
        let mut scope = executor.root().clone();
        let mut depth = 0;
        let err = loop {
            match scope.child(c"c") {
                Ok(child) => scope = child,
                Err(e) => break e,
            }
            depth += 1;
        };
        assert_eq!((err, depth), (code::E2BIG, 16));
        let ended = Count::default();
        spawn_cleaner(&scope, 0, &ended);
    });
}
