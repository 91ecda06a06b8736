// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tasks that are allocated and counted in their scope but not yet started.

use super::{
    budget::Budget,
    deferred,
    header::{
        Header,
        SiteCell,
        StallState, //
    },
    put,
    put_many,
    schedule,
    stage::{
        Stage,
        Task, //
    },
    state::State,
    JoinHandle, //
};
use crate::{
    batch::Link,
    cell::OwnedCell,
    list::Links,
    scope::Scope,
    stat::StatCounter,
    workqueue::Work, //
};
use core::{
    cell::UnsafeCell,
    ffi::CStr,
    future::Future,
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::rcu,
    time::Instant, //
};

/// A task that only needs to be started, which cannot fail. Made by [`Scope::reserve`].
///
/// It counts as a task of its scope: joining the scope waits until it has been started and has
/// ended, or was dropped. Dropping it drops the future, or, where the caller may not sleep, has a
/// worker drop it. Forgetting it leaks the future, and a
/// join of the scope never ends.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `start` | yes | yes | yes |
/// | drop | yes | as the future's drop allows | yes (a worker drops the future) |
#[must_use = "a prepared task does nothing until it is started"]
pub struct Prepared<F: Future> {
    header: NonNull<Header>,
    _future: PhantomData<F>,
}

// SAFETY: It owns the future, which may move to another thread as long as it is unpinned or `Send`;
// it was required to be `Send` at creation, as was the output.
unsafe impl<F: Future> Send for Prepared<F> {}
// SAFETY: A shared `Prepared` gives access to nothing.
unsafe impl<F: Future> Sync for Prepared<F> {}

impl<F> Prepared<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    /// Allocates a task and counts it in its scope: (1).
    pub(crate) fn new(scope: &Scope, name: &'static CStr, future: F) -> Result<Self> {
        let vtable = &Task::<F>::VTABLE;
        let memory = KBox::<Task<F>>::new_uninit(GFP_KERNEL_ACCOUNT)?;
        let task = NonNull::from(KBox::leak(memory)).cast::<Task<F>>();
        let header = task.cast::<Header>();
        // SAFETY: Freshly allocated with the layout of the task. The item is initialised in place,
        // and the rest field by field, as the whole task may be large.
        unsafe {
            Work::init(&raw mut (*header.as_ptr()).work, super::run);
            let h = header.as_ptr();
            (&raw mut (*h).state).write(State::new());
            (&raw mut (*h).vtable).write(vtable);
            let batch = scope.core().batch(header.as_ptr().cast_const().cast());
            (&raw mut (*h).batch).write(NonNull::from(batch));
            (&raw mut (*h).scope).write(UnsafeCell::new(Some(scope.clone())));
            (&raw mut (*h).links).write(UnsafeCell::new(Links::new()));
            (&raw mut (*h).link).write(Link::new());
            (&raw mut (*h).watched).write(UnsafeCell::new(StallState::new()));
            (&raw mut (*h).budget).write(Budget::new());
            (&raw mut (*h).join_waker).write(OwnedCell::new(None));
            (&raw mut (*h).name).write(name);
            (&raw mut (*h).born).write(Instant::now());
            (&raw mut (*h).polls).write(StatCounter::new(0));
            (&raw mut (*h).wakes).write(StatCounter::new(0));
            (&raw mut (*h).site).write(SiteCell::new());
            (&raw mut (*task.as_ptr()).stage).write(OwnedCell::new(Stage {
                future: ManuallyDrop::new(future),
            }));
        }
        // SAFETY: Initialised above, and in no list.
        if let Err(e) = unsafe { scope.add_task(header) } {
            // SAFETY: Nobody else has seen the task: its contents and both references are ours.
            unsafe {
                (vtable.drop_future)(header);
                drop((*(*header.as_ptr()).scope.get()).take());
                put(header);
                put(header);
            }
            return Err(e);
        }
        Ok(Self {
            header,
            _future: PhantomData,
        })
    }

    /// Starts the task, whose first poll comes with its first wake.
    #[track_caller]
    pub(crate) fn start_idle(self, scope: &Scope) -> JoinHandle<F::Output> {
        let header = self.header;
        core::mem::forget(self);
        // SAFETY: The handle's reference keeps the task valid.
        let task = unsafe { header.as_ref() };
        task.note_start();
        task.state.start();
        // SAFETY: The handle's reference and the output type are those of this task.
        let handle = unsafe { JoinHandle::from_raw(header) };
        // A cancel that has found the task not started has woken it in vain. It raises the flag
        // before it looks at the task, and the task was started above before a look at the flag,
        // both fully ordered.
        if scope.is_cancelled() {
            handle.wake();
        }
        handle
    }

    /// Starts the task: (3). Cannot fail; any context but NMI. In a scope that was cancelled
    /// meanwhile the task runs all the same, and finds the cancellation at its first await of it.
    #[track_caller]
    pub fn start(self) -> JoinHandle<F::Output> {
        let header = self.header;
        core::mem::forget(self);
        // SAFETY: The handle's reference keeps the task valid.
        let task = unsafe { header.as_ref() };
        // Started, the task may be woken by a cancel of the scope and end before it is queued here;
        // the section keeps the queue alive until then.
        let rcu = rcu::read_lock();
        // The reference that the pending mark will own.
        task.state.get_ref();
        task.note_start();
        task.state.start();
        if !schedule(task) {
            // SAFETY: The reference taken above.
            unsafe { put(header) };
        }
        drop(rcu);
        // SAFETY: The handle's reference and the output type are those of this task.
        unsafe { JoinHandle::from_raw(header) }
    }
}

impl<F: Future> Drop for Prepared<F> {
    fn drop(&mut self) {
        if deferred::is_needed::<F>() {
            // SAFETY: The task was never started, so all of it is ours.
            unsafe { deferred::drop_future(self.header) };
        } else {
            // SAFETY: As for `drop_future()`.
            unsafe { discard(self.header) };
        }
    }
}

/// Drops the future of a task that was never started, and leaves its scope: (2).
///
/// # Safety
///
/// The task was never started, and the caller owns all of it, both references included.
pub(super) unsafe fn discard(header: NonNull<Header>) {
    // SAFETY: By the safety requirements nobody else touches the task's contents. Its scope is left
    // last, since leaving it lets the code of the future go away.
    unsafe {
        (header.as_ref().vtable.drop_future)(header);
        if let Some(scope) = (*header.as_ref().scope.get()).take() {
            scope.task_ended(header);
        }
        put_many(header, 2);
    }
}
