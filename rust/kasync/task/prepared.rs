// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tasks that were allocated and added to their scope but not yet started.

use super::{
    budget::Budget,
    deferred,
    header::{
        Header,
        NameCell,
        SiteCell,
        StallState, //
    },
    leave_scope,
    put,
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
    current,
    list::Links,
    scope::Scope,
    section::annotated,
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

/// A task that only needs to be started, which cannot fail. Returned by [`Scope::reserve`].
///
/// It counts as a task of its scope: joining the scope waits until it was started and has ended, or
/// was dropped. Dropping it drops the future, in a signalling section, as a worker would. If the
/// caller may not sleep, a worker does so. Forgetting it leaks the future, and a join of the scope
/// never ends.
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

// SAFETY: It owns the future. Both that and its output are `Send`, which `new()` requires.
unsafe impl<F: Future> Send for Prepared<F> {}
// SAFETY: A shared `Prepared` has no methods.
unsafe impl<F: Future> Sync for Prepared<F> {}

impl<F> Prepared<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    /// Allocates a task and adds it to its scope: (1).
    pub(crate) fn new(scope: &Scope, name: &'static CStr, future: F) -> Result<Self> {
        let vtable = &Task::<F>::VTABLE;
        let memory = KBox::<Task<F>>::new_uninit(GFP_KERNEL_ACCOUNT)?;
        let task = NonNull::from(KBox::leak(memory)).cast::<Task<F>>();
        let header = task.cast::<Header>();
        // The fields are initialised in place, since a task may be too large for the stack.
        // SAFETY: The memory was allocated above with the layout of the task.
        unsafe {
            Work::init(&raw mut (*header.as_ptr()).work, super::run);
            let h = header.as_ptr();
            (&raw mut (*h).state).write(State::new());
            (&raw mut (*h).vtable).write(vtable);
            let batch = scope.core().batch(header.as_ptr().cast_const().cast());
            (&raw mut (*h).batch).write(NonNull::from(batch));
            (&raw mut (*h).scope).write(OwnedCell::new(Some(scope.clone())));
            (&raw mut (*h).links).write(UnsafeCell::new(Links::new()));
            (&raw mut (*h).link).write(Link::new());
            (&raw mut (*h).watched).write(UnsafeCell::new(StallState::new()));
            (&raw mut (*h).budget).write(Budget::new());
            (&raw mut (*h).join_waker).write(OwnedCell::new(None));
            (&raw mut (*h).name).write(NameCell::new(name));
            (&raw mut (*h).born).write(Instant::now());
            (&raw mut (*h).polls).write(StatCounter::new(0));
            (&raw mut (*h).wakes).write(StatCounter::new(0));
            (&raw mut (*h).site).write(SiteCell::new());
            (&raw mut (*task.as_ptr()).stage).write(OwnedCell::new(Stage {
                future: ManuallyDrop::new(future),
            }));
        }
        // SAFETY: The task was initialised above and is in no list.
        if let Err(e) = unsafe { scope.add_task(header) } {
            // SAFETY: The task was not added, so this function owns its contents and both of its
            // references.
            unsafe {
                (vtable.drop_future)(header);
                drop(header.as_ref().scope.with(|scope| (*scope).take()));
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
        // A cancellation that has found the task not started has not woken it. It sets the scope's
        // flag before it reads the task's state, and here the state is changed before the flag is
        // read, both with full ordering. So one of the two wakes the task.
        if scope.is_cancelled() {
            handle.wake();
        }
        handle
    }

    /// Starts the task: (3). Any context but NMI. If the scope was cancelled meanwhile, the task
    /// still runs, and finds out when it awaits the cancellation.
    #[track_caller]
    pub fn start(self) -> JoinHandle<F::Output> {
        let header = self.header;
        core::mem::forget(self);
        // SAFETY: The handle's reference keeps the task valid.
        let task = unsafe { header.as_ref() };
        // Once started, the task may be woken by a cancellation and end before it is queued here.
        // The section keeps the queue alive until then.
        let rcu = rcu::read_lock();
        // The reference that the pending mark will own.
        task.state.get_ref();
        task.note_start();
        task.state.start();
        // SAFETY: In an RCU section that was entered before the task was started, with the
        // reference taken above.
        if !unsafe { schedule(task) } {
            // SAFETY: The reference taken above was not passed on.
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
            // SAFETY: The task was never started, so this owns its future and both references.
            unsafe { deferred::drop_future(self.header) };
        } else {
            // In a signalling section, as by a worker: the future may have the last handle of the
            // task's own executor, whose shutdown waits for the task to leave its scope.
            annotated(|| {
                current::enter_section(|| {
                    // SAFETY: The task was never started, so this owns its future and both
                    // references.
                    unsafe { discard(self.header) }
                })
            });
        }
    }
}

/// Drops the future of a task that was never started, and removes the task from its scope: (2).
///
/// # Safety
///
/// The task must never have been started. The caller must own its future and both references.
pub(super) unsafe fn discard(header: NonNull<Header>) {
    // The task is removed from its scope last: then the module with the future's code may be
    // unloaded.
    // SAFETY: By the safety requirements the caller owns the contents of the task.
    unsafe {
        (header.as_ref().vtable.drop_future)(header);
        leave_scope(header, 2);
    }
}
