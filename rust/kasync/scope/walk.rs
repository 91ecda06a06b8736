// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Walks through the tree that let go of its lock now and then. See the rules in [`super`].

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
    /// `pause` must be valid, not be linked, and be unlinked before it goes.
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

    /// Has walks that pause at `task`, which is about to leave its list, go on behind it.
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
    /// Calls `f` with each task of this scope and below, and its own scope, until `f` returns
    /// `false`.
    ///
    /// `f` runs with the tree's lock held, and interrupts disabled. The lock is held for
    /// [`BATCH`] scopes and tasks at most, then let go of. So a task that is there all the time
    /// is seen once; one that comes or ends meanwhile may be.
    pub(crate) fn each_task(&self, mut f: impl FnMut(&Header, &ScopeInner) -> bool) {
        // SAFETY: Linked tasks are valid while the lock is held.
        self.walk(true, |task, scope| f(unsafe { task.as_ref() }, scope));
    }

    /// Calls `f` as [`Scope::each_task`] does; without `below`, with the tasks of this scope only.
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
        // Where the walk pauses; `None` before it has begun.
        let mut at: Option<Scope> = None;
        loop {
            let next = self.locked(|tree, top| {
                let top = NonNull::from(top);
                let (mut cur, mut task) = match &at {
                    // SAFETY: Linked below, when the walk has let go of the lock here. The pause
                    // is valid, and the lock is held.
                    Some(scope) => unsafe {
                        tree.unlink(pause);
                        (NonNull::from(&*scope.0), (*pause).task)
                    },
                    None => (top, self.0.node(tree).tasks.front()),
                };
                let mut steps = 0;
                loop {
                    // SAFETY: `top`, linked scopes, and that of our reference are valid while the
                    // lock is held (rule 2).
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
                        // SAFETY: The scope is valid, see above.
                        if let Some(r) = unsafe { ScopeInner::try_get(cur) } {
                            // SAFETY: The pause lives as long as this function, which unlinks it
                            // when it goes on; the lock is held.
                            unsafe {
                                (*pause).task = task;
                                tree.link(pause);
                            }
                            return Some(r);
                        }
                        // Nobody has it any more, so there is no task in it, and a thread is about
                        // to unlink it: there are never many of these.
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
            // The reference before goes here, where the lock is not held.
            match next {
                Some(scope) => at = Some(scope),
                None => return,
            }
            #[cfg(test)]
            super::tests::paused();
        }
    }
}

/// Returns the scope after `at` in pre-order, within the subtree of `top`; without recursion.
///
/// # Safety
///
/// The tree's lock must be held, `top` be valid and `at` be in its subtree.
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
