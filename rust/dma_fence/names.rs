// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Names of drivers and timelines, for traces and for userspace.
//!
//! A fence that has not signalled may be asked for its names at any time. Safe code can make it
//! outlive the driver's module (`mem::forget()`, statics, cycles of references). So a fence refers
//! to copies of the names, which belong to this module. The module is not unloaded while there are
//! contexts, see [`context`](crate::context).

use core::ptr;
use kernel::{
    ffi::c_char,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        rcu, //
    }, //
};

/// A C string of a driver, with the layout of `const char *`.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct StaticStr(*const c_char);

// SAFETY: A `StaticStr` points to a string that is never written.
unsafe impl Sync for StaticStr {}
// SAFETY: A `StaticStr` points to a string that is never written.
unsafe impl Send for StaticStr {}

impl StaticStr {
    fn get(self) -> &'static CStr {
        // SAFETY: The pointer is from a `&'static CStr`, or is that of a C string which stays valid
        // until its module is unloaded.
        unsafe { CStr::from_char_ptr(self.0) }
    }
}

/// The names of fences: `struct dma_fence_names` in C.
///
/// [`FenceContext::new`](crate::FenceContext::new) copies them at their first use, and stores a
/// pointer to the copy here. So they have to be a `static`.
///
/// # Context
///
/// Any. The copy is made by `FenceContext::new`, in process context.
///
/// # Examples
///
/// ```
/// use dma_fence::Names;
///
/// static NAMES: Names = Names::new(c"mydriver", c"compute");
/// ```
#[repr(C)]
pub struct Names {
    driver: StaticStr,
    timeline: StaticStr,
    /// The copy, or null before the first use.
    copy: Atomic<*const TimelineNames>,
}

impl Names {
    /// Returns the names of a driver and of a kind of timeline.
    #[expect(
        clippy::disallowed_methods,
        reason = "`CStr::as_char_ptr()` of the kernel crate is not const"
    )]
    pub const fn new(driver: &'static CStr, timeline: &'static CStr) -> Self {
        Self {
            driver: StaticStr(driver.as_ptr().cast()),
            timeline: StaticStr(timeline.as_ptr().cast()),
            copy: Atomic::new(ptr::null()),
        }
    }

    /// Returns the driver's name.
    pub fn driver(&self) -> &'static CStr {
        self.driver.get()
    }

    /// Returns the timeline's name.
    pub fn timeline(&self) -> &'static CStr {
        self.timeline.get()
    }

    /// Returns the copy, which is allocated at the first call.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    #[inline]
    pub(crate) fn copied(&self) -> Result<&'static TimelineNames> {
        // Pairs with the store in `copy()`.
        // SAFETY: Null, or a copy, which is not freed before this module is unloaded.
        match unsafe { self.copy.load(Acquire).as_ref() } {
            Some(copy) => Ok(copy),
            None => self.copy(),
        }
    }

    #[cold]
    fn copy(&self) -> Result<&'static TimelineNames> {
        let copy = match TimelineNames::find(self.driver(), self.timeline()) {
            Some(copy) => copy,
            None => TimelineNames::add(self.driver(), self.timeline())?,
        };
        // Pairs with the load in `copied()`. Concurrent calls store equal copies.
        self.copy.store(copy, Release);
        Ok(copy)
    }
}

/// The names of a timeline: a copy of [`Names`] in memory of this module.
///
/// # Context
///
/// Any.
pub struct TimelineNames {
    driver: CString,
    timeline: CString,
    next: *const TimelineNames,
}

/// The list of all copies, one for each pair of names.
static COPIES: Atomic<*mut TimelineNames> = Atomic::new(ptr::null_mut());

// SAFETY: No field changes once the copy is in the list.
unsafe impl Sync for TimelineNames {}
// SAFETY: No field is tied to a thread.
unsafe impl Send for TimelineNames {}

impl TimelineNames {
    /// Returns the driver's name.
    pub fn driver(&self) -> &CStr {
        &self.driver
    }

    /// Returns the timeline's name.
    pub fn timeline(&self) -> &CStr {
        &self.timeline
    }

    fn find(driver: &CStr, timeline: &CStr) -> Option<&'static Self> {
        // Pairs with the exchange in `add()`.
        let mut next: *const Self = COPIES.load(Acquire);
        // SAFETY: Copies in the list are valid until this module is unloaded.
        while let Some(copy) = unsafe { next.as_ref() } {
            if copy.driver() == driver && copy.timeline() == timeline {
                return Some(copy);
            }
            next = copy.next;
        }
        None
    }

    fn add(driver: &CStr, timeline: &CStr) -> Result<&'static Self> {
        let copy = KBox::new(
            Self {
                driver: CString::try_from(driver)?,
                timeline: CString::try_from(timeline)?,
                next: ptr::null(),
            },
            GFP_KERNEL,
        )?;
        let copy = KBox::into_raw(copy);
        let mut first = COPIES.load(Acquire);
        loop {
            // SAFETY: The copy is not in the list yet, so no other code accesses it.
            unsafe { (*copy).next = first };
            match COPIES.cmpxchg(first, copy, Full) {
                // SAFETY: The copy is in the list now, and is not written any more.
                Ok(_) => return Ok(unsafe { &*copy }),
                Err(now) => first = now,
            }
        }
    }
}

/// Frees the copies of names, after a grace period: a thread that has asked for the name of a fence
/// just before that signalled may still read it, in a read-side section. May sleep.
///
/// # Safety
///
/// Must be called when the module of this crate is being unloaded, so that no contexts exist.
#[doc(hidden)]
pub unsafe fn module_exit() {
    let mut next = COPIES.xchg(ptr::null_mut(), Full);
    rcu::synchronize_rcu();
    while !next.is_null() {
        // SAFETY: The copy is from `KBox::into_raw()` in `add()`. By the safety requirements there
        // are no references to it.
        let copy = unsafe { KBox::from_raw(next) };
        next = copy.next.cast_mut();
    }
}
