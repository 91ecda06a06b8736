// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! A task that waits to be woken.

use super::model;
use kasync::{
    block_on,
    sync::oneshot,
    Executor,
    JoinHandle, //
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
    future::poll_fn,
    task::{
        Poll,
        Waker, //
    }, //
};

/// Clears the flag when it is dropped.
fn scopeguard(polling: &std::sync::atomic::AtomicBool) -> impl Drop + '_ {
    struct Guard<'a>(&'a std::sync::atomic::AtomicBool);
    impl Drop for Guard<'_> {
        fn drop(&mut self) {
            self.0.store(false, std::sync::atomic::Ordering::Relaxed);
        }
    }
    Guard(polling)
}

/// A task that ends when it sees its flag, and what it is woken by.
pub(crate) struct Waiting {
    pub(crate) executor: Executor,
    pub(crate) flag: Arc<AtomicBool>,
    pub(crate) handle: JoinHandle<()>,
    pub(crate) waker: Waker,
}

impl Waiting {
    /// Returns a task that has been polled once.
    pub(crate) fn new() -> Self {
        let executor = Executor::new(c"m").unwrap();
        let flag = Arc::new(AtomicBool::new(false));
        let (tx, rx) = oneshot::channel::<Waker>().unwrap();
        let (seen, mut tx) = (flag.clone(), Some(tx));
        let polling = std::sync::atomic::AtomicBool::new(false);
        let task = poll_fn(move |cx| {
            // Not one of loom's: it is to notice a second poll, not to keep it away.
            assert!(!polling.swap(true, std::sync::atomic::Ordering::Relaxed));
            let _polled = scopeguard(&polling);
            if let Some(tx) = tx.take() {
                assert!(tx.send(cx.waker().clone()).is_ok());
            }
            // Relaxed: the wake has to order it.
            if seen.load(Ordering::Relaxed) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        let handle = executor.root().spawn(c"t", task).unwrap();
        let waker = block_on(rx).unwrap().unwrap();
        Self {
            executor,
            flag,
            handle,
            waker,
        }
    }
}

/// The way in which a task is woken.
#[derive(Clone, Copy)]
pub(crate) enum By {
    Waker,
    Batch,
}

/// Sets the flag of a task and wakes it, while another thread calls `meanwhile`. The task ends in
/// each execution, or loom reports the deadlock.
pub(crate) fn ends(by: By, meanwhile: fn(&JoinHandle<()>)) {
    model(2, move || {
        let Waiting {
            executor,
            flag,
            handle,
            waker,
        } = Waiting::new();
        let handle = std::sync::Arc::new(handle);
        // A waker that is not used goes before the threads begin: its end would be one more step.
        let (waker, other) = match by {
            By::Waker => (Some(waker), None),
            By::Batch => {
                drop(waker);
                (None, Some(handle.clone()))
            }
        };
        let thread = thread::spawn(move || {
            flag.store(true, Ordering::Relaxed);
            match (waker, other) {
                (Some(waker), _) => waker.wake(),
                (_, Some(task)) => task.wake_batched(),
                _ => unreachable!(),
            }
        });
        meanwhile(&handle);
        thread.join().unwrap();
        let handle = std::sync::Arc::into_inner(handle).unwrap();
        block_on(handle).unwrap();
        executor.shutdown().unwrap();
    });
}
