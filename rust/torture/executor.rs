// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tasks of all kinds, spawned, woken, claimed, cancelled, awaited, detached and dropped at random
//! in several threads.
//!
//! In the end all of their futures have been dropped, once each, and those that were awaited have
//! said what they had to.

use crate::{
    failed,
    threads,
    verdict,
    Random, //
};
use core::{
    future::poll_fn,
    task::Poll, //
};
use kasync::{
    block_on,
    cancelled,
    select,
    sync::{
        oneshot,
        Notify,
        Semaphore, //
    },
    time::{
        sleep,
        timeout,
        Delta,
        Instant, //
    },
    yield_now,
    Executor,
    JoinHandle,
    Scope, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

const LIMIT: Delta = Delta::from_secs(60);
const SLOTS: usize = 24;

/// The state that all tasks share.
struct World {
    notify: Notify,
    permits: kernel::sync::Arc<Semaphore>,
    born: Atomic<u32>,
    gone: Atomic<u32>,
    done: Atomic<u32>,
}

/// Counts the drop of the future that has it.
struct DropCounter(Arc<World>);

impl DropCounter {
    fn new(world: &Arc<World>) -> Self {
        world.born.fetch_add(1, Relaxed);
        Self(world.clone())
    }
}

impl Drop for DropCounter {
    fn drop(&mut self) {
        self.0.gone.fetch_add(1, Relaxed);
    }
}

/// A task whose handle is held.
struct Held {
    handle: JoinHandle<u32>,
    id: u32,
    sender: Option<oneshot::Sender<u32>>,
}

fn spawn(
    scope: &Scope,
    world: &Arc<World>,
    random: &mut Random,
    other: Option<Held>,
) -> Result<Held> {
    let id = random.next();
    let time = Delta::from_micros(random.below(300).into());
    let n = random.below(8);
    let w = DropCounter::new(world);
    let mut sender = None;
    let handle = match random.below(7) {
        0 => scope.spawn(c"sleeps", async move {
            let _w = w;
            sleep(time).await;
            for _ in 0..n {
                yield_now().await;
            }
            id
        }),
        1 => scope.spawn(c"is-told", async move {
            let _ = timeout(time, w.0.notify.notified()).await;
            id
        }),
        2 => scope.spawn(c"cleans-up", async move {
            let _w = w;
            let _ = select(cancelled(), sleep(Delta::from_millis(2))).await;
            sleep(time).await;
            id
        }),
        3 => scope.spawn(c"holds-permits", async move {
            let permit = timeout(time, w.0.permits.acquire(n as usize + 1)).await;
            sleep(time).await;
            drop(permit);
            id
        }),
        4 => {
            let (tx, rx) = oneshot::channel::<u32>()?;
            sender = Some(tx);
            scope.spawn(c"gets-a-value", async move {
                let _w = w;
                match timeout(Delta::from_millis(3), rx).await {
                    Ok(Ok(value)) => value,
                    _ => id,
                }
            })
        }
        5 => {
            let mut left = n;
            let polls = poll_fn(move |cx| {
                if left == 0 {
                    return Poll::Ready(());
                }
                left -= 1;
                if left % 2 == 0 {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            });
            scope.spawn(c"counts-polls", async move {
                let _w = w;
                let _ = timeout(Delta::from_millis(3), polls).await;
                id
            })
        }
        _ => scope.spawn(c"awaits-another", async move {
            let _w = w;
            if let Some(other) = other {
                drop(other.sender);
                let value = other.handle.await;
                if value != other.id {
                    failed(c"a task says something else", value.into(), other.id.into());
                }
            }
            id
        }),
    }?;
    Ok(Held { handle, id, sender })
}

fn finish(held: Held, world: &World) -> Result {
    drop(held.sender);
    match block_on(timeout(LIMIT, held.handle))? {
        Ok(value) if value == held.id => {
            world.done.fetch_add(1, Relaxed);
        }
        Ok(value) => failed(c"a task says something else", value.into(), held.id.into()),
        Err(_) => failed(c"a task does not end", held.id.into(), 0),
    }
    Ok(())
}

fn step(
    root: &Scope,
    scope: &mut Scope,
    slots: &mut [Option<Held>; SLOTS],
    world: &Arc<World>,
    random: &mut Random,
) -> Result {
    let at = random.below(SLOTS as u32) as usize;
    match random.below(64) {
        0 => {
            let old = core::mem::replace(scope, root.child(c"soak")?);
            old.cancel();
            if random.once_in(2) {
                block_on(old.join())??;
            }
            return Ok(());
        }
        1..=4 => {
            world.notify.notify_waiters();
            return Ok(());
        }
        5..=9 => {
            world.notify.notify_one();
            return Ok(());
        }
        _ => {}
    }
    let Some(mut held) = slots[at].take() else {
        let other = slots[random.below(SLOTS as u32) as usize].take();
        slots[at] = Some(spawn(scope, world, random, other)?);
        return Ok(());
    };
    match random.below(8) {
        0 => held.handle.wake(),
        1 => {
            // SAFETY: Polled at once.
            if let Some(claim) = unsafe { held.handle.claim() } {
                if random.once_in(2) {
                    held.handle.wake();
                }
                claim.poll();
            }
        }
        2 => {
            if let Some(sender) = held.sender.take() {
                let _ = sender.send(held.id);
            }
        }
        3 => held.handle.cancel(),
        4 => {
            held.handle.detach();
            return Ok(());
        }
        5 => return Ok(()),
        6 => return finish(held, world),
        _ => {
            if held.handle.is_finished() {
                return finish(held, world);
            }
        }
    }
    slots[at] = Some(held);
    Ok(())
}

/// Runs the load for `ms` milliseconds.
pub(crate) fn run(ms: u32, seed: u32) -> Result {
    let executor = Executor::with_priority(c"torture-soak", Random::new(seed, 299).priority())?;
    let world = Arc::new(
        World {
            notify: Notify::new(),
            permits: kernel::sync::Arc::new(Semaphore::new(16), GFP_KERNEL)?,
            born: Atomic::new(0),
            gone: Atomic::new(0),
            done: Atomic::new(0),
        },
        GFP_KERNEL,
    )?;
    let start = Instant::now();
    let result = threads(|n| {
        let mut random = Random::new(seed, 300 + n);
        let root = executor.root();
        let mut scope = root.child(c"soak")?;
        let mut slots = [const { None }; SLOTS];
        while start.elapsed().as_millis() < i64::from(ms) {
            for _ in 0..64 {
                step(root, &mut scope, &mut slots, &world, &mut random)?;
            }
            verdict()?;
        }
        for held in slots.into_iter().flatten() {
            finish(held, &world)?;
        }
        Ok(())
    });
    executor.root().cancel();
    executor.root().join_blocking()?;
    executor.shutdown()?;
    let [born, gone, done] = [&world.born, &world.gone, &world.done].map(|n| n.load(Relaxed));
    if born != gone {
        failed(
            c"not all futures were dropped once",
            born.into(),
            gone.into(),
        );
    }
    pr_info!("soak: {born} tasks, {done} of them awaited, in {ms} ms\n");
    result
}
