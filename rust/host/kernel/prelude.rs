// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The `kernel` prelude.

pub use crate::{
    alloc::{
        flags::*,
        KBox,
        KVVec,
        KVec, //
    },
    error::{
        code::*,
        Error,
        Result, //
    },
    pr_warn,
    str::CStrExt as _, //
};
pub use core::pin::Pin;
