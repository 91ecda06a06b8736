// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The handle of a started task.

use super::{
    claim::claim,
    deferred,
    listed::{
        detach_listed,
        wake_listed, //
    },
    put,
    state::Snapshot,
    wake,
    Claim,
    Header, //
};
use crate::{
    await_site::AwaitSite,
    budget::poll_budget,
    report::api_violation, //
};
use core::{
    future::Future,
    marker::PhantomData,
    mem::{
        needs_drop,
        ManuallyDrop,
        MaybeUninit, //
    },
    pin::Pin,
    ptr::NonNull,
    task::{
        Context,
        Poll, //
    }, //
};

/// The handle of a started task, and a future of its output. Cancel safe: the output is taken when
/// the poll returns it.
///
/// Dropping the handle detaches the task: it goes on as part of its scope, and its output is
/// dropped when it ends. The output of a task that has ended is dropped with the handle, or by
/// another thread if the caller may not sleep. Forgetting the handle leaks the output and the
/// memory of the task, but has no other effect (H29).
///
/// The unloading of a module waits for its tasks, not for their handles. So a handle that another
/// module keeps must not be awaited or dropped after the task's module has gone, unless the output
/// has neither a size nor a destructor.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `poll` | yes | yes | no |
/// | `claim` | yes | `None` | `None` |
/// | `cancel`, `wake`, `wake_batched`, `is_finished` | yes | yes | yes |
/// | drop, `detach`, `detach_batched` | yes | yes | yes (another thread drops the output) |
#[must_use = "await it, or call `detach()` to say that the output does not matter"]
pub struct JoinHandle<T> {
    header: NonNull<Header>,
    /// The place where the handle is awaited. `None` once the output was taken.
    site: Option<AwaitSite>,
    _output: PhantomData<T>,
}

// SAFETY: The owner of the handle takes the output, which is `Send`.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: A shared handle gives access to the state word only, which is atomic.
unsafe impl<T: Send> Sync for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// Returns the handle of a started task.
    ///
    /// # Safety
    ///
    /// The caller passes on the handle's reference. The output of the task must be of type `T`.
    #[track_caller]
    pub(super) unsafe fn from_raw(header: NonNull<Header>) -> Self {
        Self {
            header,
            site: Some(AwaitSite::here()),
            _output: PhantomData,
        }
    }

    fn task(&self) -> &Header {
        // SAFETY: The handle's reference keeps the task valid.
        unsafe { self.header.as_ref() }
    }

    /// Drops the handle. For callers that do not need the output.
    pub fn detach(self) {}

    /// Returns whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.task().state.load().is_complete()
    }

    /// Requests the task to end: [`crate::cancelled`] in it resolves. Idempotent.
    pub fn cancel(&self) {
        self.task().note_cancel();
        if self.task().state.cancel() {
            // SAFETY: The handle's reference keeps the task valid.
            unsafe { wake(self.header) };
        }
    }

    /// Wakes the task, as its wakers do.
    pub fn wake(&self) {
        // SAFETY: The handle's reference keeps the task valid.
        unsafe { wake(self.header) };
    }

    /// Wakes the task, which a worker will poll after others that were woken in this way.
    ///
    /// It costs less than [`JoinHandle::wake`] where many tasks are woken, and is for work that is
    /// not urgent, such as the end of the task. A wake of another kind is not delayed by it.
    pub fn wake_batched(&self) {
        // SAFETY: The handle's reference keeps the task valid.
        unsafe { wake_listed(self.header) };
    }

    /// Takes the right to poll the task on this thread, if the task is not being polled and the
    /// thread is in process context, outside of polls and signalling sections.
    ///
    /// For the job queue, which polls a queue's task on the thread that has just committed a job.
    ///
    /// # Safety
    ///
    /// The claim must be polled or dropped without delay, since no worker polls the task until
    /// then. Meanwhile the caller must not wait for anything.
    #[doc(hidden)]
    pub unsafe fn claim(&self) -> Option<Claim<'_>> {
        // SAFETY: The handle, which the claim borrows, has a reference that keeps the task valid.
        unsafe { claim(self.header) }
    }

    /// Takes the output of a complete task.
    fn take(&mut self) -> Poll<T> {
        if self.site.take().is_none() {
            // H12: the output was taken already. A report, since a panic would stop the machine.
            api_violation(c"a JoinHandle was polled after it was ready");
            return Poll::Pending;
        }
        let mut output = MaybeUninit::<T>::uninit();
        // Without a size there is nothing to move, and the module of the task is not asked.
        if size_of::<T>() != 0 {
            // SAFETY: With COMPLETE and HANDLE set, the handle owns the output. It was not taken
            // yet, and is of type `T`.
            unsafe { (self.task().vtable.take_output)(self.header, output.as_mut_ptr().cast()) };
        }
        // SAFETY: Moved there above, or of no size: then the task has left one, which passes to the
        // caller.
        Poll::Ready(unsafe { output.assume_init() })
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        poll_budget(cx, |cx| self.poll_output(cx))
    }
}

impl<T> JoinHandle<T> {
    fn poll_output(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // H9: each poll takes back the slot and stores its own waker.
        if self.task().state.retract_join_waker().is_err() {
            return self.take();
        }
        let slot = &self.task().join_waker;
        // SAFETY: JOIN_WAKER was cleared while the task was not complete, so the handle owns the
        // slot.
        slot.with(|slot| match unsafe { &mut *slot } {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        });
        if self.task().state.publish_join_waker().is_err() {
            // SAFETY: The task has completed with JOIN_WAKER clear, so the handle still owns the
            // slot.
            drop(slot.with(|slot| unsafe { (*slot).take() }));
            return self.take();
        }
        if let Some(site) = self.site {
            site.waits(cx);
        }
        Poll::Pending
    }
}

impl<T> JoinHandle<T> {
    /// Wakes the task as [`JoinHandle::wake_batched`] does, and drops the handle.
    pub fn detach_batched(self) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: This owns the task's handle. If its reference is passed on, it is not used again.
        if let Err(old) = unsafe { detach_listed(this.header) } {
            // SAFETY: HANDLE was just cleared.
            unsafe { this.give_up(old) };
        }
    }

    /// Drops all that the handle owns.
    ///
    /// # Safety
    ///
    /// The caller must have cleared HANDLE in a state word that was `old`, and must not use the
    /// handle any more.
    unsafe fn give_up(&mut self, old: Snapshot) {
        if !old.is_complete() {
            // SAFETY: HANDLE and JOIN_WAKER were cleared while the task was not complete.
            drop(unsafe { self.task().take_join_waker() });
        } else if self.site.is_some() && needs_drop::<T>() {
            if deferred::is_needed::<T>() {
                // SAFETY: With COMPLETE and HANDLE set, the handle owns the output. The handle's
                // reference is passed on.
                unsafe { deferred::drop_output(self.header) };
                return;
            }
            if let Some(drop_output) = self.task().vtable.drop_output {
                // SAFETY: With COMPLETE and HANDLE set, the handle owns the output.
                unsafe { drop_output(self.header) };
            }
        }
        // SAFETY: The handle's reference is not used again.
        unsafe { put(self.header) };
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let old = self.task().state.drop_handle();
        // SAFETY: `drop_handle()` has cleared HANDLE, and the handle is being dropped.
        unsafe { self.give_up(old) };
    }
}

#[cfg(test)]
mod tests;
