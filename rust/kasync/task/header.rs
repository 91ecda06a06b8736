// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The part of a task that does not depend on its future.

use super::{
    budget::Budget,
    state::State, //
};
use crate::{
    batch::{
        Batch,
        Link, //
    },
    cell::OwnedCell,
    current,
    list::{
        Linked,
        Links, //
    },
    scope::Scope,
    stat::StatCounter,
    workqueue::Work, //
};
use core::{
    cell::UnsafeCell,
    ffi::CStr,
    panic::Location,
    ptr::NonNull,
    task::{
        Context,
        Waker, //
    }, //
};
use kernel::{
    ffi::c_char,
    str::CStrExt as _,
    time::{
        Instant,
        Monotonic, //
    }, //
};

/// The functions that depend on the type of the future.
pub(super) struct Vtable {
    /// Polls the future. If it returns `true`, the future was replaced by its output.
    pub(super) poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> bool,
    /// Drops the future of a task that was never started.
    pub(super) drop_future: unsafe fn(NonNull<Header>),
    /// Drops the output. `None` if it has no destructor.
    pub(super) drop_output: Option<unsafe fn(NonNull<Header>)>,
    /// Moves the output to an address.
    pub(super) take_output: unsafe fn(NonNull<Header>, *mut ()),
}

/// The part of a task that does not depend on the type of its future. The table in [`super`] has
/// the owner of each field.
#[repr(C)]
pub(crate) struct Header {
    /// The work item of the task. At offset 0: the workqueue gives its address back to
    /// [`run`](super::run).
    pub(super) work: Work,
    pub(crate) state: State,
    pub(super) vtable: &'static Vtable,
    /// The task's batch, on the executor's queue. Valid until a grace period after the task is
    /// complete.
    pub(super) batch: NonNull<Batch>,
    pub(super) scope: OwnedCell<Option<Scope>>,
    pub(super) links: UnsafeCell<Links<Header>>,
    /// The task's entry in its batch.
    pub(super) link: Link,
    /// The state of the check for stalls.
    pub(super) watched: UnsafeCell<StallState>,
    /// The budget of the current poll.
    pub(super) budget: Budget,
    pub(super) join_waker: OwnedCell<Option<Waker>>,
    pub(super) name: NameCell,
    pub(super) born: Instant<Monotonic>,
    /// Twice the number of polls that have ended, plus 1 while one runs.
    pub(super) polls: StatCounter,
    /// The number of wakes, approximately: concurrent wakes may be counted as one.
    pub(super) wakes: StatCounter,
    /// The place of the last await that was not ready.
    pub(super) site: SiteCell,
}

// R30: 152 bytes. Work items are larger with lock debugging, and all fields are with loom.
const _: () = assert!(
    size_of::<Header>() - size_of::<Work>() == 120 || size_of::<StatCounter>() > size_of::<u64>()
);

// SAFETY: `links` is a field of the header.
unsafe impl Linked for Header {
    unsafe fn links(node: NonNull<Self>) -> *mut Links<Self> {
        // SAFETY: `node` is valid.
        unsafe { (&raw mut (*node.as_ptr()).links).cast() }
    }
}

impl Header {
    /// Takes the waker that the handle has stored, when the handle is dropped.
    ///
    /// # Safety
    ///
    /// The caller must have cleared HANDLE and JOIN_WAKER while the task was not complete.
    pub(super) unsafe fn take_join_waker(&self) -> Option<Waker> {
        // SAFETY: HANDLE and JOIN_WAKER were cleared before the task was complete, so only the
        // handle accesses the slot.
        self.join_waker.with(|slot| unsafe { (*slot).take() })
    }

    /// Returns the budget of the current poll.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Returns the cell that holds the place where the task waits.
    pub(crate) fn site(&self) -> &SiteCell {
        &self.site
    }

    /// Returns the scope of a task whose future exists.
    ///
    /// # Safety
    ///
    /// The caller must be polling the task, or own its `Prepared`, as long as the result is used.
    pub(crate) unsafe fn scope(&self) -> Option<&Scope> {
        // SAFETY: By the safety requirements the scope is not being moved out.
        self.scope.read(|scope| unsafe { (*scope).as_ref() })
    }

    /// Checks a task for stalls. Returns `true` once, at the check number `bound` since its number
    /// of polls has last changed.
    ///
    /// # Safety
    ///
    /// The scope tree's lock must be held.
    pub(crate) unsafe fn watch(&self, bound: u16) -> bool {
        if !self.state.load().is_started() {
            return false;
        }
        let polls = self.polls.get() as u16;
        // SAFETY: The lock, which is held, serialises all accesses.
        let watched = unsafe { &mut *self.watched.get() };
        if watched.polls != polls {
            *watched = StallState { polls, checks: 0 };
            return false;
        }
        watched.checks = watched.checks.saturating_add(1);
        watched.checks == bound
    }

    /// Forgets the name of the task and the place where it waits, if they are in memory for which
    /// `is_gone` returns true.
    pub(crate) fn forget(&self, is_gone: impl Fn(*const ()) -> bool) {
        if is_gone(self.name.0.get() as usize as *const ()) {
            self.name.set(c"-");
        }
        if is_gone(self.site.0.get() as usize as *const ()) {
            self.site.0.set(0);
        }
    }

    /// Returns the address of the code that polls the task.
    pub(crate) fn code(&self) -> *const () {
        self.vtable.poll as *const ()
    }
}

/// Returns the task that the calling thread is polling. It stays valid until the poll returns.
pub(crate) fn current_task() -> Option<NonNull<Header>> {
    current::get().map(NonNull::cast)
}

/// The state of the check for stalls: the number of polls, truncated, and the number of checks
/// since it has changed.
pub(super) struct StallState {
    polls: u16,
    checks: u16,
}

impl StallState {
    pub(super) const fn new() -> Self {
        Self {
            polls: 0,
            checks: 0,
        }
    }
}

/// A cell that holds the name of a task.
///
/// The name and the place where the task waits may be those of another module than the one that has
/// the task's code. Each module that goes has them forgotten, after its exit function, and its
/// memory is freed after a grace period.
///
/// # Invariants
///
/// It holds the address of a C string that is valid until [`Header::forget`] was called for its
/// module, and for a grace period after that.
pub(super) struct NameCell(StatCounter);

impl NameCell {
    pub(super) fn new(name: &'static CStr) -> Self {
        // INVARIANT: The string is static.
        Self(StatCounter::new(name.as_char_ptr() as usize as u64))
    }

    fn set(&self, name: &'static CStr) {
        // INVARIANT: The string is static.
        self.0.set(name.as_char_ptr() as usize as u64);
    }

    /// Returns the name.
    ///
    /// # Safety
    ///
    /// The caller must use the result only in the current RCU section, or while it keeps modules
    /// from going.
    pub(super) unsafe fn get<'a>(&self) -> &'a CStr {
        let name = self.0.get() as usize as *const c_char;
        // SAFETY: By the type invariant it is a C string, and stays so as long as the safety
        // requirements say.
        unsafe { CStr::from_char_ptr(name) }
    }
}

/// A cell that holds the place in the source where a task waits. See [`NameCell`].
///
/// # Invariants
///
/// It holds null or the address of a place that is valid until [`Header::forget`] was called for
/// its module, and for a grace period after that.
pub(crate) struct SiteCell(StatCounter);

impl SiteCell {
    pub(super) const fn new() -> Self {
        Self(StatCounter::new(0))
    }

    /// Sets the place. The leaf that waits there is dropped before its module goes.
    pub(crate) fn set(&self, site: &'static Location<'static>) {
        // INVARIANT: The place is static.
        self.0.set(core::ptr::from_ref(site) as usize as u64);
    }

    /// Returns the place.
    ///
    /// # Safety
    ///
    /// The caller must use the result only in the current RCU section, or while it keeps modules
    /// from going.
    pub(super) unsafe fn get(&self) -> Option<&'static Location<'static>> {
        let location = self.0.get() as usize as *const Location<'static>;
        // SAFETY: By the type invariant it is null or valid, as long as the safety requirements
        // say.
        unsafe { location.as_ref() }
    }
}
