// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Models of waiting for a fence: `rust/dma_fence/registration.rs` itself, and fences that behave as the
//! kernel's. Each names the hazards that it covers.
//!
//! What a modelled fence has of the kernel's:
//! - signalling takes the lock, makes SIGNALED visible, and only then calls the callbacks, with the lock held;
//! - adding looks at SIGNALED without the lock first, and that look orders nothing;
//! - removing takes the lock, be the fence signalled or not, and so waits for the callbacks;
//! - the lock is the issuer's, who frees it a grace period after signalling.
//!
//! Callbacks and owners access what the protocol gives them through cells in which loom finds accesses that nothing orders.
//! Freeing a cell counts as one, and so does freeing the lock.

use kasync::{
    block_on,
    sync::oneshot,
    Executor, //
};
use kernel::host::live_allocations;
use loom::{
    cell::UnsafeCell,
    sync::{
        atomic::{
            fence,
            AtomicBool,
            Ordering, //
        },
        Arc,
        Mutex,
        RwLock, //
    },
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

#[path = "../../../dma_fence/registration.rs"]
mod registration;
mod sync {
    pub(crate) use loom::sync::atomic::{
        AtomicU8,
        Ordering, //
    };

    /// Something whose owner changes by a protocol, which loom watches over.
    pub(crate) struct Owned<T>(loom::cell::UnsafeCell<T>);

    impl<T> Owned<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::cell::UnsafeCell::new(value))
        }

        pub(crate) fn with<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            self.0.with_mut(f)
        }
    }

    impl<T> Drop for Owned<T> {
        /// Who frees it has to be the owner.
        fn drop(&mut self) {
            self.0.with_mut(|_| ());
        }
    }
}

use registration::{
    Registration,
    Source, //
};

fn model(preemptions: usize, scene: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        scene();
        assert_eq!(live_allocations(), 0, "leak");
    });
}

loom::lazy_static! {
    /// Read sections are readers, who waits for a grace period is a writer.
    static ref GATE: RwLock<()> = RwLock::new(());
}

#[derive(Clone, Copy, PartialEq)]
struct Node(*mut u8);

// SAFETY: Only called and compared.
unsafe impl Send for Node {}

/// What the issuer frees: the lock, and the list in it.
struct External {
    alive: UnsafeCell<bool>,
    list: Mutex<Vec<Node>>,
}

impl External {
    /// Takes the lock, which has to be there for as long as it is held.
    fn locked<R>(&self, f: impl FnOnce(&mut Vec<Node>) -> R) -> R {
        let there = || {
            self.alive.with(|alive| {
                // SAFETY: Written when the lock is freed, and loom finds who reads at the same time.
                let alive = unsafe { *alive };
                assert!(alive, "a lock that was freed is taken (H7)");
            })
        };
        there();
        let mut list = self.list.lock().unwrap();
        there();
        let ret = f(&mut list);
        there();
        drop(list);
        ret
    }
}

struct ModelFence {
    signaled: AtomicBool,
    error: UnsafeCell<i32>,
    external: External,
}

// SAFETY: `error` is written before SIGNALED is set and not afterwards, which loom checks.
unsafe impl Sync for ModelFence {}
// SAFETY: As above.
unsafe impl Send for ModelFence {}

#[derive(Clone)]
struct Fence(Arc<ModelFence>);

impl Fence {
    fn new() -> Self {
        Self(Arc::new(ModelFence {
            signaled: AtomicBool::new(false),
            error: UnsafeCell::new(0),
            external: External {
                alive: UnsafeCell::new(true),
                list: Mutex::new(Vec::new()),
            },
        }))
    }

    fn signal(&self, error: i32) {
        // SAFETY: Not signalled yet, so nobody reads it, which loom checks.
        self.0.error.with_mut(|e| unsafe { *e = error });
        self.0.external.locked(|list| {
            assert!(!self.0.signaled.swap(true, Ordering::SeqCst));
            for node in std::mem::take(list) {
                // SAFETY: Signalled, so nobody writes it any more.
                let error = self.0.error.with(|e| unsafe { *e });
                // SAFETY: Linked, and called once.
                if let Some(waker) = unsafe { Registration::<Fence>::fired(node.0, error) } {
                    waker.wake();
                }
            }
        });
    }

    /// The issuer may free its lock as soon as this returns, and does.
    fn free_lock(&self) {
        drop(GATE.write().unwrap());
        self.0.external.alive.with_mut(|alive| {
            // SAFETY: Nobody may need the lock any more, and loom finds who does.
            unsafe { *alive = false }
        });
    }
}

// SAFETY: As the functions say.
unsafe impl Source for Fence {
    type Node = u8;

    fn read_side<R>(f: impl FnOnce() -> R) -> R {
        let _guard = GATE.read().unwrap();
        f()
    }

    unsafe fn add(&self, node: *mut u8) -> bool {
        if self.0.signaled.load(Ordering::Relaxed) {
            return false;
        }
        self.0.external.locked(|list| {
            let signaled = self.0.signaled.load(Ordering::Relaxed);
            if !signaled {
                list.push(Node(node));
            }
            !signaled
        })
    }

    unsafe fn remove(&self, node: *mut u8) -> bool {
        self.0.external.locked(|list| {
            let at = list.iter().position(|n| *n == Node(node));
            at.map(|at| list.remove(at)).is_some()
        })
    }

    fn error(&self) -> i32 {
        // SIGNALED was seen, and this orders what was written before.
        fence(Ordering::Acquire);
        // SAFETY: Not written any more once the fence has signalled.
        self.0.error.with(|e| unsafe { *e })
    }
}

/// What `FenceFuture` is.
struct Wait {
    fence: Fence,
    registration: Registration<Fence>,
}

impl Wait {
    fn new(fence: &Fence) -> Pin<Box<Self>> {
        Box::pin(Self {
            fence: fence.clone(),
            registration: Registration::new(0),
        })
    }

    fn poll_with(&self, waker: &Waker) -> Poll<i32> {
        // SAFETY: Boxed, one fence, removed when dropped.
        unsafe { self.registration.poll(&self.fence, waker) }
    }
}

impl Future for Wait {
    type Output = i32;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<i32> {
        self.poll_with(cx.waker())
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        // SAFETY: As above.
        unsafe { self.registration.remove(&self.fence) };
    }
}

/// H1, H10, H11: the fence signals before, while or after it is polled. The wait ends, with its error.
#[test]
fn signal_against_poll() {
    model(3, || {
        let fence = Fence::new();
        let f = fence.clone();
        let issuer = thread::spawn(move || {
            f.signal(-5);
            f.free_lock();
        });
        assert_eq!(block_on(Wait::new(&fence)), Ok(-5));
        issuer.join().unwrap();
    });
}

/// H6, H7: the future is dropped and freed while the fence signals, and after that its lock goes.
#[test]
fn signal_against_drop() {
    model(3, || {
        let fence = Fence::new();
        let wait = Wait::new(&fence);
        let linked = wait.poll_with(Waker::noop()).is_pending();
        assert!(linked);
        let f = fence.clone();
        let issuer = thread::spawn(move || {
            f.signal(0);
            f.free_lock();
        });
        drop(wait);
        issuer.join().unwrap();
    });
}

/// H9, H7: polled by somebody, then by somebody else: it is the last one who is woken, whatever the fence does meanwhile.
#[test]
fn signal_against_new_waker() {
    model(3, || {
        let fence = Fence::new();
        let wait = Wait::new(&fence);
        let linked = wait.poll_with(Waker::noop()).is_pending();
        assert!(linked);
        let f = fence.clone();
        let issuer = thread::spawn(move || {
            f.signal(-7);
            f.free_lock();
        });
        assert_eq!(block_on(wait), Ok(-7));
        issuer.join().unwrap();
    });
}

/// H6: one of two goes while the other waits; each has its own place in the list.
#[test]
fn two_waiters() {
    model(2, || {
        let fence = Fence::new();
        let other = Wait::new(&fence);
        assert!(other.poll_with(Waker::noop()).is_pending());
        let f = fence.clone();
        let issuer = thread::spawn(move || f.signal(0));
        let dropper = thread::spawn(move || drop(other));
        assert_eq!(block_on(Wait::new(&fence)), Ok(0));
        issuer.join().unwrap();
        dropper.join().unwrap();
    });
}

/// H1, H3, H5: a task waits for the fence, on a worker; the callback wakes it, and has the last waker when the executor goes.
#[test]
fn signal_against_task() {
    model(2, || {
        let executor = Executor::new(c"m").unwrap();
        let fence = Fence::new();
        let (tx, rx) = oneshot::channel().unwrap();
        let mut wait = Wait::new(&fence);
        let mut tx = Some(tx);
        let task = poll_fn(move |cx| {
            let poll = wait.as_mut().poll(cx);
            if let Some(tx) = tx.take() {
                let _ = tx.send(());
            }
            poll
        });
        let task = executor.root().spawn(c"t", task).unwrap();
        block_on(rx).unwrap().unwrap();
        let f = fence.clone();
        let issuer = thread::spawn(move || {
            f.signal(-1);
            f.free_lock();
        });
        assert_eq!(block_on(task), Ok(-1));
        drop(executor);
        issuer.join().unwrap();
    });
}
