// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Synchronisation primitives.

mod arc;
pub mod aref;
pub mod atomic;
pub mod barrier;
mod global;
pub mod rcu;
mod refcount;
mod set_once;

pub use crate::global_lock;
pub use arc::{
    Arc,
    ArcBorrow,
    UniqueArc, //
};
pub use global::{
    GlobalGuard,
    GlobalLock, //
};
pub use refcount::Refcount;
pub use set_once::SetOnce;
