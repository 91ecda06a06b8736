// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The links and counts of the tree of scopes. See the rules in [`super`].

use super::{
    Scope,
    ScopeInner, //
};
use crate::{
    list::{
        Linked,
        Links,
        List, //
    },
    lock::IrqLock,
    task::{
        put_unlinked,
        Header, //
    },
    wait::{
        WaitList,
        WakerBatch, //
    }, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::prelude::*;

/// The data in the tree's lock. A `&mut Tree` is the proof that the lock is held, which also
/// protects the links in scopes and tasks.
pub(crate) struct Tree {
    /// The walks that pause at a task, linked by [`Pause::next`].
    ///
    /// # Invariants
    ///
    /// Each is valid, and is unlinked before it is freed.
    pub(super) pauses: *mut Pause,
    /// The number of calls that are marking scopes as cancelled.
    pub(super) marking: usize,
}

// SAFETY: The pauses are accessed under the tree's lock only.
unsafe impl Send for Tree {}

/// The position of a walk that has released the lock.
pub(super) struct Pause {
    pub(super) next: *mut Pause,
    /// The task at which the walk continues. If it ends, the one after it takes its place.
    pub(super) task: Option<NonNull<Header>>,
}

impl Tree {
    pub(crate) fn new() -> IrqLock<Self> {
        IrqLock::new(Self {
            pauses: ptr::null_mut(),
            marking: 0,
        })
    }

    /// Counts a scope or a task that is visited with the lock held, for tests.
    #[inline]
    pub(super) fn step(&mut self) {
        #[cfg(test)]
        super::tests::step();
    }
}

/// The links and counts of a scope, which the tree's lock protects.
pub(super) struct Node {
    links: Links<ScopeInner>,
    pub(super) children: List<ScopeInner>,
    pub(super) tasks: List<Header>,
    /// The number of tasks of the scope, plus the number of its pending children.
    pub(super) pending: usize,
    /// The number of times that `pending` has dropped to 0.
    pub(super) epoch: u64,
    pub(super) cancel_waiters: WaitList,
    /// The waiters of [`Scope::join`]. The key is the epoch in which they were added.
    pub(super) join_waiters: WaitList,
    /// The next of the scopes that one call of `cancel()` has marked. Each link owns a reference.
    pub(super) cancel_next: *mut ScopeInner,
}

impl Node {
    pub(super) fn new() -> Self {
        Self {
            links: Links::new(),
            children: List::new(),
            tasks: List::new(),
            pending: 0,
            epoch: 0,
            cancel_waiters: WaitList::new(),
            join_waiters: WaitList::new(),
            cancel_next: ptr::null_mut(),
        }
    }
}

// SAFETY: `links` is a field of the scope's node.
unsafe impl Linked for ScopeInner {
    unsafe fn links(node: NonNull<Self>) -> *mut Links<Self> {
        // SAFETY: `node` is valid.
        unsafe { &raw mut (*(*node.as_ptr()).node.get()).links }
    }
}

impl ScopeInner {
    /// Returns the node. `_tree` proves that the tree's lock is held.
    pub(super) fn node<'a>(&'a self, _tree: &'a mut Tree) -> &'a mut Node {
        // SAFETY: The lock serialises all accesses. `_tree` is borrowed as long as the node is, so
        // no second reference to a node exists at the same time. An executor has one tree.
        unsafe { &mut *self.node.get() }
    }

    /// Returns whether the scope accepts no new task and no new child.
    fn is_closed(&self, tree: &Tree) -> bool {
        if self.cancelled.as_ref().is_some() {
            return true;
        }
        // A scope above may be marked while this one is not yet (rule 1).
        let mut scope = self;
        while let (true, Some(parent)) = (tree.marking > 0, &scope.parent) {
            scope = &parent.0;
            if scope.cancelled.as_ref().is_some() {
                return true;
            }
        }
        false
    }
}

impl Scope {
    /// Calls `f` with the tree's lock held.
    pub(super) fn locked<R>(&self, f: impl FnOnce(&mut Tree, &ScopeInner) -> R) -> R {
        self.0.core.tree().with(|tree| {
            #[cfg(test)]
            super::tests::hold();
            f(tree, &self.0)
        })
    }

    /// Adds a new scope below this one. `ECANCELED` if this one is closed.
    pub(super) fn add_child(&self, child: &Scope) -> Result {
        self.locked(|tree, scope| {
            if scope.is_closed(tree) {
                return Err(ECANCELED);
            }
            // SAFETY: The child is new, so it is in no list. It unlinks itself before its memory is
            // freed (rule 2).
            unsafe {
                scope
                    .node(tree)
                    .children
                    .push_back(NonNull::from(&*child.0))
            };
            Ok(())
        })
    }

    /// Links a new task.
    ///
    /// # Safety
    ///
    /// `task` must be valid, new, and be given to [`Scope::task_ended`] of this scope before it is
    /// freed.
    pub(crate) unsafe fn add_task(&self, task: NonNull<Header>) -> Result {
        self.locked(|tree, scope| {
            if scope.is_closed(tree) {
                return Err(ECANCELED);
            }
            // SAFETY: The task is valid, new, and in the list until `task_ended()`, by the safety
            // requirements.
            unsafe { scope.node(tree).tasks.push_back(task) };
            let mut scope = scope;
            loop {
                let node = scope.node(tree);
                node.pending += 1;
                match &scope.parent {
                    Some(parent) if node.pending == 1 => scope = &parent.0,
                    _ => break,
                }
            }
            Ok(())
        })
    }

    /// Unlinks a task that has ended, drops `refs` references to it, and wakes the joiners of each
    /// scope that has no task left. Returns whether the references were the last, so that the
    /// caller has to free the task.
    ///
    /// # Safety
    ///
    /// `task` must have been linked by [`Scope::add_task`] of this scope. The caller must own as
    /// many references, and not use them afterwards.
    pub(crate) unsafe fn task_ended(&self, task: NonNull<Header>, refs: u64) -> bool {
        // The number of scopes, from this one up, that have no task left.
        let (ended, last) = self.locked(|tree, scope| {
            // SAFETY: The task is linked and the references are the caller's, by the safety
            // requirements.
            let last = unsafe {
                tree.pass(task);
                scope.node(tree).tasks.remove(task);
                put_unlinked(task, refs)
            };
            let mut scope = scope;
            let mut ended = 0;
            loop {
                let node = scope.node(tree);
                node.pending -= 1;
                if node.pending > 0 {
                    break;
                }
                node.epoch += 1;
                ended += 1;
                match &scope.parent {
                    Some(parent) => scope = &parent.0,
                    None => break,
                }
            }
            (ended, last)
        });
        let mut scope = Some(self);
        for _ in 0..ended {
            if let Some(s) = scope {
                s.wake_joiners();
                scope = s.0.parent.as_ref();
            }
        }
        last
    }

    fn wake_joiners(&self) {
        loop {
            let mut wakers = WakerBatch::new();
            self.locked(|tree, scope| {
                let node = scope.node(tree);
                let epoch = node.epoch;
                // Waiters that were added after the scope became empty wait for the next time.
                node.join_waiters
                    .notify_while(&mut wakers, |key| key != epoch);
            });
            if !wakers.wake_all() {
                break;
            }
        }
    }
}

impl Drop for ScopeInner {
    fn drop(&mut self) {
        let this = NonNull::from(&*self);
        if let Some(parent) = &self.parent {
            parent.locked(|tree, parent| {
                // SAFETY: The scope is in this list, or in none if `child()` has failed.
                unsafe { parent.node(tree).children.remove(this) };
            });
        }
    }
}
