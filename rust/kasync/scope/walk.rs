// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Walks through the tree that release its lock at intervals. See the rules in [`super`].

use super::{
    tree::{
        Pause,
        Tree, //
    },
    Scope,
    ScopeInner,
    BATCH, //
};
use crate::{
    list::List,
    task::Header, //
};
use core::{
    cell::UnsafeCell,
    ptr::{
        self,
        NonNull, //
    }, //
};

impl Tree {
    /// Links a pause.
    ///
    /// # Safety
    ///
    /// `pause` must be valid and not linked, and must be unlinked before it is freed.
    unsafe fn link(&mut self, pause: *mut Pause) {
        // SAFETY: Valid by the safety requirements.
        unsafe { (*pause).next = self.pauses };
        // INVARIANT: By the safety requirements.
        self.pauses = pause;
    }

    /// Unlinks a pause.
    ///
    /// # Safety
    ///
    /// `pause` must be linked.
    unsafe fn unlink(&mut self, pause: *mut Pause) {
        let mut at = &raw mut self.pauses;
        // SAFETY: Linked pauses are valid by the type invariant, and `pause` is one of them.
        unsafe {
            while *at != pause {
                at = &raw mut (**at).next;
            }
            *at = (*pause).next;
        }
    }

    /// Moves walks that pause at `task`, which is about to be unlinked, to the task after it.
    ///
    /// # Safety
    ///
    /// `task` must be linked.
    #[inline]
    pub(super) unsafe fn pass(&mut self, task: NonNull<Header>) {
        let mut at = self.pauses;
        while !at.is_null() {
            // SAFETY: Linked pauses are valid by the type invariant, and the lock is held.
            let pause = unsafe { &mut *at };
            if pause.task == Some(task) {
                // SAFETY: `task` is linked, and the lock is held.
                pause.task = unsafe { List::after(task) };
            }
            at = pause.next;
        }
    }
}

impl Scope {
    /// Calls `f` with each task of this scope and below, and with the task's scope, until `f`
    /// returns `false`.
    ///
    /// `f` runs with the tree's lock held and interrupts disabled. The lock is released after
    /// [`BATCH`] scopes and tasks. So a task that exists for the whole time of the walk is visited
    /// once; a task that is added or ends meanwhile may or may not be visited.
    pub(crate) fn each_task(&self, mut f: impl FnMut(&Header, &ScopeInner) -> bool) {
        // SAFETY: Linked tasks are valid while the lock is held.
        self.walk(true, |task, scope| f(unsafe { task.as_ref() }, scope));
    }

    /// Calls `f` as [`Scope::each_task`] does, or with the tasks of this scope only if `below` is
    /// `false`.
    pub(super) fn walk(
        &self,
        below: bool,
        mut f: impl FnMut(NonNull<Header>, &ScopeInner) -> bool,
    ) {
        let pause = UnsafeCell::new(Pause {
            next: ptr::null_mut(),
            task: None,
        });
        let pause = pause.get();
        // The scope at which the walk pauses. `None` before it has started.
        let mut at: Option<Scope> = None;
        loop {
            let next = self.locked(|tree, top| {
                let top = NonNull::from(top);
                let (mut cur, mut task) = match &at {
                    // SAFETY: The pause was linked below, when the lock was released. It is valid,
                    // and the lock is held.
                    Some(scope) => unsafe {
                        tree.unlink(pause);
                        (NonNull::from(&*scope.0), (*pause).task)
                    },
                    None => (top, self.0.node(tree).tasks.front()),
                };
                let mut steps = 0;
                loop {
                    // SAFETY: `top`, the scope that `at` refers to, and linked scopes are valid
                    // while the lock is held (rule 2).
                    let scope = unsafe { cur.as_ref() };
                    while let Some(t) = task.filter(|_| steps < BATCH) {
                        steps += 1;
                        tree.step();
                        // SAFETY: Linked tasks are valid while the lock is held.
                        task = unsafe { List::after(t) };
                        if !f(t, scope) {
                            return None;
                        }
                    }
                    if steps >= BATCH {
                        // SAFETY: `cur` is valid while the lock is held (rule 2).
                        if let Some(r) = unsafe { ScopeInner::try_get(cur) } {
                            // SAFETY: The pause lives as long as this function, which unlinks it
                            // when the walk continues. The lock is held.
                            unsafe {
                                (*pause).task = task;
                                tree.link(pause);
                            }
                            return Some(r);
                        }
                        // The last reference was dropped, so the scope has no task and is about to
                        // be unlinked. There are never many of these, so the walk goes on.
                    }
                    if !below {
                        return None;
                    }
                    steps += 1;
                    tree.step();
                    // SAFETY: The lock is held, and `cur` is in the subtree.
                    cur = unsafe { next_scope(tree, cur, top, true) }?;
                    // SAFETY: Linked scopes are valid while the lock is held (rule 2).
                    task = unsafe { cur.as_ref() }.node(tree).tasks.front();
                }
            });
            // The previous reference is dropped here, without the lock.
            match next {
                Some(scope) => at = Some(scope),
                None => return,
            }
            #[cfg(test)]
            super::tests::paused();
        }
    }
}

/// Returns the scope after `at` in pre-order within the subtree of `top`. Without `descend`, the
/// subtree of `at` is skipped.
///
/// # Safety
///
/// The tree's lock must be held, `top` must be valid, and `at` must be in its subtree.
pub(super) unsafe fn next_scope(
    tree: &mut Tree,
    at: NonNull<ScopeInner>,
    top: NonNull<ScopeInner>,
    descend: bool,
) -> Option<NonNull<ScopeInner>> {
    if descend {
        // SAFETY: Linked scopes, and `top`, are valid while the lock is held (rule 2).
        let child = unsafe { at.as_ref() }.node(tree).children.front();
        if child.is_some() {
            return child;
        }
    }
    // No child: the next sibling, or that of the nearest ancestor that has one.
    let mut cur = at;
    while cur != top {
        // SAFETY: Linked scopes are valid while the lock is held (rule 2).
        let sibling = unsafe { List::after(cur) };
        if sibling.is_some() {
            return sibling;
        }
        // SAFETY: Linked scopes are valid while the lock is held (rule 2). Below `top` each has a
        // parent.
        cur = NonNull::from(&*unsafe { cur.as_ref() }.parent.as_ref()?.0);
    }
    None
}
