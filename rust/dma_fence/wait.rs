// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The future of one fence, which has a callback on the fence.
//!
//! The protocol is in [`registration`](crate::registration).
//!
//! C header: [`include/linux/dma-fence.h`](srctree/include/linux/dma-fence.h)

use crate::{
    fence::{
        ARef,
        Fence, //
    },
    ffi,
    module_ref::ModuleRef,
    registration::{
        Listener,
        Registration,
        Source,
        Wake, //
    },
};
use core::{
    future::Future,
    marker::PhantomPinned,
    pin::Pin,
    ptr,
    task::{
        Context,
        Poll, //
    }, //
};
use kasync::{
    poll_budget,
    AwaitSite,
    TaskRef, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::rcu, //
};

// SAFETY: `dma_fence_add_callback()` and `dma_fence_remove_callback()` do as documented. Issuers of
// fences keep the lock valid for a grace period after signalling.
unsafe impl Source for ARef<Fence> {
    type Node = bindings::dma_fence_cb;

    #[inline]
    fn node() -> bindings::dma_fence_cb {
        bindings::dma_fence_cb {
            node: bindings::list_head {
                next: ptr::null_mut(),
                prev: ptr::null_mut(),
            },
            func: None,
        }
    }

    fn read_side<R>(f: impl FnOnce() -> R) -> R {
        let _rcu = rcu::read_lock();
        f()
    }

    #[inline]
    unsafe fn add<L: Listener>(&self, node: *mut bindings::dma_fence_cb) -> bool {
        // SAFETY: The fence is valid, and by the safety requirements so is the node.
        unsafe { bindings::dma_fence_add_callback(self.as_raw(), node, Some(fired::<L>)) == 0 }
    }

    unsafe fn remove(&self, node: *mut bindings::dma_fence_cb) -> bool {
        // SAFETY: The fence is valid, and by the safety requirements the node was added.
        unsafe { bindings::dma_fence_remove_callback(self.as_raw(), node) }
    }

    #[inline]
    fn is_signaled(&self) -> bool {
        self.result().is_some()
    }

    fn error(&self) -> i32 {
        // SAFETY: The fence is valid by its type invariant.
        unsafe { ffi::dma_fence_shim_error(self.as_raw()) }
    }
}

/// The future of [`Fence::wait`].
///
/// It is cancel safe: a fence that has signalled remains signalled. If it is forgotten while it
/// waits, the module of this crate stays loaded for ever (H29).
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ |
/// |---|---|---|---|
/// | [`Fence::wait`] | yes | yes | yes |
/// | poll, drop | yes | yes | no |
#[must_use = "futures do nothing unless awaited"]
pub struct FenceFuture {
    fence: ARef<Fence>,
    site: AwaitSite,
    registration: Registration<ARef<Fence>, Wake>,
    /// There while the callback may be on the fence. Dropped after `drop()` has removed that.
    module: Option<ModuleRef>,
    _pin: PhantomPinned,
}

impl FenceFuture {
    /// Creates a future that waits for `fence`, and has not been polled.
    #[track_caller]
    pub(crate) fn new(fence: ARef<Fence>) -> Self {
        Self {
            fence,
            site: AwaitSite::here(),
            registration: Registration::new(Wake::new()),
            module: None,
            _pin: PhantomPinned,
        }
    }
}

impl Fence {
    /// Returns a future that resolves to the fence's result once it has signalled. Cancel safe.
    #[track_caller]
    pub fn wait(&self) -> FenceFuture {
        FenceFuture::new(self.into())
    }
}

impl Future for FenceFuture {
    type Output = Result;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result> {
        // SAFETY: The registration is not moved.
        let this = unsafe { self.get_unchecked_mut() };
        poll_budget(cx, |cx| {
            // SAFETY: The registration is pinned, this is its only waiter, for one fence, and
            // `drop()` removes it.
            match unsafe { this.registration.poll(&this.fence, cx.waker()) } {
                Poll::Ready(error) => {
                    this.module = None;
                    Poll::Ready(to_result(error))
                }
                Poll::Pending => {
                    this.module.get_or_insert_with(ModuleRef::new);
                    annotate(cx);
                    this.site.waits(cx);
                    Poll::Pending
                }
            }
        })
    }
}

impl Drop for FenceFuture {
    fn drop(&mut self) {
        // SAFETY: This is the only waiter, and the fence is that of all polls.
        unsafe { self.registration.remove(&self.fence) };
    }
}

/// Tells lockdep that the calling thread may wait for a fence, as `dma_fence_wait()` does.
///
/// Futures of this crate do so when they are polled by a thread outside of a task. Code that waits
/// for fences in another way, such as for room in a queue, has to call this in process context
/// before it blocks.
#[inline]
pub fn might_wait() {
    #[cfg(CONFIG_LOCKDEP)]
    // SAFETY: The function may be called from process context, and does nothing in a section.
    unsafe {
        ffi::dma_fence_shim_might_wait();
    }
}

/// Calls [`might_wait`] if the waker of `cx` is not that of a task, so that a thread waits.
#[inline]
pub(crate) fn annotate(cx: &Context<'_>) {
    if cfg!(CONFIG_LOCKDEP) && TaskRef::of(cx).is_none() {
        might_wait();
    }
}

/// Handles the callback of a fence that has signalled.
///
/// # Safety
///
/// `node` must be that of a `Registration<ARef<Fence>, L>` which was added to `fence`, and only
/// `dma_fence_signal()` may call this.
unsafe extern "C" fn fired<L: Listener>(
    fence: *mut bindings::dma_fence,
    node: *mut bindings::dma_fence_cb,
) {
    // SAFETY: By the safety requirements the fence calls its node, once and with its lock held. The
    // error of a fence that has signalled does not change.
    if let Some(waker) = unsafe { Registration::<ARef<Fence>, L>::fired(node, (*fence).error) } {
        waker.wake();
    }
}
