// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Waiting for a fence.
//!
//! A callback on the fence is part of the future. States of the registration:
//!
//! ```text
//!            poll(): add                        the fence signals
//!   IDLE ─────────────────► ARMED ───────────────────────────────────────► FIRED
//!    │ ▲                      │ poll() with another waker, drop: remove       ▲
//!    │ └──────────────────────┘                                               │
//!    └────────────────────────────────────────────────────────────────────────┘
//!      poll(): it had signalled already
//! ```
//!
//! Who owns what: in ARMED the callback node and the waker belong to the fence's list, and nobody touches
//! them but the callback, or `remove` under the fence's lock. In the other states they belong to the future.
//!
//! The callback runs with the fence's lock held and interrupts off, maybe in a hard interrupt. It takes the
//! waker out, stores FIRED as its last access, since the future may be freed from then on, and wakes.
//!
//! The lock of the fence may be its issuer's, who may free it a grace period after the fence has
//! signalled. So adding and removing happen inside of RCU read sections, and nothing is removed in FIRED (R27).

use crate::{
    fence::Fence, //
    ffi,
};
use core::{
    cell::UnsafeCell,
    future::Future,
    marker::PhantomPinned,
    pin::Pin,
    sync::atomic::{
        AtomicU8,
        Ordering, //
    },
    task::{
        Context,
        Poll,
        Waker, //
    }, //
};
use kasync::Site;
use kernel::{
    bindings,
    error::to_result,
    ffi::c_int,
    prelude::*,
    sync::rcu, //
};

const IDLE: u8 = 0;
const ARMED: u8 = 1;
const FIRED: u8 = 2;

/// What is linked into the fence's list.
#[repr(C)]
struct Registration {
    /// First, so that the callback finds the rest.
    node: UnsafeCell<bindings::dma_fence_cb>,
    state: AtomicU8,
    error: UnsafeCell<c_int>,
    waker: UnsafeCell<Option<Waker>>,
}

/// The future of [`Fence::wait`].
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | poll, drop | yes | yes | no |
#[must_use = "futures do nothing unless awaited"]
pub struct FenceFuture {
    fence: Fence,
    site: Site,
    registration: Registration,
    _pin: PhantomPinned,
}

// SAFETY: Nothing of it depends on the thread; the callback takes turns with the owner, see the states.
unsafe impl Send for FenceFuture {}
// SAFETY: Nothing can be done with a shared `FenceFuture`.
unsafe impl Sync for FenceFuture {}

impl FenceFuture {
    #[track_caller]
    pub(crate) fn new(fence: Fence) -> Self {
        Self {
            fence,
            site: Site::here(),
            registration: Registration {
                node: UnsafeCell::new(bindings::dma_fence_cb::default()),
                state: AtomicU8::new(IDLE),
                error: UnsafeCell::new(0),
                waker: UnsafeCell::new(None),
            },
            _pin: PhantomPinned,
        }
    }

    /// Links the registration. Returns whether the fence has signalled already, and it is not linked.
    fn add(self: Pin<&mut Self>, waker: Waker) -> bool {
        // SAFETY: Nothing is moved out of it.
        let this = unsafe { self.get_unchecked_mut() };
        let registration = &this.registration;
        // SAFETY: In IDLE it is ours.
        unsafe { *registration.waker.get() = Some(waker) };
        registration.state.store(ARMED, Ordering::Relaxed);

        let _rcu = rcu::read_lock();
        // SAFETY: The fence is valid. The node is pinned, and stays until it was called or is removed, by `drop`
        // at the latest. From here on it may be called.
        let added = unsafe {
            bindings::dma_fence_add_callback(
                this.fence.as_raw(),
                registration.node.get(),
                Some(fired),
            )
        };
        if added == 0 {
            return false;
        }
        registration.state.store(IDLE, Ordering::Relaxed);
        // SAFETY: It was not linked, so it is ours; the fence has signalled.
        unsafe {
            *registration.waker.get() = None;
            *registration.error.get() = ffi::dma_fence_shim_error(this.fence.as_raw());
        }
        registration.state.store(FIRED, Ordering::Relaxed);
        true
    }

    /// Unlinks the registration if it is linked. Returns whether it is ours and idle: else it has fired.
    fn remove(&self) -> bool {
        let _rcu = rcu::read_lock();
        match self.registration.state.load(Ordering::Acquire) {
            FIRED => false,
            ARMED => {
                // SAFETY: It was added. The fence had not signalled, or not for as long as a grace period, when this
                // section began, so its lock is there.
                let linked = unsafe {
                    bindings::dma_fence_remove_callback(
                        self.fence.as_raw(),
                        self.registration.node.get(),
                    )
                };
                if linked {
                    self.registration.state.store(IDLE, Ordering::Relaxed);
                }
                // If it was not linked the callback has run to its end, under the lock that `remove` took.
                linked
            }
            _ => true,
        }
    }

    fn result(&self) -> Result {
        // SAFETY: In FIRED it is ours, and does not change any more.
        to_result(unsafe { *self.registration.error.get() })
    }
}

impl Future for FenceFuture {
    type Output = Result;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result> {
        // Removed and added again at each poll, in case the waker is another one. The owner polls again only
        // after something has happened.
        if !self.remove() || self.as_mut().add(cx.waker().clone()) {
            return Poll::Ready(self.result());
        }
        self.site.waits(cx);
        Poll::Pending
    }
}

impl Drop for FenceFuture {
    fn drop(&mut self) {
        self.remove();
    }
}

/// # Safety
///
/// Only as callback of a [`Registration`]'s node, which the fence's core calls at most once.
unsafe extern "C" fn fired(fence: *mut bindings::dma_fence, node: *mut bindings::dma_fence_cb) {
    let registration: *const Registration = node.cast();
    // SAFETY: The node is the first field of a registration, which is in state ARMED: it is ours until FIRED is
    // stored, and is not freed before.
    let waker = unsafe {
        *(*registration).error.get() = (*fence).error;
        let waker = (*(*registration).waker.get()).take();
        (*registration).state.store(FIRED, Ordering::Release);
        waker
    };
    if let Some(waker) = waker {
        waker.wake();
    }
}
