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
use core::{
    cell::UnsafeCell,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// The data of the tree's lock, but for what is in the scopes and the tasks themselves.
/// Having `&mut Tree` is the proof that the lock is held.
pub(crate) struct Tree {
    /// The walks that pause at a task, linked by [`Pause::next`].
    ///
    /// # Invariants
    ///
    /// Each is valid, and unlinked before it goes.
    pauses: *mut Pause,
    /// The number of calls that are marking scopes as cancelled.
    marking: usize,
}

// SAFETY: The pauses are accessed under the tree's lock only.
unsafe impl Send for Tree {}

/// A walk that has let go of the lock.
struct Pause {
    next: *mut Pause,
    /// The task to go on with. When that leaves its list, so does this go on to the one after it.
    task: Option<NonNull<Header>>,
}

impl Tree {
    pub(crate) fn new() -> IrqLock<Self> {
        IrqLock::new(Self {
            pauses: ptr::null_mut(),
            marking: 0,
        })
    }

    /// Notes that a scope or a task is looked at with the lock held.
    #[inline]
    fn step(&mut self) {
        #[cfg(test)]
        super::tests::step();
    }

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
    unsafe fn pass(&mut self, task: NonNull<Header>) {
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

/// A scope's place in the tree.
pub(super) struct Node {
    links: Links<ScopeInner>,
    children: List<ScopeInner>,
    tasks: List<Header>,
    /// The number of own tasks, plus that of children that are pending themselves.
    pub(super) pending: usize,
    /// The number of times that `pending` has come down to 0.
    pub(super) epoch: u64,
    pub(super) cancel_waiters: WaitList,
    /// Waiters of [`Scope::join`]; the key is the epoch at which they came.
    pub(super) join_waiters: WaitList,
    /// The next of the scopes that one `cancel()` has marked; each is a reference.
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

    /// Returns whether the scope takes no task and no child any more.
    fn is_closed(&self, tree: &Tree) -> bool {
        if self.cancelled.as_ref().is_some() {
            return true;
        }
        // A scope above may be marked, and this one's turn still to come (rule 1).
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

    pub(super) fn add_child(&self, child: &Scope) -> Result {
        self.locked(|tree, scope| {
            if scope.is_closed(tree) {
                return Err(ECANCELED);
            }
            // SAFETY: The child is new, hence not linked, and unlinks itself before its memory goes
            // (rule 2).
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

    /// Unlinks a task that has ended, and wakes those that waited for the last one.
    ///
    /// # Safety
    ///
    /// `task` must have been linked by [`Scope::add_task`] of this scope.
    pub(crate) unsafe fn task_ended(&self, task: NonNull<Header>) {
        // The number of scopes, from this one up, that have no task left.
        let ended = self.locked(|tree, scope| {
            // SAFETY: The task is linked by the safety requirements.
            unsafe {
                tree.pass(task);
                scope.node(tree).tasks.remove(task);
            }
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
    fn walk(&self, below: bool, mut f: impl FnMut(NonNull<Header>, &ScopeInner) -> bool) {
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

    fn wake_joiners(&self) {
        loop {
            let mut wakers = WakerBatch::new();
            self.locked(|tree, scope| {
                let node = scope.node(tree);
                let epoch = node.epoch;
                // Waiters that came after the scope was empty wait for the next time.
                node.join_waiters
                    .notify_while(&mut wakers, |key| key != epoch);
            });
            if !wakers.wake_all() {
                break;
            }
        }
    }

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
            // The reference before goes here, where the lock is not held.
            match next {
                Some(scope) => at = Some(scope),
                None => break,
            }
        }
        while let Some(scope) = NonNull::new(chain) {
            // SAFETY: `mark()` left one reference for each scope in the chain.
            let scope = Scope(unsafe { ARef::from_raw(scope) });
            chain = scope.locked(|tree, scope| scope.node(tree).cancel_next);
            // None comes in any more, so each task is woken once.
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

/// Marks scopes of the subtree of `top` as cancelled, and chains those that are to be woken, each
/// with a reference; from `top` on, or from behind `at`. Returns where to go on, and whether with
/// what is below, or `None` if all are marked.
///
/// The order is pre-order, and nothing is added below a marked scope (rule 1). So what is behind
/// the mark stays marked, and no scope is left out.
///
/// # Safety
///
/// The tree's lock must be held, `top` be valid, and `at` be what the call before returned.
unsafe fn mark(
    tree: &mut Tree,
    top: NonNull<ScopeInner>,
    at: Option<&(Scope, bool)>,
    chain: &mut *mut ScopeInner,
) -> Option<(Scope, bool)> {
    let mut cur = match at {
        None => top,
        // SAFETY: By the safety requirements.
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
            // SAFETY: The memory is valid, see above. A scope whose last reference is gone has
            // neither a task nor a child, and a thread is about to unlink it.
            if let Some(r) = unsafe { ScopeInner::try_get(cur) } {
                scope.node(tree).cancel_next = *chain;
                *chain = ARef::into_raw(r.0).as_ptr();
            }
        }
        // Below a marked scope all are marked, unless another call is still at it.
        let descend = raised || tree.marking > 1;
        if steps >= BATCH {
            // SAFETY: The memory is valid, see above.
            if let Some(r) = unsafe { ScopeInner::try_get(cur) } {
                return Some((r, descend));
            }
        }
        // SAFETY: By the safety requirements.
        cur = unsafe { next_scope(tree, cur, top, descend) }?;
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
