// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Waiting for a fence: a callback on it is part of the future. See [`registration`](crate::registration) for the protocol.

use crate::{
    fence::Fence, //
    ffi,
    registration::{
        Registration,
        Source, //
    },
};
use core::{
    future::Future,
    marker::PhantomPinned,
    pin::Pin,
    task::{
        Context,
        Poll, //
    }, //
};
use kasync::{
    poll_budget,
    Site, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::{
        aref::ARef,
        rcu, //
    }, //
};

// SAFETY: `dma_fence` does all that, by its contract with issuers about the lock.
unsafe impl Source for Fence {
    type Node = bindings::dma_fence_cb;

    fn read_side<R>(f: impl FnOnce() -> R) -> R {
        let _rcu = rcu::read_lock();
        f()
    }

    unsafe fn add(&self, node: *mut bindings::dma_fence_cb) -> bool {
        // SAFETY: The fence is valid, and so is the node, by the function's requirements.
        unsafe { bindings::dma_fence_add_callback(self.as_raw(), node, Some(fired)) == 0 }
    }

    unsafe fn remove(&self, node: *mut bindings::dma_fence_cb) -> bool {
        // SAFETY: As above, and it was added.
        unsafe { bindings::dma_fence_remove_callback(self.as_raw(), node) }
    }

    fn error(&self) -> i32 {
        // SAFETY: The fence is valid.
        unsafe { ffi::dma_fence_shim_error(self.as_raw()) }
    }
}

/// The future of [`Fence::wait`]. Cancel safe: a fence that has signalled stays so.
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | poll, drop | yes | yes | no |
#[must_use = "futures do nothing unless awaited"]
pub struct FenceFuture {
    fence: ARef<Fence>,
    site: Site,
    registration: Registration<Fence>,
    _pin: PhantomPinned,
}

impl FenceFuture {
    #[track_caller]
    pub(crate) fn new(fence: ARef<Fence>) -> Self {
        Self {
            fence,
            site: Site::here(),
            registration: Registration::new(bindings::dma_fence_cb::default()),
            _pin: PhantomPinned,
        }
    }
}

impl Future for FenceFuture {
    type Output = Result;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result> {
        poll_budget(cx, |cx| {
            // SAFETY: The registration is pinned, and this is its only owner, with one fence; `drop` removes it.
            match unsafe { self.registration.poll(&*self.fence, cx.waker()) } {
                Poll::Ready(error) => Poll::Ready(to_result(error)),
                Poll::Pending => {
                    self.site.waits(cx);
                    Poll::Pending
                }
            }
        })
    }
}

impl Drop for FenceFuture {
    fn drop(&mut self) {
        // SAFETY: As above.
        unsafe { self.registration.remove(&self.fence) };
    }
}

/// # Safety
///
/// Only as callback of a [`Registration`]'s node, which the fence's core calls at most once.
unsafe extern "C" fn fired(fence: *mut bindings::dma_fence, node: *mut bindings::dma_fence_cb) {
    // SAFETY: By the function's requirements; the fence's error does not change any more.
    if let Some(waker) = unsafe { Registration::<Fence>::fired(node, (*fence).error) } {
        waker.wake();
    }
}
