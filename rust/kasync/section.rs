// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The witness of being where fences may be signalled.

use crate::{
    current,
    ffi,
    report::api_violation, //
};
use core::marker::PhantomData;
use kernel::prelude::*;

/// A witness that the caller runs inside a fence signalling section.
///
/// Every poll of a task is such a section: between `dma_fence_begin_signalling()` and its end, on a
/// queue of the reclaim path. What signals a fence asks for `&SignallingSection` (R5). It is
/// neither `Send` nor `Sync`, so a task that holds one across an await does not compile (H13):
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
/// | `enter` | as its safety section says | yes | needless: no reclaim there anyway |
pub struct SignallingSection<'a> {
    _not_send: PhantomData<(*mut (), &'a ())>,
}

impl SignallingSection<'_> {
    /// Calls `f` with the witness for the poll, or other section, that the caller is in.
    ///
    /// # Errors
    ///
    /// `EINVAL`, reported loudly, outside of one.
    pub fn with<R>(f: impl FnOnce(&SignallingSection<'_>) -> R) -> Result<R> {
        if !current::in_section() {
            api_violation(c"a signalling section was asked for outside of one");
            return Err(EINVAL);
        }
        Ok(f(&SignallingSection {
            _not_send: PhantomData,
        }))
    }

    /// Returns the witness of the poll, or other section, that the caller is in, without a check.
    /// For hot paths.
    ///
    /// # Safety
    ///
    /// The caller must be inside of one, and let go of the witness before it ends.
    #[inline(always)]
    pub unsafe fn witness() -> Self {
        Self {
            _not_send: PhantomData,
        }
    }

    /// Calls `f` inside a section of its own, for signalling paths that are not tasks, such as the
    /// thread of an interrupt. Sections nest.
    ///
    /// # Safety
    ///
    /// The code that leads here must be on the path to signalling a fence: `f` signals only what
    /// the hardware, or the proof that it has stopped, has given reason for, and nothing on the
    /// path may wait for a fence or allocate with reclaim.
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

/// Calls `f` in a section that signals fences, as far as lockdep is concerned.
#[inline]
pub(crate) fn annotated<R>(f: impl FnOnce() -> R) -> R {
    if !cfg!(CONFIG_LOCKDEP) {
        // It only exists for lockdep.
        return f();
    }
    // SAFETY: Ended below, on the same thread.
    let cookie = unsafe { ffi::kasync_section_begin() };
    let ret = f();
    // SAFETY: Begun above.
    unsafe { ffi::kasync_section_end(cookie) };
    ret
}
