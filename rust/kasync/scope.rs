// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Scopes: the tree that every task belongs to.
//!
//! A scope has tasks and child scopes. It is counted as *pending* by its parent for as long as it
//! has a task, or a child that is pending; so joining a scope waits for the whole subtree.
//! Cancelling is a request: it sets the flag of the subtree, wakes its tasks and everybody who
//! awaits [`Scope::cancelled`]. The tasks then end in their own time, cleaning up as they must.
//!
//! A scope lives as long as a handle, a task or a child of it does. Dropping handles neither
//! cancels nor ends anything: the tasks go on, and whoever joins or cancels the parent still
//! reaches them (H29).
//!
//! # Rules of the tree
//!
//! All links are guarded by one leaf lock per executor, taken with interrupts disabled:
//! 1. a scope that is marked as cancelled, and any below it, gets no new task and no new child; so a
//!    subtree that was marked, a few scopes at a time, stays marked;
//! 2. a scope stays in its parent's list until its memory goes;
//! 3. under the lock only tasks of this crate are woken;
//! 4. the lock is held for a bounded time: a walk looks at [`BATCH`] scopes and tasks at most, then
//!    lets go of the lock, with a reference to the scope where it goes on.

mod cancelled;
mod join;
#[cfg(test)]
mod tests;
mod tree;

pub use cancelled::{
    cancelled,
    Cancelled,
    TaskCancelled, //
};
pub use join::Join;

use crate::{
    atomic::Latch,
    block_on::Parking,
    current,
    executor::Core,
    platform::{
        code,
        Plat,
        Platform,
        Queue,
        Result, //
    },
    refs::Ref,
    task::{
        JoinHandle,
        Prepared, //
    }, //
};
use core::{
    cell::UnsafeCell,
    ffi::CStr,
    future::Future, //
};
use tree::Node;
pub(crate) use tree::Tree;

/// The number of scopes and tasks that are looked at, and woken, while the lock is held.
const BATCH: usize = 32;

/// How deep a tree may be; dropping the last handle of a leaf may drop as many scopes, recursively.
const MAX_DEPTH: u32 = 16;

/// The start of a name: a copy, since a scope may outlive the code that has named it.
#[derive(Clone, Copy)]
pub(crate) struct Name {
    bytes: [u8; 23],
    len: u8,
}

impl Name {
    pub(crate) fn new(name: &CStr) -> Self {
        let mut this = Self {
            bytes: [0; 23],
            len: 0,
        };
        for (to, from) in this.bytes.iter_mut().zip(name.to_bytes()) {
            *to = if from.is_ascii_graphic() { *from } else { b'?' };
            this.len += 1;
        }
        this
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII is stored.
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("?")
    }
}

/// The names of a scope and of those above it, the executor first; the end, if it is long. A zero is
/// behind it.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    bytes: [u8; Self::SIZE],
    start: u8,
}

impl Path {
    const SIZE: usize = 72;

    fn new(scope: &ScopeInner) -> Self {
        let mut this = Self {
            bytes: [0; Self::SIZE],
            start: Self::SIZE as u8 - 1,
        };
        let mut cur = scope;
        loop {
            this.prepend(cur.name.as_str().as_bytes());
            match &cur.parent {
                Some(parent) => cur = &parent.0,
                None => return this,
            }
            this.prepend(b"/");
        }
    }

    fn prepend(&mut self, bytes: &[u8]) {
        let start = usize::from(self.start);
        let len = bytes.len().min(start);
        self.bytes[start - len..start].copy_from_slice(&bytes[bytes.len() - len..]);
        self.start -= len as u8;
    }

    pub(crate) fn as_str(&self) -> &str {
        // Only ASCII is stored.
        core::str::from_utf8(&self.bytes[usize::from(self.start)..Self::SIZE - 1]).unwrap_or("?")
    }

    pub(crate) fn as_ptr(&self) -> *const u8 {
        self.bytes[usize::from(self.start)..].as_ptr()
    }
}

pub(crate) struct ScopeInner {
    core: Ref<Core>,
    parent: Option<Scope>,
    name: Name,
    depth: u32,
    /// Raised under the tree's lock, read anywhere.
    cancelled: Latch,
    /// Guarded by the tree's lock.
    node: UnsafeCell<Node>,
}

impl ScopeInner {
    /// Scopes above are there as long as this one is.
    pub(crate) fn path(&self) -> Path {
        Path::new(self)
    }
}

// SAFETY: `node` is only accessed under the lock of the tree, the rest is `Sync`.
unsafe impl Sync for ScopeInner {}
// SAFETY: Nothing in a scope depends on the thread.
unsafe impl Send for ScopeInner {}

/// A scope of tasks. Cloning gives another handle of the same scope.
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `child`, `reserve`, `spawn` | yes | no (they allocate) | no |
/// | `cancel`, `is_cancelled` | yes | yes | yes |
/// | `cancelled`, `join`, `end`, polling them | yes | yes | no |
/// | `join_blocking` | yes | no (refused) | no |
/// | clone, drop | yes | yes | yes |
#[derive(Clone)]
pub struct Scope(Ref<ScopeInner>);

impl Scope {
    pub(crate) fn new_root(core: Ref<Core>, name: &'static CStr) -> Result<Self> {
        Ok(Self(Ref::new(ScopeInner {
            core,
            parent: None,
            name: Name::new(name),
            depth: 0,
            cancelled: Latch::new(),
            node: UnsafeCell::new(Node::new()),
        })?))
    }

    /// Makes a scope below this one.
    ///
    /// # Errors
    ///
    /// `ECANCELED` if this scope was cancelled, `E2BIG` if the tree would get too deep, `ENOMEM`.
    pub fn child(&self, name: &'static CStr) -> Result<Scope> {
        if self.0.depth >= MAX_DEPTH {
            return Err(code::E2BIG);
        }
        let child = Scope(Ref::new(ScopeInner {
            core: self.0.core.clone(),
            parent: Some(self.clone()),
            name: Name::new(name),
            depth: self.0.depth + 1,
            cancelled: Latch::new(),
            node: UnsafeCell::new(Node::new()),
        })?);
        self.add_child(&child)?;
        Ok(child)
    }

    /// The name given at creation, or the start of it.
    pub fn name(&self) -> &str {
        self.0.name.as_str()
    }

    /// Asks all tasks of this scope and of the scopes below to end. Idempotent, any context but
    /// NMI. When this returns, each of these tasks is queued to see the request, unless another
    /// call has come first and is still at it.
    pub fn cancel(&self) {
        self.cancel_tree();
    }

    /// Whether this scope, or one above it, was cancelled.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.is_up()
    }

    /// A future that resolves when this scope is cancelled. Cancel safe.
    #[track_caller]
    pub fn cancelled(&self) -> Cancelled<'_> {
        Cancelled::new(self)
    }

    /// A future that resolves when no task is left in this scope and below: at once if there is
    /// none now, else when the last one ends, even if another one is spawned right after. Cancel
    /// safe.
    ///
    /// Fails with `EDEADLK`, and reports it, in a task that is part of the scope and so would wait
    /// for itself.
    #[track_caller]
    pub fn join(&self) -> Join {
        Join::new(self.clone())
    }

    /// Ends the scope: cancels it, and gives back what [`Scope::join`] does, to be awaited.
    ///
    /// The handle goes with it, so who has the only one can start nothing in it any more:
    ///
    /// ```compile_fail,E0382
    /// # fn f(scope: kasync::Scope) -> kasync::Result {
    /// let ended = scope.end();
    /// scope.spawn(c"too late", async {})?.detach();
    /// # drop(ended);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Of a handle that was cloned before the compiler knows nothing. What is started with that, or
    /// below it, is refused with `ECANCELED`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kasync::platform::host::World;
    /// # let world = World::manual();
    /// # let _world = world.enter();
    /// use kasync::{cancelled, platform::code, Executor};
    ///
    /// let executor = Executor::new(c"example")?;
    /// let scope = executor.root().child(c"work")?;
    /// let clone = scope.clone();
    /// scope.spawn(c"events", cancelled())?.detach();
    /// kasync::block_on(scope.end())??;
    /// let refused = clone.spawn(c"too late", async {});
    /// assert_eq!(refused.err(), Some(code::ECANCELED));
    /// # drop(clone);
    /// executor.shutdown()?;
    /// # Ok::<(), kasync::Error>(())
    /// ```
    #[track_caller]
    pub fn end(self) -> Join {
        self.cancel();
        Join::new(self)
    }

    /// Blocks until no task is left in this scope and below.
    ///
    /// # Errors
    ///
    /// `EDEADLK`, reported loudly, inside a poll or a signalling section: a task may never block
    /// its worker (H15), and the fences that others wait for could depend on it. `ENOMEM`.
    pub fn join_blocking(&self) -> Result {
        if current::in_section() {
            Plat::misuse(c"join_blocking() inside a poll or a signalling section");
            return Err(code::EDEADLK);
        }
        self.join_on(&Parking::new()?)
    }

    /// The same with what it takes allocated before.
    pub(crate) fn join_on(&self, parking: &Parking) -> Result {
        parking.block_on(core::pin::pin!(self.join()), || self.report_stall())
    }

    /// Says whom a blocking join still waits for.
    fn report_stall(&self) {
        let mut some = [const { None }; 4];
        let mut n = 0;
        self.each_task(|task, scope| {
            if let Some(place) = some.get_mut(n) {
                *place = Some(task.info(scope));
            }
            n += 1;
            true
        });
        let name = self.name();
        Plat::warn(format_args!(
            "still waiting for {n} tasks of scope {name}, among them:"
        ));
        for info in some.into_iter().flatten() {
            Plat::warn(format_args!("{info}"));
        }
    }

    /// Makes a task that only needs to be started.
    ///
    /// # Errors
    ///
    /// `ECANCELED` if this scope was cancelled or its executor shut down, `ENOMEM`. The future is
    /// dropped then.
    pub fn reserve<F>(&self, name: &'static CStr, future: F) -> Result<Prepared<F>>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        Prepared::new(self, name, future)
    }

    /// Makes and starts a task.
    ///
    /// # Errors
    ///
    /// As [`Scope::reserve`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use kasync::platform::host::World;
    /// # let world = World::manual();
    /// # let _world = world.enter();
    /// use kasync::Executor;
    ///
    /// let executor = Executor::new(c"example")?;
    /// let scope = executor.root().child(c"work")?;
    /// let handle = scope.spawn(c"sum", async { 1 + 2 })?;
    /// assert_eq!(kasync::block_on(handle)?, 3);
    /// executor.shutdown()?;
    /// # Ok::<(), kasync::Error>(())
    /// ```
    ///
    /// What a task must not be does not compile. It may run on any worker, so what stays on its
    /// thread may not live across an await (H13):
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
    /// Nor may a lock's guard, or the witness of a signalling section:
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
    /// It may outlive its caller, so it borrows nothing from there (H29):
    ///
    /// ```compile_fail,E0597
    /// # fn f(scope: kasync::Scope) {
    /// let local = 1;
    /// let borrowed = &local;
    /// let _ = scope.spawn(c"borrows", async move { *borrowed });
    /// # }
    /// ```
    ///
    /// It is started once:
    ///
    /// ```compile_fail,E0382
    /// # fn f(scope: kasync::Scope) -> kasync::Result {
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

    pub(crate) fn path(&self) -> Path {
        self.0.path()
    }

    /// Tells it from others.
    pub(crate) fn address(&self) -> *const () {
        Ref::as_ptr(&self.0).as_ptr().cast_const().cast()
    }

    pub(crate) fn queue(&self) -> Queue {
        self.0.core.queue()
    }

    /// Whether both are handles of one scope.
    pub(crate) fn is_same(&self, other: &Scope) -> bool {
        Ref::as_ptr(&self.0) == Ref::as_ptr(&other.0)
    }

    /// Whether this is `other` or lies below it.
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
    current::get().is_some_and(|task| {
        // SAFETY: The task is being polled by this very thread, so its scope stays in place.
        unsafe { task.as_ref().scope() }.is_some_and(|s| s.is_within(scope))
    })
}

/// Returns whether `cx` is that of the task that the calling thread is polling, and no
/// combinator's.
fn is_of_current(cx: &core::task::Context<'_>) -> bool {
    let task = crate::task::task_of(cx.waker());
    task.is_some() && current::get() == task
}
