// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Fence signalling sections, and proof of being inside one.

use crate::{
    current,
    ffi,
    report::api_violation, //
};
use core::marker::PhantomData;
use kernel::prelude::*;

/// Proof that the caller runs inside a fence signalling section.
///
/// Every poll of a task is such a section: it runs between `dma_fence_begin_signalling()` and
/// `dma_fence_end_signalling()`, on a `WQ_MEM_RECLAIM` workqueue. Functions that signal a fence
/// take a `&SignallingSection` (R5). It is neither `Send` nor `Sync`, so a task that holds one
/// across an await does not compile (H13):
///
/// ```compile_fail
/// # use kasync::*;
/// fn is_send<T: Send>(_: T) {}
/// is_send(async {
///     let _ = SignallingSection::with(|s| {
///         is_send(s);
///     });
/// });
/// ```
///
/// # Context
///
/// | call | process | poll, signalling section | hard IRQ, under a fence's lock |
/// |---|---|---|---|
/// | `with` | refused | yes | refused |
/// | `witness` | no | yes | no |
/// | `enter` | as its safety section says | yes | not needed: no reclaim there |
pub struct SignallingSection<'a> {
    _not_send: PhantomData<(*mut (), &'a ())>,
}

impl SignallingSection<'_> {
    /// Calls `f` with the proof for the signalling section that the caller is in.
    ///
    /// # Errors
    ///
    /// `EINVAL` outside of a section, with a warning.
    pub fn with<R>(f: impl FnOnce(&SignallingSection<'_>) -> R) -> Result<R> {
        if !current::in_section() {
            api_violation(c"a signalling section was asked for outside of one");
            return Err(EINVAL);
        }
        Ok(f(&SignallingSection {
            _not_send: PhantomData,
        }))
    }

    /// Returns the proof for the signalling section that the caller is in, without a check. For hot
    /// paths.
    ///
    /// # Safety
    ///
    /// The caller must be inside a section, and drop the proof before the section ends.
    #[inline(always)]
    pub unsafe fn witness() -> Self {
        Self {
            _not_send: PhantomData,
        }
    }

    /// Calls `f` inside a section of its own, for signalling paths outside of tasks, such as an
    /// interrupt thread. Sections nest.
    ///
    /// # Safety
    ///
    /// The calling code must be on the path to signalling a fence: it may neither wait for a fence
    /// nor allocate with reclaim, and `f` may only signal fences whose work is done or whose
    /// hardware has stopped.
    pub unsafe fn enter<R>(f: impl FnOnce(&SignallingSection<'_>) -> R) -> R {
        annotated(|| {
            current::enter_section(|| {
                f(&SignallingSection {
                    _not_send: PhantomData,
                })
            })
        })
    }
}

/// Calls `f` inside a signalling section of lockdep's.
#[inline]
pub(crate) fn annotated<R>(f: impl FnOnce() -> R) -> R {
    if !cfg!(CONFIG_LOCKDEP) {
        // The annotation is for lockdep only.
        return f();
    }
    // SAFETY: The section is ended below, on the same thread.
    let cookie = unsafe { ffi::kasync_section_begin() };
    let ret = f();
    // SAFETY: This thread has begun the section above, and `cookie` is that section's.
    unsafe { ffi::kasync_section_end(cookie) };
    ret
}
