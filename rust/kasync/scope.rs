// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Scopes: the tree that every task belongs to.
//!
//! A scope has tasks and child scopes. It is *pending* while it has a task or a pending child, so
//! joining a scope waits for the whole subtree. Cancelling is a request: it marks all scopes of the
//! subtree, and wakes their tasks and all callers that await [`Scope::cancelled`]. The tasks then
//! clean up and end on their own.
//!
//! A scope lives as long as a handle, a task or a child of it does. Dropping handles neither
//! cancels nor ends tasks. Joining or cancelling the parent still includes them (H29).
//!
//! # Rules of the tree
//!
//! All links are protected by one leaf lock per executor, taken with interrupts disabled:
//! 1. a scope that is marked as cancelled, or that is below one, gets no new task and no new child.
//!    So a subtree that is marked a few scopes at a time stays marked;
//! 2. a scope stays in its parent's list until its memory is freed;
//! 3. under the lock only tasks of this crate are woken;
//! 4. the lock is held for a bounded time: a walk visits [`BATCH`] scopes and tasks at most before
//!    it releases the lock, with a reference to the scope at which it continues.

mod cancel;
mod cancelled;
mod inner;
mod join;
mod name;
mod shared;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

pub use cancelled::{
    cancelled,
    Cancelled,
    TaskCancelled, //
};
pub(crate) use inner::ScopeInner;
pub use join::Join;
pub(crate) use name::{
    Name,
    Path, //
};
pub(crate) use shared::Core;

use crate::{
    counted::Counted,
    task::{
        self,
        JoinHandle,
        Prepared, //
    }, //
};
use core::{
    ffi::CStr,
    future::Future, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// The number of scopes and tasks that are visited while the lock is held.
#[cfg(not(feature = "loom"))]
const BATCH: usize = 32;
/// One, so that models cover what happens in between.
#[cfg(feature = "loom")]
const BATCH: usize = 1;

/// The greatest depth of a tree. Dropping a handle may recursively drop as many scopes.
const MAX_DEPTH: u32 = 16;

/// A handle of a scope of tasks. Cloning returns another handle of the same scope.
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `child`, `reserve`, `spawn`, `spawn_idle` | yes | no (they allocate) | no |
/// | `cancel`, `is_cancelled` | yes | yes | yes |
/// | `cancelled`, `join`, `end`, polling them | yes | yes | no |
/// | `join_blocking` | yes | no (refused) | no (refused) |
/// | clone, drop | yes | yes | yes |
#[derive(Clone)]
pub struct Scope(ARef<ScopeInner>);

impl Scope {
    /// Creates the root scope of an executor.
    pub(crate) fn new_root(core: Counted<Core>, name: &'static CStr) -> Result<Self> {
        ScopeInner::new_scope(core, None, name)
    }

    /// Creates a scope below this one.
    ///
    /// # Errors
    ///
    /// `ECANCELED` if this scope was cancelled, `E2BIG` if the tree would get too deep, `ENOMEM`.
    pub fn child(&self, name: &'static CStr) -> Result<Scope> {
        if self.0.depth >= MAX_DEPTH {
            return Err(E2BIG);
        }
        let child = ScopeInner::new_scope(self.0.core.clone(), Some(self.clone()), name)?;
        self.add_child(&child)?;
        Ok(child)
    }

    /// Returns the name of the scope, cut to 23 bytes.
    pub fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// Requests all tasks of this scope, and of the scopes below, to end. Idempotent. Any context
    /// but NMI. When it returns, each of these tasks was woken, unless a concurrent call for the
    /// same scope is still waking them.
    pub fn cancel(&self) {
        self.cancel_tree();
    }

    /// Returns whether this scope, or one above it, was cancelled.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.as_ref().is_some()
    }

    /// Returns a future that resolves when this scope is cancelled. Cancel safe.
    #[track_caller]
    pub fn cancelled(&self) -> Cancelled<'_> {
        Cancelled::new(self)
    }

    /// Returns a future that resolves when no task is left in this scope and below. It resolves at
    /// once if there is none when it is polled first, else when the last one ends, even if another
    /// one is spawned right after. Cancel safe.
    ///
    /// Its output is `EDEADLK`, with a warning, in a task that is part of the scope and so would
    /// wait for itself.
    #[track_caller]
    pub fn join(&self) -> Join {
        Join::new(self.clone())
    }

    /// Cancels the scope, and returns the future of [`Scope::join`].
    ///
    /// It consumes the handle, so the owner of the only one cannot start tasks in it any more:
    ///
    /// ```compile_fail,E0382
    /// # fn f(scope: kasync::Scope) -> kernel::error::Result {
    /// let ended = scope.end();
    /// scope.spawn(c"too late", async {})?.detach();
    /// # drop(ended);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Through a handle that was cloned before, starting tasks fails with `ECANCELED`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::host::World;
    /// # let world = World::manual();
    /// # let _world = world.enter();
    /// use kasync::{cancelled, Executor};
    ///
    /// let executor = Executor::new(c"example")?;
    /// let scope = executor.root().child(c"work")?;
    /// let clone = scope.clone();
    /// scope.spawn(c"events", cancelled())?.detach();
    /// kasync::block_on(scope.end())??;
    /// let refused = clone.spawn(c"too late", async {});
    /// assert_eq!(refused.err(), Some(kernel::error::code::ECANCELED));
    /// # drop(clone);
    /// executor.shutdown()?;
    /// # Ok::<(), kernel::error::Error>(())
    /// ```
    #[track_caller]
    pub fn end(self) -> Join {
        self.cancel();
        Join::new(self)
    }

    /// Allocates a task that only needs to be started.
    ///
    /// # Errors
    ///
    /// `ECANCELED` if this scope was cancelled or its executor shut down, `ENOMEM`. On error the
    /// future is dropped.
    pub fn reserve<F>(&self, name: &'static CStr, future: F) -> Result<Prepared<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        Prepared::new(self, name, future)
    }

    /// Allocates and starts a task.
    ///
    /// # Errors
    ///
    /// Those of [`Scope::reserve`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::host::World;
    /// # let world = World::manual();
    /// # let _world = world.enter();
    /// use kasync::Executor;
    ///
    /// let executor = Executor::new(c"example")?;
    /// let scope = executor.root().child(c"work")?;
    /// let handle = scope.spawn(c"sum", async { 1 + 2 })?;
    /// assert_eq!(kasync::block_on(handle)?, 3);
    /// executor.shutdown()?;
    /// # Ok::<(), kernel::error::Error>(())
    /// ```
    ///
    /// A task may run on any worker, so a future that holds a value that is not `Send` across an
    /// await is refused (H13):
    ///
    /// ```compile_fail,E0277
    /// # fn f(scope: kasync::Scope) {
    /// let task = async {
    ///     let local = std::rc::Rc::new(1);
    ///     kasync::yield_now().await;
    ///     drop(local);
    /// };
    /// let _ = scope.spawn(c"not Send", task);
    /// # }
    /// ```
    ///
    /// Guards of locks and [`SignallingSection`](crate::SignallingSection) are such values:
    ///
    /// ```compile_fail,E0277
    /// # fn f(scope: kasync::Scope, lock: &'static std::sync::Mutex<u32>) {
    /// let task = async {
    ///     let guard = lock.lock();
    ///     kasync::yield_now().await;
    ///     drop(guard);
    /// };
    /// let _ = scope.spawn(c"holds a lock", task);
    /// # }
    /// ```
    ///
    /// A task may outlive its caller, so it cannot borrow from there (H29):
    ///
    /// ```compile_fail,E0597
    /// # fn f(scope: kasync::Scope) {
    /// let local = 1;
    /// let borrowed = &local;
    /// let _ = scope.spawn(c"borrows", async move { *borrowed });
    /// # }
    /// ```
    ///
    /// A task is started once:
    ///
    /// ```compile_fail,E0382
    /// # fn f(scope: kasync::Scope) -> kernel::error::Result {
    /// let prepared = scope.reserve(c"once", async {})?;
    /// prepared.start().detach();
    /// prepared.start().detach();
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, name: &'static CStr, future: F) -> Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        Ok(self.reserve(name, future)?.start())
    }

    /// Allocates and starts a task without queueing it. The first wake leads to its first poll: by
    /// its handle, by a claim, or by the cancellation of the scope.
    ///
    /// # Errors
    ///
    /// Those of [`Scope::reserve`].
    #[track_caller]
    pub fn spawn_idle<F>(&self, name: &'static CStr, future: F) -> Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        Ok(self.reserve(name, future)?.start_idle(self))
    }

    /// Returns the names of the scope and of those above it.
    pub(crate) fn path(&self) -> Path {
        self.0.path()
    }

    /// Returns the address of the scope, which identifies it in traces.
    pub(crate) fn address(&self) -> *const () {
        core::ptr::from_ref(&*self.0).cast()
    }

    /// Returns the executor's core.
    pub(crate) fn core(&self) -> &Core {
        &self.0.core
    }

    /// Returns whether both are handles of one scope.
    pub(crate) fn is_same(&self, other: &Scope) -> bool {
        core::ptr::eq(&*self.0, &*other.0)
    }

    /// Returns whether this is `other` or lies below it.
    pub(crate) fn is_within(&self, other: &Scope) -> bool {
        let mut scope = Some(self);
        while let Some(s) = scope {
            if s.is_same(other) {
                return true;
            }
            scope = s.0.parent.as_ref();
        }
        false
    }
}

/// Returns whether the task that the calling thread is polling is part of `scope`.
fn polled_within(scope: &Scope) -> bool {
    task::current_task().is_some_and(|task| {
        // SAFETY: This thread is polling the task, so its scope is not moved out.
        unsafe { task.as_ref().scope() }.is_some_and(|s| s.is_within(scope))
    })
}

/// Returns whether the task that the calling thread is polling will be woken when `scope`, which
/// was not cancelled yet, is cancelled.
///
/// The scope of the task has to be part of it, and to be without the mark itself: a cancel wakes
/// the tasks of the scopes that it marks. Whichever marks this one, the wake comes after the mark,
/// and so is still to come.
fn cancel_wakes_current(scope: &Scope) -> bool {
    task::current_task().is_some_and(|task| {
        // SAFETY: This thread is polling the task, so its scope is not moved out.
        let own = unsafe { task.as_ref().scope() };
        own.is_some_and(|own| own.is_within(scope) && !own.is_cancelled())
    })
}

/// Returns whether the waker of `cx` is that of the task that the calling thread is polling, not
/// one of a combinator.
fn is_of_current(cx: &core::task::Context<'_>) -> bool {
    let task = task::waker::task_of(cx.waker());
    task.is_some() && task::current_task() == task
}
