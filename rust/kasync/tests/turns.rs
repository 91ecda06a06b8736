// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! H16: a task that is ready again and again lets the others have their turn.

mod common;

use common::{
    manual,
    polled,
    Count, //
};
use kasync::{
    block_on,
    consume_budget,
    next,
    sync::{
        mpsc,
        oneshot,
        watch,
        Notify,
        Semaphore, //
    },
    time::{
        sleep,
        Delta, //
    },
    yield_now,
    FutureSet,
    Scope, //
};
use kernel::alloc::flags::GFP_KERNEL;
use std::{
    future::{
        ready,
        Future, //
    },
    pin::Pin, //
};

/// No hog does more than this before it is called endless.
const ENDLESS: usize = 100_000;

/// Awaits the futures of `make`, which are ready at once, until another task has had ten turns.
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
