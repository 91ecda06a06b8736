// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fences for the models, which behave as the kernel's.
//!
//! A modelled fence has these properties of the kernel's:
//! - signalling takes the lock, makes SIGNALED visible, and only then calls the callbacks, with the
//!   lock held;
//! - adding looks at SIGNALED without the lock first;
//! - removing takes the lock, be the fence signalled or not, and so waits for the callbacks;
//! - the lock belongs to the issuer, and is freed a grace period after signalling.
//!
//! Callbacks and owners access what the protocol gives them through cells in which loom finds
//! accesses that nothing orders. Freeing a cell counts as one, and so does freeing the lock.

use crate::registration::{
    Listener,
    Registration,
    Source, //
};
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
    }, //
};
use std::task::Waker;

loom::lazy_static! {
    /// Read sections are readers, a thread that waits for a grace period is a writer.
    static ref GATE: RwLock<()> = RwLock::new(());
}

/// A node in a list, and the function to call with it.
#[derive(Clone, Copy)]
struct Node(*mut u8, unsafe fn(*mut u8, i32) -> Option<Waker>);

// SAFETY: Only called and compared.
unsafe impl Send for Node {}

/// The part that the issuer frees: the lock, and the list that it protects.
struct External {
    alive: UnsafeCell<bool>,
    list: Mutex<Vec<Node>>,
}

impl External {
    /// Takes the lock, which has to be there for as long as it is held.
    fn locked<R>(&self, f: impl FnOnce(&mut Vec<Node>) -> R) -> R {
        let there = || {
            self.alive.with(|alive| {
                // SAFETY: Written when the lock is freed, and loom finds a read at the same time.
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
// SAFETY: `error` is written before SIGNALED is set and not afterwards, which loom checks.
unsafe impl Send for ModelFence {}

/// A reference to a fence.
#[derive(Clone)]
pub(crate) struct Fence(Arc<ModelFence>);

impl Fence {
    pub(crate) fn new() -> Self {
        Self(Arc::new(ModelFence {
            signaled: AtomicBool::new(false),
            error: UnsafeCell::new(0),
            external: External {
                alive: UnsafeCell::new(true),
                list: Mutex::new(Vec::new()),
            },
        }))
    }

    pub(crate) fn signal(&self, error: i32) {
        // SAFETY: The fence has not signalled, so the error is not read, which loom checks.
        self.0.error.with_mut(|e| unsafe { *e = error });
        self.0.external.locked(|list| {
            assert!(!self.0.signaled.swap(true, Ordering::SeqCst));
            for node in std::mem::take(list) {
                // SAFETY: The fence has signalled, so the error is not written any more.
                let error = self.0.error.with(|e| unsafe { *e });
                // SAFETY: Linked, and called once.
                if let Some(waker) = unsafe { (node.1)(node.0, error) } {
                    waker.wake();
                }
            }
        });
    }

    /// Frees the lock, as the issuer may as soon as `signal` has returned.
    pub(crate) fn free_lock(&self) {
        drop(GATE.write().unwrap());
        self.0.external.alive.with_mut(|alive| {
            // SAFETY: The lock may not be used any more, and loom finds an access.
            unsafe { *alive = false }
        });
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn test_signaled_flag(&self) -> bool {
        self.0.signaled.load(Ordering::Relaxed)
    }
}

// SAFETY: Nodes are added and removed under the fence's lock, which `signal()` holds as well.
unsafe impl Source for Fence {
    type Node = u8;

    fn node() -> u8 {
        0
    }

    fn read_side<R>(f: impl FnOnce() -> R) -> R {
        let _guard = GATE.read().unwrap();
        f()
    }

    unsafe fn add<L: Listener>(&self, node: *mut u8) -> bool {
        // Ordered, as what callers do next is a full barrier in the kernel's memory model.
        if self.is_signaled() {
            return false;
        }
        self.0.external.locked(|list| {
            let signaled = self.is_signaled();
            if !signaled {
                list.push(Node(node, Registration::<Self, L>::fired));
            }
            !signaled
        })
    }

    unsafe fn remove(&self, node: *mut u8) -> bool {
        self.0.external.locked(|list| {
            let at = list.iter().position(|n| n.0 == node);
            at.map(|at| list.remove(at)).is_some()
        })
    }

    fn is_signaled(&self) -> bool {
        let signaled = self.test_signaled_flag();
        if signaled {
            fence(Ordering::Acquire);
        }
        signaled
    }

    fn error(&self) -> i32 {
        // SIGNALED was seen, and this orders what was written before.
        fence(Ordering::Acquire);
        // SAFETY: Not written any more once the fence has signalled.
        self.0.error.with(|e| unsafe { *e })
    }
}
