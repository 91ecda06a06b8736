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

/// A started task's handle, and a future of its output. Cancel safe: the output is taken at the
/// moment that the poll returns it.
///
/// Dropping it detaches: the task goes on as part of its scope, and its output is dropped when it
/// ends. The output of a task that has ended is dropped with the handle, or, where the caller may
/// not sleep, soon after by another thread. Forgetting it leaks the output and the memory of the
/// task, nothing more (H29).
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
    /// The place where it is awaited; `None` once the output was taken.
    site: Option<AwaitSite>,
    _output: PhantomData<T>,
}

// SAFETY: The handle gives access to the output only, from the thread that has it.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: A shared handle gives access to the state word only.
unsafe impl<T: Send> Sync for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// The caller passes on the handle's reference of a started task with output type `T`.
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

    /// Drops the handle, to say that the output does not matter.
    pub fn detach(self) {}

    /// Returns whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.task().state.load().is_complete()
    }

    /// Asks this one task to cancel: [`crate::cancelled`] in it resolves. Idempotent.
    pub fn cancel(&self) {
        if !self.is_finished() {
            self.task().note_cancel();
        }
        if self.task().state.cancel() {
            // SAFETY: Valid through our reference.
            unsafe { wake(self.header) };
        }
    }

    /// Wakes the task, as a waker of its own does.
    pub fn wake(&self) {
        // SAFETY: Valid through our reference.
        unsafe { wake(self.header) };
    }

    /// Wakes the task, to be polled by a worker after others that were woken so.
    ///
    /// That takes less than [`JoinHandle::wake`] where many tasks are woken: it is for what may
    /// wait for some other polls, such as the end of the task. Wakes of other kinds that come
    /// meanwhile do not wait for that.
    pub fn wake_batched(&self) {
        // SAFETY: Valid through our reference.
        unsafe { wake_listed(self.header) };
    }

    /// Takes the right to poll the task on this thread, if the task is not being polled and the
    /// thread is in process context, outside of polls and signalling sections.
    ///
    /// For the job queue, which polls a queue's task on the thread that has just committed a job.
    ///
    /// # Safety
    ///
    /// The claim must be dropped or polled, and soon: until then no worker polls the task,
    /// whatever it is woken for. So between, the caller may neither wait for anything, a fence
    /// that the task signals in the first place, nor be kept away from its processor where such a
    /// fence is in flight.
    #[doc(hidden)]
    pub unsafe fn claim(&self) -> Option<Claim<'_>> {
        // SAFETY: Valid through our reference for as long as the handle is borrowed.
        unsafe { claim(self.header) }
    }

    /// Takes the output of a complete task.
    fn take(&mut self) -> Poll<T> {
        if self.site.take().is_none() {
            // H12: the value is gone, and a panic would take the machine down.
            api_violation(c"a JoinHandle was polled after it was ready");
            return Poll::Pending;
        }
        let mut output = MaybeUninit::<T>::uninit();
        // SAFETY: COMPLETE with HANDLE set: the output is ours, not yet taken, and of this type.
        unsafe {
            (self.task().vtable.take_output)(self.header, output.as_mut_ptr().cast());
            Poll::Ready(output.assume_init())
        }
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
        // H9: each poll takes the slot back and leaves its own waker.
        if self.task().state.retract_join_waker().is_err() {
            return self.take();
        }
        let slot = &self.task().join_waker;
        // SAFETY: JOIN_WAKER is clear and the task was not complete: the slot is ours.
        slot.with(|slot| match unsafe { &mut *slot } {
            Some(waker) => waker.clone_from(cx.waker()),
            empty => *empty = Some(cx.waker().clone()),
        });
        if self.task().state.publish_join_waker().is_err() {
            // Ended meanwhile, without a look at the slot, since JOIN_WAKER was clear.
            // SAFETY: So it is still ours.
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
        // SAFETY: The handle's reference, which is not used again if it was passed on.
        if let Err(old) = unsafe { detach_listed(this.header) } {
            // SAFETY: HANDLE was just cleared.
            unsafe { this.give_up(old) };
        }
    }

    /// Gives up all that belongs to the handle.
    ///
    /// # Safety
    ///
    /// The caller has cleared HANDLE in a word that was `old`, and does not use the handle any
    /// more.
    unsafe fn give_up(&mut self, old: Snapshot) {
        if !old.is_complete() {
            // SAFETY: HANDLE and JOIN_WAKER were cleared while the task was not complete.
            drop(unsafe { self.task().take_join_waker() });
        } else if self.site.is_some() {
            if deferred::is_needed::<T>() {
                // SAFETY: COMPLETE with HANDLE set: the output is ours, as is the handle's
                // reference.
                unsafe { deferred::drop_output(self.header) };
                return;
            }
            if let Some(drop_output) = self.task().vtable.drop_output {
                // SAFETY: COMPLETE with HANDLE set: the output is ours.
                unsafe { drop_output(self.header) };
            }
        }
        // SAFETY: The handle's reference.
        unsafe { put(self.header) };
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let old = self.task().state.drop_handle();
        // SAFETY: HANDLE was just cleared.
        unsafe { self.give_up(old) };
    }
}
