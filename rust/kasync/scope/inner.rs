// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The reference-counted content of a scope. See the rules in [`super`].

use super::{
    tree::Node,
    Core,
    Name,
    Path,
    Scope, //
};
use crate::counted::{
    self,
    Counted, //
};
use core::{
    cell::UnsafeCell,
    ffi::CStr,
    ptr::{
        drop_in_place,
        NonNull, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        atomic::Relaxed,
        Refcount,
        SetOnce, //
    }, //
};

/// The content of a scope, of which each [`Scope`] is a reference.
pub(crate) struct ScopeInner {
    pub(super) refcount: Refcount,
    pub(super) core: Counted<Core>,
    pub(super) parent: Option<Scope>,
    pub(super) name: Name,
    pub(super) depth: u32,
    /// Set under the tree's lock, read without.
    pub(super) cancelled: SetOnce<()>,
    /// Protected by the tree's lock.
    pub(super) node: UnsafeCell<Node>,
}

// SAFETY: The memory, allocated by `new_scope()`, is freed when the count drops to zero.
unsafe impl AlwaysRefCounted for ScopeInner {
    fn inc_ref(&self) {
        self.refcount.inc();
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller's reference keeps the object valid until here.
        if unsafe { obj.as_ref() }.refcount.dec_and_test() {
            // SAFETY: This was the last reference. `new_scope()` has leaked a box, which is larger
            // than 16 bytes, and unused once its content was dropped.
            unsafe {
                drop_in_place(obj.as_ptr());
                counted::free(obj.as_ptr().cast());
            }
        }
    }
}

impl ScopeInner {
    /// Returns the first handle of a new scope below `parent`, not linked yet. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new_scope(
        core: Counted<Core>,
        parent: Option<Scope>,
        name: &'static CStr,
    ) -> Result<Scope> {
        let this = Self {
            refcount: Refcount::new(1),
            core,
            depth: parent.as_ref().map_or(0, |parent| parent.0.depth + 1),
            parent,
            name: Name::new(name),
            cancelled: SetOnce::new(),
            node: UnsafeCell::new(Node::new()),
        };
        let inner = KBox::leak(KBox::new(this, GFP_KERNEL_ACCOUNT)?);
        // SAFETY: This reference owns the initial count of one.
        Ok(Scope(unsafe { ARef::from_raw(NonNull::from(inner)) }))
    }

    /// Returns a handle of the scope at `at`, unless its last reference was dropped.
    ///
    /// # Safety
    ///
    /// `at` must be valid for the time of the call.
    pub(super) unsafe fn try_get(at: NonNull<Self>) -> Option<Scope> {
        // SAFETY: `at` is valid for the time of the call, by the safety requirements.
        let count = unsafe { at.as_ref() }.refcount.as_atomic();
        let mut cur = count.load(Relaxed);
        while cur > 0 {
            match count.cmpxchg(cur, cur + 1, Relaxed) {
                // SAFETY: The reference that was just counted.
                Ok(_) => return Some(Scope(unsafe { ARef::from_raw(at) })),
                Err(now) => cur = now,
            }
        }
        // A saturated count does not change, and keeps the scope for ever.
        // SAFETY: So this reference need not be counted.
        (cur < 0).then(|| Scope(unsafe { ARef::from_raw(at) }))
    }

    /// Returns the names of this scope and of those above it.
    pub(crate) fn path(&self) -> Path {
        Path::new(self)
    }
}

// SAFETY: `node` is only accessed under the lock of the tree, the rest is `Sync`.
unsafe impl Sync for ScopeInner {}
// SAFETY: No field is tied to the thread that has created it.
unsafe impl Send for ScopeInner {}
