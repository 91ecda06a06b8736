// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Cancelling a subtree. See the rules in [`super`].

use super::{
    tree::Tree,
    walk::next_scope,
    Scope,
    ScopeInner,
    BATCH, //
};
use crate::{
    task,
    trace,
    wait::WakerBatch, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::sync::aref::ARef;

impl Scope {
    /// Marks the scope and those below it as cancelled, and wakes their tasks.
    pub(super) fn cancel_tree(&self) {
        if self.is_cancelled() && self.locked(|tree, _| tree.marking == 0) {
            return;
        }
        trace::cancel_scope(self.address(), || self.path());
        self.locked(|tree, _| tree.marking += 1);
        let mut chain = ptr::null_mut();
        let mut at = None;
        loop {
            let next = self.locked(|tree, top| {
                // SAFETY: The lock is held, and the reference keeps the scope linked.
                let next = unsafe { mark(tree, NonNull::from(top), at.as_ref(), &mut chain) };
                if next.is_none() {
                    tree.marking -= 1;
                }
                next
            });
            // The previous reference is dropped here, without the lock.
            match next {
                Some(scope) => at = Some(scope),
                None => break,
            }
        }
        while let Some(scope) = NonNull::new(chain) {
            // SAFETY: `mark()` left one reference for each scope in the chain.
            let scope = Scope(unsafe { ARef::from_raw(scope) });
            chain = scope.locked(|tree, scope| scope.node(tree).cancel_next);
            // The scope gets no new tasks (rule 1), so each is woken once.
            scope.walk(false, |task, _| {
                // SAFETY: A linked task is valid, and the lock is held. Waking only queues, and
                // takes no lock of this crate.
                unsafe { task::wake_listed(task) };
                true
            });
            scope.wake_cancel_waiters();
        }
    }

    fn wake_cancel_waiters(&self) {
        loop {
            let mut wakers = WakerBatch::new();
            self.locked(|tree, scope| {
                let waiters = &mut scope.node(tree).cancel_waiters;
                waiters.notify_while(&mut wakers, |_| true);
            });
            if !wakers.wake_all() {
                break;
            }
        }
    }
}

/// Marks up to [`BATCH`] scopes of the subtree of `top` as cancelled, starting at `top` or after
/// `at`, and adds those that were not marked before to `chain`, each with a reference.
///
/// Returns the scope after which to continue, and whether to visit its children, or `None` if all
/// scopes are marked. The order is pre-order, and no scope is added below a marked one (rule 1), so
/// no scope is left out.
///
/// # Safety
///
/// The tree's lock must be held, `top` must be valid, and `at` must be the result of the previous
/// call.
unsafe fn mark(
    tree: &mut Tree,
    top: NonNull<ScopeInner>,
    at: Option<&(Scope, bool)>,
    chain: &mut *mut ScopeInner,
) -> Option<(Scope, bool)> {
    let mut cur = match at {
        None => top,
        // SAFETY: The lock is held, and `at` is the scope that the previous call has returned, by
        // the safety requirements.
        Some((at, descend)) => unsafe { next_scope(tree, NonNull::from(&*at.0), top, *descend) }?,
    };
    let mut steps = 0;
    loop {
        steps += 1;
        tree.step();
        // SAFETY: Linked scopes, and `top`, are valid while the lock is held (rule 2).
        let scope = unsafe { cur.as_ref() };
        let raised = scope.cancelled.populate(());
        if raised {
            // SAFETY: Linked scopes are valid while the lock is held (rule 2). If the last
            // reference was dropped, the scope has neither a task nor a child.
            if let Some(r) = unsafe { ScopeInner::try_get(cur) } {
                scope.node(tree).cancel_next = *chain;
                *chain = ARef::into_raw(r.0).as_ptr();
            }
        }
        // All scopes below a marked one are marked, unless a concurrent call is still marking.
        let descend = raised || tree.marking > 1;
        if steps >= BATCH {
            // SAFETY: Linked scopes are valid while the lock is held (rule 2).
            if let Some(r) = unsafe { ScopeInner::try_get(cur) } {
                return Some((r, descend));
            }
        }
        // SAFETY: The lock is held, and `cur` is `top` or a scope below, to which this walk has
        // come.
        cur = unsafe { next_scope(tree, cur, top, descend) }?;
    }
}
