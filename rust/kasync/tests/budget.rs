// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! H16: a task that is ready again and again lets the others have their turn, and nothing is lost
//! by that.

mod common;

use common::{
    manual,
    Count, //
};
use kasync::{
    __budget_left,
    block_on,
    cancelled,
    consume_budget,
    next,
    poll_budget,
    select,
    sync::{
        mpsc,
        oneshot,
        watch,
        Notify,
        Semaphore, //
    },
    time::{
        sleep,
        timeout,
        Delta,
        Elapsed, //
    },
    yield_now,
    Either,
    FutureSet,
    Scope, //
};
use kernel::alloc::flags::GFP_KERNEL;
use std::{
    future::{
        poll_fn,
        ready,
        Future, //
    },
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

/// No hog does more than this before it is called endless.
const ENDLESS: usize = 100_000;

/// Counts how often a future is polled.
struct Polled<F>(Pin<Box<F>>, Count);

impl<F: Future> Future for Polled<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.1.add();
        self.0.as_mut().poll(cx)
    }
}

fn polled<F: Future>(future: F) -> (Polled<F>, Count) {
    let count = Count::default();
    (Polled(Box::pin(future), count.clone()), count)
}

/// Awaits what `make` makes, which is ready each time, until somebody else has had ten turns.
fn hog_against_other<F, Fut>(what: &str, make: F)
where
    F: Fn(Scope) -> Fut,
    Fut: HogStep + Send + 'static,
{
    manual(|world, executor| {
        let turns = Count::default();
        let (t, mut step) = (turns.clone(), make(executor.root().clone()));
        let hog = executor.root().spawn(c"hog", async move {
            let mut n = 0;
            while t.get() < 10 && n < ENDLESS {
                step.once().await;
                n += 1;
            }
            n
        });
        let t = turns.clone();
        let other = executor.root().spawn(c"other", async move {
            for _ in 0..10 {
                t.add();
                yield_now().await;
            }
        });
        world.run();
        let n = block_on(hog.unwrap()).unwrap();
        assert!(n < ENDLESS, "{what}: the other task had no turn");
        assert!((128..11 * 128).contains(&n), "{what}: {n}");
        block_on(other.unwrap()).unwrap();
    });
}

/// One step of a hog, whatever it awaits.
trait HogStep {
    fn once(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

struct Channel(mpsc::Sender<u32>, mpsc::Receiver<u32>);
impl HogStep for Channel {
    fn once(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.0.try_send(1).unwrap();
            assert_eq!(self.1.recv().await, Some(1));
        })
    }
}

struct ChannelStream(mpsc::Sender<u32>, mpsc::Receiver<u32>);
impl HogStep for ChannelStream {
    fn once(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.0.try_send(1).unwrap();
            assert_eq!(next(&mut self.1).await, Some(1));
        })
    }
}

struct OneShots;
impl HogStep for OneShots {
    fn once(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            let (tx, rx) = oneshot::channel().unwrap();
            tx.send(1).unwrap();
            assert_eq!(rx.await, Ok(1));
        })
    }
}

struct Permits(Semaphore);
impl HogStep for Permits {
    fn once(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async { drop(self.0.acquire(1).await) })
    }
}

struct OwnedPermits(kernel::sync::Arc<Semaphore>);
impl HogStep for OwnedPermits {
    fn once(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async { drop(Semaphore::acquire_owned(&self.0, 1).await) })
    }
}

struct Notifications(Notify);
impl HogStep for Notifications {
    fn once(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.0.notify_one();
            self.0.notified().await;
        })
    }
}

struct Watch(watch::Sender<u32>, watch::Receiver<u32>);
impl HogStep for Watch {
    fn once(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.0.send(1).unwrap();
            self.1.changed().await.unwrap();
        })
    }
}

struct Sleeps;
impl HogStep for Sleeps {
    fn once(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(sleep(Delta::from_nanos(0)))
    }
}

struct Set(FutureSet<std::future::Ready<u32>, 2>);
impl HogStep for Set {
    fn once(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            assert!(self.0.push(ready(1)).is_ok());
            assert_eq!(next(&mut self.0).await, Some(1));
        })
    }
}

struct Joins(Scope);
impl HogStep for Joins {
    fn once(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async { self.0.join().await.unwrap() })
    }
}

struct Consume;
impl HogStep for Consume {
    fn once(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(consume_budget())
    }
}

/// Each leaf that can be ready again and again.
#[test]
fn eager_tasks_take_turns() {
    hog_against_other("mpsc", |_| {
        let (tx, rx) = mpsc::channel(1).unwrap();
        Channel(tx, rx)
    });
    hog_against_other("mpsc as stream", |_| {
        let (tx, rx) = mpsc::channel(1).unwrap();
        ChannelStream(tx, rx)
    });
    hog_against_other("oneshot", |_| OneShots);
    hog_against_other("semaphore", |_| Permits(Semaphore::new(1)));
    hog_against_other("owned permits", |_| {
        OwnedPermits(kernel::sync::Arc::new(Semaphore::new(1), GFP_KERNEL).unwrap())
    });
    hog_against_other("notify", |_| Notifications(Notify::new()));
    hog_against_other("watch", |_| {
        let (tx, rx) = watch::channel(0).unwrap();
        Watch(tx, rx)
    });
    hog_against_other("sleep", |_| Sleeps);
    hog_against_other("set", |_| Set(FutureSet::new().unwrap()));
    hog_against_other("join", |root| Joins(root.child(c"empty").unwrap()));
    hog_against_other("consume_budget", |_| Consume);
}

/// Handles of tasks that have ended.
#[test]
fn handles_take_turns() {
    manual(|world, executor| {
        let mut handles: Vec<_> = (0..300)
            .map(|n| executor.root().spawn(c"t", ready(n)).unwrap())
            .collect();
        world.run();
        let (sum, polls) = polled(async move {
            let mut sum = 0;
            for handle in &mut handles {
                sum += handle.await;
            }
            sum
        });
        let sum = executor.root().spawn(c"sum", sum).unwrap();
        assert_eq!(world.run(), 3);
        assert_eq!(polls.get(), 3);
        assert_eq!(block_on(sum), Ok(300 * 299 / 2));
    });
}

/// The number is what the documentation says, anew for each poll, and being pending costs nothing.
#[test]
fn units() {
    manual(|world, executor| {
        let (tx, mut rx) = mpsc::channel(1000).unwrap();
        let left = Arc::new(std::sync::Mutex::new(Vec::new()));
        let l = left.clone();
        let (task, polls) = polled(async move {
            let mut n = 0;
            loop {
                l.lock().unwrap().push(__budget_left().unwrap());
                match rx.recv().await {
                    Some(m) => assert_eq!(m, n),
                    None => return n,
                }
                n += 1;
            }
        });
        let task = executor.root().spawn(c"t", task).unwrap();
        world.run();
        assert_eq!((polls.get(), left.lock().unwrap().pop()), (1, Some(128)));
        (0..300).for_each(|n| tx.try_send(n).unwrap());
        assert_eq!(world.run(), 3);
        assert_eq!(polls.get(), 4);
        let all = left.lock().unwrap().clone();
        assert_eq!((all[0], all[126], all[127], all[128]), (127, 1, 0, 127));
        drop(tx);
        assert_eq!(block_on(task), Ok(300));
    });
}

/// A leaf is polled, or else its task is woken: never neither, never ready without a unit.
#[test]
fn own_leaves() {
    manual(|world, executor| {
        let asked = Count::default();
        let a = asked.clone();
        let (task, polls) = polled(async move {
            for _ in 0..1000 {
                poll_fn(|cx| {
                    poll_budget(cx, |_| {
                        a.add();
                        Poll::Ready(())
                    })
                })
                .await;
            }
        });
        let task = executor.root().spawn(c"t", task).unwrap();
        assert!(world.step());
        assert_eq!((asked.get(), polls.get()), (128, 1));
        assert_eq!(world.run(), 7);
        assert_eq!((asked.get(), polls.get()), (1000, 8));
        block_on(task).unwrap();
    });
}

/// A time limit cuts off what is ready for ever, and so do a cancellation and the other branch of a
/// `select`.
#[test]
fn eager_futures_are_cut_off() {
    async fn forever() {
        let ring = Semaphore::new(1);
        for _ in 0..ENDLESS {
            drop(ring.acquire(1).await);
        }
        panic!("not cut off");
    }
    manual(|world, executor| {
        let spawn = |f| executor.root().spawn(c"t", f).unwrap();
        let limit = spawn(Box::pin(async {
            assert_eq!(timeout(MS, forever()).await, Err(Elapsed));
        }) as Pin<Box<dyn Future<Output = ()> + Send>>);
        let sleeper = spawn(Box::pin(async {
            assert_eq!(select(forever(), sleep(MS)).await, Either::Right(()));
        }));
        let branches = spawn(Box::pin(async {
            kasync::select! {
                () = forever() => unreachable!(),
                () = sleep(MS) => (),
            }
        }));
        let third = spawn(Box::pin(async {
            kasync::select! {
                () = forever() => unreachable!(),
                () = forever() => unreachable!(),
                () = consume_budget() => (),
            }
        }));
        let asked = spawn(Box::pin(async {
            kasync::select! {
                () = cancelled() => (),
                () = forever() => unreachable!(),
            }
        }));
        for _ in 0..20 {
            world.step();
        }
        asked.cancel();
        world.advance(MS);
        for _ in 0..30 {
            world.step();
        }
        for task in [limit, sleeper, branches, third, asked] {
            assert!(task.is_finished());
        }
    });
}

/// Children of one task do not starve each other.
#[test]
fn children_take_turns() {
    async fn eager(stop: Count) -> usize {
        let ring = Semaphore::new(1);
        let mut n = 0;
        while stop.get() == 0 && n < ENDLESS {
            drop(ring.acquire(1).await);
            n += 1;
        }
        n
    }
    async fn finite(stop: Count) -> usize {
        let ring = Semaphore::new(1);
        for _ in 0..500 {
            drop(ring.acquire(1).await);
        }
        stop.add();
        0
    }
    manual(|_, executor| {
        let root = executor.root();
        let s = Count::default();
        let t = root.spawn(c"t", async move {
            kasync::join!(eager(s.clone()), finite(s.clone()))
        });
        assert!(block_on(t.unwrap()).unwrap().0 < ENDLESS);
        let s = Count::default();
        let t = root.spawn(c"t", async move {
            kasync::join!(eager(s.clone()), eager(s.clone()), finite(s.clone()))
        });
        let (a, b, _) = block_on(t.unwrap()).unwrap();
        assert!(a < ENDLESS && b < ENDLESS);
        let s = Count::default();
        let t = root.spawn(c"t", async move {
            let mut set =
                FutureSet::<Pin<Box<dyn Future<Output = usize> + Send>>, 3>::new().unwrap();
            assert!(set.push(Box::pin(eager(s.clone()))).is_ok());
            assert!(set.push(Box::pin(eager(s.clone()))).is_ok());
            assert!(set.push(Box::pin(finite(s.clone()))).is_ok());
            let mut all = Vec::new();
            while let Some(n) = next(&mut set).await {
                all.push(n);
            }
            all
        });
        assert!(block_on(t.unwrap()).unwrap().iter().all(|n| *n < ENDLESS));
    });
}

/// H24: what a leaf was given while it was put off is passed on, or still there.
#[test]
fn nothing_is_lost_when_put_off() {
    /// Uses the budget up, then polls `f` once.
    async fn put_off<F: Future + Unpin>(mut f: F) -> F {
        let ring = Semaphore::new(1);
        while __budget_left() != Some(0) {
            drop(ring.acquire(1).await);
        }
        poll_fn(|cx| {
            assert!(Pin::new(&mut f).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        f
    }
    manual(|_, executor| {
        let root = executor.root();
        // A value stays in its channel.
        let (tx, mut rx) = mpsc::channel(2).unwrap();
        tx.try_send(7).unwrap();
        let task = root.spawn(c"t", async move {
            drop(put_off(rx.recv()).await);
            rx.recv().await
        });
        assert_eq!(block_on(task.unwrap()), Ok(Some(7)));
        let (tx, rx) = oneshot::channel().unwrap();
        tx.send(8).unwrap();
        let task = root.spawn(c"t", async move { put_off(rx).await.await });
        assert_eq!(block_on(task.unwrap()), Ok(Ok(8)));
        // A change has not been seen.
        let (tx, mut rx) = watch::channel(0).unwrap();
        tx.send(9).unwrap();
        let task = root.spawn(c"t", async move {
            drop(put_off(Box::pin(rx.changed())).await);
            assert!(rx.has_changed());
            rx.changed().await.map(|()| rx.get())
        });
        assert_eq!(block_on(task.unwrap()), Ok(Ok(9)));
        // An output stays with its task.
        let done = root.spawn(c"t", ready(10)).unwrap();
        let task = root.spawn(c"t", async move { put_off(done).await.await });
        assert_eq!(block_on(task.unwrap()), Ok(10));
        // A notification and permits that were given go to the next in line.
        let notify = Notify::new();
        let ring = kernel::sync::Arc::new(Semaphore::new(0), GFP_KERNEL).unwrap();
        let mut first = Box::pin(notify.notified());
        let mut permit = Box::pin(Semaphore::acquire_owned(&ring, 2));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut cx).is_pending());
        assert!(permit.as_mut().poll(&mut cx).is_pending());
        notify.notify_one();
        ring.add_permits(2);
        assert_eq!(ring.available(), 0);
        let task = root.spawn(c"t", async move { drop(put_off(permit).await) });
        block_on(task.unwrap()).unwrap();
        assert_eq!(ring.available(), 2);
        drop(first);
        assert!(pin!(notify.notified()).poll(&mut cx).is_ready());
    });
}

/// Threads have no budget: nobody is behind them in a list.
#[test]
fn threads_have_none() {
    manual(|_, _| {
        let (f, polls) = polled(async {
            let ring = Semaphore::new(1);
            for _ in 0..1000 {
                drop(ring.acquire(1).await);
            }
            __budget_left()
        });
        assert_eq!(block_on(f), Ok(None));
        assert_eq!(polls.get(), 1);
    });
}

/// A loop of time limits that are over at once comes to the end of its budget as well.
#[test]
fn limits_that_are_over_at_once() {
    manual(|_, executor| {
        let (task, polls) = polled(async {
            for _ in 0..1000 {
                let limit = timeout(Delta::from_nanos(0), std::future::pending::<()>());
                assert_eq!(limit.await, Err(Elapsed));
            }
        });
        block_on(executor.root().spawn(c"limits", task).unwrap()).unwrap();
        assert_eq!(polls.get(), 1000_usize.div_ceil(128 + 16));
    });
}

/// A task that awaits the same cancellation again and again gives its worker back.
#[test]
fn cancelled_again_and_again() {
    manual(|world, executor| {
        const TIMES: usize = 1000;
        for of_task in [true, false] {
            let scope = executor.root().child(c"s").unwrap();
            let other = executor.root().child(c"other").unwrap();
            let asked = other.clone();
            let task = async move {
                for _ in 0..TIMES {
                    if of_task {
                        cancelled().await;
                    } else {
                        asked.cancelled().await;
                    }
                }
            };
            let task = scope.spawn(c"t", task).unwrap();
            world.run();
            scope.cancel();
            other.cancel();
            let polls = world.run();
            assert!(task.is_finished());
            assert!(polls > TIMES / 200, "{polls} polls");
            block_on(task).unwrap();
        }
    });
}
