// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The part of a task that depends on the type of its future: the future itself, then its output.
//!
//! The table in [`super`] has the owner of the stage in each state.

use super::header::{
    Header,
    Vtable, //
};
use crate::cell::OwnedCell;
use core::{
    future::Future,
    mem::{
        needs_drop,
        ManuallyDrop, //
    },
    pin::Pin,
    ptr::NonNull,
    task::{
        Context,
        Poll, //
    }, //
};

/// The future until the task is complete, then its output.
pub(super) union Stage<F: Future> {
    pub(super) future: ManuallyDrop<F>,
    output: ManuallyDrop<F::Output>,
}

/// A task. The header comes first, so that a pointer to one is a pointer to the other.
#[repr(C)]
pub(super) struct Task<F: Future> {
    header: Header,
    pub(super) stage: OwnedCell<Stage<F>>,
}

impl<F: Future> Task<F> {
    /// The functions of a task with this type of future.
    pub(super) const VTABLE: Vtable = Vtable {
        poll: Self::poll,
        drop_future: Self::drop_future,
        drop_output: if needs_drop::<F::Output>() {
            Some(Self::drop_output)
        } else {
            None
        },
        take_output: Self::take_output,
    };

    /// Calls `f` with the stage.
    ///
    /// # Safety
    ///
    /// `header` must be that of a valid `Self`.
    unsafe fn with_stage<R>(header: NonNull<Header>, f: impl FnOnce(*mut Stage<F>) -> R) -> R {
        let task = header.cast::<Self>();
        // SAFETY: `header` is that of a valid `Self` by the safety requirements.
        unsafe { &(*task.as_ptr()).stage }.with(f)
    }

    /// Polls the future, and replaces it by its output if it is ready. Returns whether it is.
    ///
    /// # Safety
    ///
    /// `header` must be that of a valid `Self`, and the caller must own the future.
    unsafe fn poll(header: NonNull<Header>, cx: &mut Context<'_>) -> bool {
        let poll = |stage: *mut Stage<F>| {
            // SAFETY: The caller owns the future, which stays in place until it is dropped below.
            let future = unsafe { Pin::new_unchecked(&mut *(*stage).future) };
            let Poll::Ready(output) = future.poll(cx) else {
                return false;
            };
            // SAFETY: The caller owns the stage. The future is not accessed after it was dropped.
            unsafe {
                ManuallyDrop::drop(&mut (*stage).future);
                (*stage).output = ManuallyDrop::new(output);
            }
            true
        };
        // SAFETY: The header is that of a valid `Self`.
        unsafe { Self::with_stage(header, poll) }
    }

    /// Drops the future.
    ///
    /// # Safety
    ///
    /// `header` must be that of a valid `Self`, and the caller must own the future.
    unsafe fn drop_future(header: NonNull<Header>) {
        // SAFETY: The caller owns the future by the safety requirements.
        unsafe { Self::with_stage(header, |s| ManuallyDrop::drop(&mut (*s).future)) }
    }

    /// Drops the output.
    ///
    /// # Safety
    ///
    /// `header` must be that of a valid `Self`, and the caller must own the output.
    unsafe fn drop_output(header: NonNull<Header>) {
        // SAFETY: The caller owns the output by the safety requirements.
        unsafe { Self::with_stage(header, |s| ManuallyDrop::drop(&mut (*s).output)) }
    }

    /// Moves the output to `dst`.
    ///
    /// # Safety
    ///
    /// `header` must be that of a valid `Self`, the caller must own the output, and `dst` must be
    /// valid for a write of its type.
    unsafe fn take_output(header: NonNull<Header>, dst: *mut ()) {
        // SAFETY: The caller owns the output, and `dst` is valid for a value of its type.
        unsafe {
            let output = Self::with_stage(header, |s| ManuallyDrop::take(&mut (*s).output));
            dst.cast::<F::Output>().write(output);
        }
    }
}
