// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The tree's links and counts, and what changes them. See the rules in [`super`].

use super::{
    Scope,
    ScopeInner,
    BATCH, //
};
use crate::{
    list::{
        Linked,
        Links,
        List, //
    },
    lock::IrqLock,
    platform::{
        code,
        Result, //
    },
    refs::Ref,
    task::{
        self,
        Header, //
    },
    trace,
    wait::{
        WaitList,
        WakerBatch, //
    }, //
};
use core::ptr::{
    self,
    NonNull, //
};

/// What the lock of the tree guards has no place of its own: it is in the scopes and tasks. Having
/// `&mut Tree` is the proof that the lock is held.
pub(crate) struct Tree(());

impl Tree {
    pub(crate) fn new() -> IrqLock<Self> {
        IrqLock::new(Self(()))
    }
}

/// A scope's place in the tree.
pub(super) struct Node {
    links: Links<ScopeInner>,
    children: List<ScopeInner>,
    tasks: List<Header>,
    /// Own tasks, plus children that are pending themselves.
    pub(super) pending: usize,
    /// Counts how often `pending` has come down to 0.
    pub(super) epoch: u64,
    pub(super) cancel_waiters: WaitList,
    /// Waiters of [`Scope::join`]; the key is the epoch at which they came.
    pub(super) join_waiters: WaitList,
    /// Chain of scopes that one `cancel()` has marked; each holds a reference.
    cancel_next: *mut ScopeInner,
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
    /// The node, given proof that the tree's lock is held.
    pub(super) fn node<'a>(&'a self, _tree: &'a mut Tree) -> &'a mut Node {
        // SAFETY: The lock serialises the access, and `_tree` is borrowed for as long as the node
        // is, so that no second node reference exists at the time. All trees of one executor have
        // one lock.
        unsafe { &mut *self.node.get() }
    }
}

impl Scope {
    /// Calls `f` with the tree's lock held.
    pub(super) fn locked<R>(&self, f: impl FnOnce(&mut Tree, &ScopeInner) -> R) -> R {
        self.0.core.tree().with(|tree| f(tree, &self.0))
    }

    pub(super) fn add_child(&self, child: &Scope) -> Result {
        self.locked(|tree, scope| {
            if scope.cancelled.is_up() {
                return Err(code::ECANCELED);
            }
            // SAFETY: The child is new, hence not linked, and unlinks itself before its memory goes
            // (rule 2).
            unsafe { scope.node(tree).children.push_back(Ref::as_ptr(&child.0)) };
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
            if scope.cancelled.is_up() {
                return Err(code::ECANCELED);
            }
            // SAFETY: By the safety requirements.
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

    /// Unlinks a task that has ended, and wakes who waited for the last one.
    ///
    /// # Safety
    ///
    /// `task` must have been linked by [`Scope::add_task`] of this scope.
    pub(crate) unsafe fn task_ended(&self, task: NonNull<Header>) {
        // How many scopes, from this one up, have no task left.
        let ended = self.locked(|tree, scope| {
            // SAFETY: By the safety requirements.
            unsafe { scope.node(tree).tasks.remove(task) };
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
            ended
        });
        let mut scope = Some(self);
        for _ in 0..ended {
            if let Some(s) = scope {
                s.wake_joiners();
                scope = s.0.parent.as_ref();
            }
        }
    }

    /// Calls `f` with each task of this scope and below, and its own scope, until `f`
    /// returns `false`. All under the lock, with interrupts disabled.
    pub(crate) fn each_task(&self, mut f: impl FnMut(&Header, &ScopeInner) -> bool) {
        self.locked(|tree, top| {
            let top = NonNull::from(top);
            let mut cur = Some(top);
            while let Some(at) = cur {
                // SAFETY: Linked scopes, and `top`, are valid while the lock is held (rule 2).
                let scope = unsafe { at.as_ref() };
                let mut task = scope.node(tree).tasks.front();
                while let Some(t) = task {
                    // SAFETY: Linked tasks are valid while the lock is held.
                    if !f(unsafe { t.as_ref() }, scope) {
                        return;
                    }
                    // SAFETY: As above.
                    task = unsafe { List::after(t) };
                }
                // SAFETY: The lock is held, and `at` is in the subtree.
                cur = unsafe { next_scope(tree, at, top, true) };
            }
        });
    }

    fn wake_joiners(&self) {
        loop {
            let mut wakers = WakerBatch::new();
            self.locked(|tree, scope| {
                let node = scope.node(tree);
                let epoch = node.epoch;
                // Who came after the scope was empty waits for the next time.
                node.join_waiters
                    .notify_while(&mut wakers, |key| key != epoch);
            });
            if !wakers.wake_all() {
                break;
            }
        }
    }

    pub(super) fn cancel_tree(&self) {
        if self.is_cancelled() {
            return;
        }
        trace::cancel_scope(self);
        // Mark the whole subtree at once; the lock is held for a few instructions per scope.
        let mut chain = ptr::null_mut();
        self.locked(|tree, top| {
            // SAFETY: The lock is held, so that no scope's memory goes.
            unsafe { mark(tree, NonNull::from(top), &mut chain) }
        });
        while let Some(scope) = NonNull::new(chain) {
            // SAFETY: `mark()` left one reference for each scope in the chain.
            let scope = Scope(unsafe { Ref::from_raw(scope) });
            chain = scope.locked(|tree, scope| scope.node(tree).cancel_next);
            scope.wake_tasks();
            scope.wake_cancel_waiters();
        }
    }

    /// Wakes each task once, a batch at a time: the woken ones move to the end of the list.
    fn wake_tasks(&self) {
        let batch = |tree: &mut Tree, scope: &ScopeInner| {
            let node = scope.node(tree);
            for _ in 0..BATCH {
                let Some(task) = node.tasks.front() else {
                    return false;
                };
                // SAFETY: A linked task is valid, and the lock is held. It is pushed back right
                // after it was removed. Waking only queues, and takes no lock of this crate.
                unsafe {
                    if !task.as_ref().mark_woken() {
                        return false;
                    }
                    node.tasks.remove(task);
                    node.tasks.push_back(task);
                    task::wake(task);
                }
            }
            true
        };
        while self.locked(batch) {}
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

/// Marks `top` and all below as cancelled, and chains those that are to be woken, each with a
/// reference.
///
/// # Safety
///
/// The tree's lock must be held, and `top` be valid.
unsafe fn mark(tree: &mut Tree, top: NonNull<ScopeInner>, chain: &mut *mut ScopeInner) {
    let mut cur = Some(top);
    while let Some(at) = cur {
        // SAFETY: Linked scopes, and `top`, are valid while the lock is held (rule 2).
        let scope = unsafe { at.as_ref() };
        // Below a marked scope all are marked already (rule 1).
        let descend = scope.cancelled.raise();
        if descend {
            // SAFETY: The memory is valid, see above. A scope whose last reference is gone has no
            // task.
            if let Some(r) = unsafe { Ref::try_get(at) } {
                scope.node(tree).cancel_next = *chain;
                *chain = Ref::into_raw(r).as_ptr();
            }
        }
        // SAFETY: By the safety requirements.
        cur = unsafe { next_scope(tree, at, top, descend) };
    }
}

/// The scope after `at` in pre-order, within the subtree of `top`; without recursion.
///
/// # Safety
///
/// The tree's lock must be held, `top` be valid and `at` be in its subtree.
unsafe fn next_scope(
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
        // SAFETY: As above.
        let sibling = unsafe { List::after(cur) };
        if sibling.is_some() {
            return sibling;
        }
        // SAFETY: As above; below `top` each scope has a parent.
        cur = Ref::as_ptr(&unsafe { cur.as_ref() }.parent.as_ref()?.0);
    }
    None
}

impl Drop for ScopeInner {
    fn drop(&mut self) {
        let this = NonNull::from(&*self);
        if let Some(parent) = &self.parent {
            parent.locked(|tree, parent| {
                // SAFETY: Linked by `child()`, unless that found the parent cancelled.
                unsafe { parent.node(tree).children.remove(this) };
            });
        }
    }
}
