// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Time related primitives.

use crate::{
    bindings,
    ffi::c_ulong, //
};
use core::{
    marker::PhantomData,
    ops, //
};

/// The time unit of Linux kernel. One jiffy equals (1/HZ) second.
pub type Jiffies = c_ulong;

/// The millisecond time unit.
pub type Msecs = u32;

/// Converts milliseconds to jiffies, of which there are 1000 in a second here.
pub fn msecs_to_jiffies(msecs: Msecs) -> Jiffies {
    msecs as Jiffies
}

/// A clock.
pub trait ClockSource {}

/// The monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Monotonic;

impl ClockSource for Monotonic {}

/// A specific point in time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instant<C: ClockSource> {
    inner: i64,
    _c: PhantomData<C>,
}

impl<C: ClockSource> Instant<C> {
    /// Gets the current time from the clock source.
    pub fn now() -> Self {
        Self {
            // SAFETY: `ktime_get()` can be called in any context.
            inner: unsafe { bindings::ktime_get() },
            _c: PhantomData,
        }
    }

    /// Returns the amount of time elapsed since the [`Instant`].
    pub fn elapsed(&self) -> Delta {
        Self::now()
            - Self {
                inner: self.inner,
                _c: PhantomData,
            }
    }
}

impl<C: ClockSource> ops::Sub for Instant<C> {
    type Output = Delta;

    fn sub(self, other: Self) -> Delta {
        Delta {
            nanos: self.inner - other.inner,
        }
    }
}

impl<C: ClockSource> ops::Add<Delta> for Instant<C> {
    type Output = Self;

    fn add(self, d: Delta) -> Self {
        Self {
            inner: self.inner + d.nanos,
            _c: PhantomData,
        }
    }
}

/// A span of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Delta {
    nanos: i64,
}

impl Delta {
    /// A span of time equal to zero.
    pub const ZERO: Self = Self { nanos: 0 };

    /// Creates a new [`Delta`] from a number of nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    /// Creates a new [`Delta`] from a number of milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self {
            nanos: millis.saturating_mul(1_000_000),
        }
    }

    /// Returns the number of nanoseconds in the [`Delta`].
    pub const fn as_nanos(self) -> i64 {
        self.nanos
    }
}

impl core::ops::AddAssign for Delta {
    fn add_assign(&mut self, rhs: Self) {
        self.nanos = self.nanos.saturating_add(rhs.nanos);
    }
}
