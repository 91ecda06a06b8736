// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! What the kernel crate gives to the core, in the little that the core uses.

use super::Host;
use crate::platform::Platform;
use core::ops;

/// An error number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error(i32);

impl Error {
    /// The negative error number.
    pub fn to_errno(self) -> i32 {
        -self.0
    }
}

/// The error numbers that the crate returns.
pub mod code {
    use super::Error;

    /// Out of memory.
    pub const ENOMEM: Error = Error(12);
    /// Already busy with it.
    pub const EBUSY: Error = Error(16);
    /// A value that makes no sense.
    pub const EINVAL: Error = Error(22);
    /// Would wait for itself.
    pub const EDEADLK: Error = Error(35);
    /// Too deep.
    pub const E2BIG: Error = Error(7);
    /// Interrupted by a signal.
    pub const ERESTARTSYS: Error = Error(512);
    /// Cancelled.
    pub const ECANCELED: Error = Error(125);
}

/// A span of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Delta(i64);

impl Delta {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// So many nanoseconds.
    pub const fn from_nanos(ns: i64) -> Self {
        Self(ns)
    }

    /// So many milliseconds.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }
}

/// A point on the clock of the thread's world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instant(i64);

impl Instant {
    /// Now.
    pub fn now() -> Self {
        Self(Host::now_ns())
    }
}

impl ops::Sub for Instant {
    type Output = Delta;

    fn sub(self, other: Self) -> Delta {
        Delta(self.0 - other.0)
    }
}

impl ops::Add<Delta> for Instant {
    type Output = Self;

    fn add(self, d: Delta) -> Self {
        Self(self.0 + d.0)
    }
}
