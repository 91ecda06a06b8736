// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What [`inbox`](crate::inbox), [`places`](crate::places) and [`latch`](crate::latch) are made of here. The model checker puts types of its own
//! in this place: see `rust/kasync/loom/tests/world`.

pub(crate) use kernel::{
    alloc::KBox as Box,
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed,
        Release, //
    }, //
};
