// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Tasks that are allocated and counted in their scope but not yet started.

use super::{
    claim::Claim,
    put,
    schedule,
    state::State,
    Header,
    JoinHandle,
    Stage,
    Task,
    Watched, //
};
use crate::{
    atomic::Stat,
    budget::Budget,
    current::Here,
    list::Links,
    platform::{
        code,
        Plat,
        Platform,
        Result, //
    },
    scope::Scope,
    site::SiteCell, //
};
use core::{
    cell::UnsafeCell,
    ffi::CStr,
    future::Future,
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};

/// A task that only needs to be started, which cannot fail. Made by [`Scope::reserve`].
///
/// It counts as a task of its scope: joining the scope waits until it has been started and has
/// ended, or was dropped. Dropping it drops the future. Forgetting it leaks the future, and who
/// joins the scope waits for ever.
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `start` | yes | yes | yes |
/// | drop | yes | as the future's drop allows | no (the future is dropped) |
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
    /// (1)
    pub(crate) fn new(scope: &Scope, name: &'static CStr, future: F) -> Result<Self> {
        let vtable = &Task::<F>::VTABLE;
        let memory = Plat::alloc(vtable.layout).ok_or(code::ENOMEM)?;
        let task = memory.cast::<Task<F>>();
        let header = memory.cast::<Header>();
        // SAFETY: Freshly allocated with the layout of the task. The item is initialised in place,
        // and the rest field by field, as the whole task may be large.
        unsafe {
            Plat::work_init((&raw mut (*header.as_ptr()).work).cast());
            let h = header.as_ptr();
            (&raw mut (*h).state).write(State::new());
            (&raw mut (*h).vtable).write(vtable);
            (&raw mut (*h).queue).write(scope.queue());
            (&raw mut (*h).scope).write(UnsafeCell::new(Some(scope.clone())));
            (&raw mut (*h).links).write(UnsafeCell::new(Links::new()));
            (&raw mut (*h).woken).write(UnsafeCell::new(false));
            (&raw mut (*h).watched).write(UnsafeCell::new(Watched::new()));
            (&raw mut (*h).budget).write(Budget::new());
            (&raw mut (*h).join_waker).write(UnsafeCell::new(None));
            (&raw mut (*h).name).write(name);
            (&raw mut (*h).born_ns).write(Plat::now_ns());
            (&raw mut (*h).polls).write(Stat::new());
            (&raw mut (*h).wakes).write(Stat::new());
            (&raw mut (*h).site).write(SiteCell::new());
            (&raw mut (*task.as_ptr()).stage).write(UnsafeCell::new(Stage {
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

    /// Starts the task: (3). Cannot fail; any context but NMI. In a scope that was cancelled
    /// meanwhile the task runs all the same, and finds the cancellation at its first await of it.
    #[track_caller]
    pub fn start(self) -> JoinHandle<F::Output> {
        let header = self.header;
        core::mem::forget(self);
        // SAFETY: The handle's reference keeps the task valid.
        let task = unsafe { header.as_ref() };
        Plat::gate(|| {
            // The reference that the pending mark will own.
            task.state.get_ref();
            task.note_start();
            task.state.start();
            // Started, the task may be woken by a cancel of the scope and end before it is queued
            // here; the gate section keeps the queue alive until then.
            if !schedule(header, task) {
                // SAFETY: The reference taken above.
                unsafe { put(header) };
            }
        });
        // SAFETY: The handle's reference and the output type are those of this task.
        unsafe { JoinHandle::from_raw(header) }
    }
}

impl<F> Prepared<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    /// Starts the task and polls it on this thread, as [`Claim::poll`] does; where that is not
    /// possible, as [`Prepared::start`]. Cannot fail; any context but NMI.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kasync::platform::host::World;
    /// # let world = World::manual();
    /// # let _world = world.enter();
    /// let executor = kasync::Executor::new(c"example")?;
    /// let handle = executor.root().reserve(c"sum", async { 1 + 2 })?.start_inline();
    /// assert!(handle.is_finished());
    /// # drop(handle);
    /// executor.shutdown()?;
    /// # Ok::<(), kasync::Error>(())
    /// ```
    #[track_caller]
    pub fn start_inline(self) -> JoinHandle<F::Output> {
        let Some(here) = Here::may_poll() else {
            return self.start();
        };
        let header = self.header;
        core::mem::forget(self);
        // SAFETY: The handle's reference and the output type are those of this task, which is kept
        // valid by it.
        let (handle, word) = unsafe {
            header.as_ref().note_start();
            let word = header.as_ref().state.start_claimed();
            (JoinHandle::from_raw(header), word)
        };
        // SAFETY: Claimed just now, and the handle lives on.
        unsafe { Claim::of_started(header, here, word) }.poll();
        handle
    }
}

impl<F: Future> Drop for Prepared<F> {
    fn drop(&mut self) {
        let header = self.header;
        // SAFETY: (2): The task was never started, so nobody but us touches its contents. Its scope
        // is left last, since leaving it lets the code of the future go away.
        unsafe {
            (header.as_ref().vtable.drop_future)(header);
            if let Some(scope) = (*header.as_ref().scope.get()).take() {
                scope.task_ended(header);
            }
            put(header);
            put(header);
        }
    }
}
