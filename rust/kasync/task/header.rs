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
use kernel::time::{
    Instant,
    Monotonic, //
};

/// What depends on the type of the future.
pub(super) struct Vtable {
    /// Polls. On `true` the future is dropped and the output is in place.
    pub(super) poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> bool,
    /// Drops the future of a task that was never started.
    pub(super) drop_future: unsafe fn(NonNull<Header>),
    /// Drops the output, if that does anything.
    pub(super) drop_output: Option<unsafe fn(NonNull<Header>)>,
    /// Moves the output to an address.
    pub(super) take_output: unsafe fn(NonNull<Header>, *mut ()),
}

/// The part of a task that does not depend on its future. The documentation of [`super`] says which
/// side owns which field.
#[repr(C)]
pub(crate) struct Header {
    /// At offset 0: the workqueue gives its address back to [`run`](super::run).
    pub(super) work: Work,
    pub(crate) state: State,
    pub(super) vtable: &'static Vtable,
    /// The task's batch, and its queue. Valid for as long as the task is not complete, and then for
    /// a grace period.
    pub(super) batch: NonNull<Batch>,
    pub(super) scope: UnsafeCell<Option<Scope>>,
    pub(super) links: UnsafeCell<Links<Header>>,
    /// Its place in a batch.
    pub(super) link: Link,
    /// What the watch over stalls has seen of it.
    pub(super) watched: UnsafeCell<StallState>,
    /// Of the poll that is under way.
    pub(super) budget: Budget,
    pub(super) join_waker: OwnedCell<Option<Waker>>,
    pub(super) name: &'static CStr,
    pub(super) born: Instant<Monotonic>,
    /// Twice the number of polls that have ended, plus 1 while one runs.
    pub(super) polls: StatCounter,
    /// An approximate count: wakes that come at once may count as one.
    pub(super) wakes: StatCounter,
    /// Of the last await that was not ready.
    pub(super) site: SiteCell,
}

// R30: 160 bytes. Lock debugging makes work items larger, and loom everything.
const _: () = assert!(
    size_of::<Header>() - size_of::<Work>() == 128 || size_of::<StatCounter>() > size_of::<u64>()
);

// SAFETY: `links` is a field of the header.
unsafe impl Linked for Header {
    unsafe fn links(node: NonNull<Self>) -> *mut Links<Self> {
        // SAFETY: `node` is valid.
        unsafe { (&raw mut (*node.as_ptr()).links).cast() }
    }
}

impl Header {
    /// Takes out what the handle, which goes, has left for the end of the task.
    ///
    /// # Safety
    ///
    /// The caller has cleared HANDLE and JOIN_WAKER while the task was not complete.
    pub(super) unsafe fn take_join_waker(&self) -> Option<Waker> {
        // SAFETY: HANDLE and JOIN_WAKER were cleared before the task was complete, so only the
        // handle accesses the slot.
        self.join_waker.with(|slot| unsafe { (*slot).take() })
    }

    /// Returns the budget of the poll that is under way.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Returns the place for where the task waits.
    pub(crate) fn site(&self) -> &SiteCell {
        &self.site
    }

    /// Returns the scope of a task whose future exists.
    ///
    /// # Safety
    ///
    /// Only for the task's own worker during a poll, the holder of the scope tree's lock that has
    /// found the task linked, and the owner of a `Prepared`; not for longer.
    pub(crate) unsafe fn scope(&self) -> Option<&Scope> {
        // SAFETY: By the safety requirements the scope is not being moved out.
        unsafe { (*self.scope.get()).as_ref() }
    }

    /// Looks once more at a task that is started. Returns true once, when it has neither been
    /// polled to an end nor begun another poll for `bound` looks.
    ///
    /// # Safety
    ///
    /// The scope tree's lock must be held.
    pub(crate) unsafe fn watch(&self, bound: u16) -> bool {
        if !self.state.load().is_started() {
            return false;
        }
        let polls = self.polls.get() as u16;
        // SAFETY: The lock, which is held, serialises all access.
        let watched = unsafe { &mut *self.watched.get() };
        if watched.polls != polls {
            *watched = StallState { polls, looks: 0 };
            return false;
        }
        watched.looks = watched.looks.saturating_add(1);
        watched.looks == bound
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

/// What the watch over stalls knows of a task: the number of its polls, truncated, and for how many
/// looks it has stayed so.
pub(super) struct StallState {
    polls: u16,
    looks: u16,
}

impl StallState {
    pub(super) const fn new() -> Self {
        Self { polls: 0, looks: 0 }
    }
}

/// Where a task waits, for others to read: the place in the source.
pub(crate) struct SiteCell(StatCounter);

impl SiteCell {
    pub(super) const fn new() -> Self {
        Self(StatCounter::new(0))
    }

    pub(crate) fn set(&self, site: &'static Location<'static>) {
        self.0.set(core::ptr::from_ref(site) as usize as u64);
    }

    pub(super) fn get(&self) -> Option<&'static Location<'static>> {
        let location = self.0.get() as usize as *const Location<'static>;
        // SAFETY: Null, or set above. The code that it is part of is there for as long as the task
        // is, whose scope the caller has found it in.
        unsafe { location.as_ref() }
    }
}
