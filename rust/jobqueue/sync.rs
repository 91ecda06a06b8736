// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What [`submit_list`](crate::submit_list), [`capacity`](crate::capacity) and
//! [`submission`](crate::submission) are made of. The model checker puts types of its own in the
//! place of this module: see `rust/kasync/loom/tests/world`.

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
