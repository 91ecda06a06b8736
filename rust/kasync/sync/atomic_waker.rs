// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A place for one waker.

use crate::{
    lock::IrqLock,
    site::Site, //
};
use core::task::{
    Context,
    Waker, //
};

/// Where one task leaves its waker for those who have news for it.
///
/// The cheapest way to be woken: no list, and nothing to do when the waiting is over. The task
/// registers first and looks after that, so that news that comes in between is not lost.
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `register` | yes | yes | yes |
/// | `wake`, `take` | yes | yes | yes |
/// | drop | yes | yes | yes |
///
/// # Examples
///
/// ```
/// # use kasync::platform::host::World;
/// # let world = World::manual();
/// # let _world = world.enter();
/// use core::{
///     future::poll_fn,
///     sync::atomic::{AtomicBool, Ordering},
///     task::Poll,
/// };
/// use kasync::{sync::AtomicWaker, Executor};
/// use std::sync::Arc;
///
/// let news = Arc::new((AtomicWaker::new(), AtomicBool::new(false)));
/// let executor = Executor::new(c"example")?;
/// let shared = news.clone();
/// let task = executor.root().spawn(
///     c"reader",
///     poll_fn(move |cx| {
///         shared.0.register(cx);
///         match shared.1.load(Ordering::Acquire) {
///             true => Poll::Ready(()),
///             false => Poll::Pending,
///         }
///     }),
/// )?;
/// news.1.store(true, Ordering::Release);
/// news.0.wake();
/// kasync::block_on(task)?;
/// executor.shutdown()?;
/// # Ok::<(), kasync::Error>(())
/// ```
pub struct AtomicWaker(IrqLock<Option<Waker>>);

impl AtomicWaker {
    /// Without a waker.
    #[expect(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(IrqLock::new(None))
    }

    /// Leaves the waker of `cx`, instead of the one before.
    #[track_caller]
    pub fn register(&self, cx: &Context<'_>) {
        Site::here().waits(cx);
        let same = self
            .0
            .with(|w| w.as_ref().is_some_and(|w| w.will_wake(cx.waker())));
        if !same {
            let new = cx.waker().clone();
            // Dropped after unlocking.
            let _old = self.0.with(|w| w.replace(new));
        }
    }

    /// Takes the waker out, to be woken when nothing is locked.
    pub fn take(&self) -> Option<Waker> {
        self.0.with(Option::take)
    }

    /// Wakes who has registered since the last call, if anybody.
    pub fn wake(&self) {
        if let Some(waker) = self.take() {
            waker.wake();
        }
    }
}
