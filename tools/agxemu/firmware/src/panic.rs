// SPDX-License-Identifier: MIT OR Apache-2.0

//! Firmware panics.

use std::fmt;

/// The reason of a firmware panic: the host did what the firmware cannot accept.
///
/// The code that runs the firmware makes the crash visible (crashlog, log) and stops running it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic(pub String);

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Panic {}

/// Result of everything that can end in a firmware panic.
pub type Fw<T> = Result<T, Panic>;

/// Ends the function with a panic whose reason is formatted from the arguments.
macro_rules! bail {
    ($($arg:tt)*) => { return Err($crate::panic::Panic(format!($($arg)*))) };
}

/// Panics unless a condition holds.
macro_rules! ensure {
    ($cond:expr, $($arg:tt)*) => { if !$cond { $crate::panic::bail!($($arg)*); } };
}

/// Panics unless a field has the value that it must have.
macro_rules! field {
    ($what:expr, $name:expr, $got:expr, $want:expr) => {{
        let (got, want) = ($got, $want);
        if got != want {
            $crate::panic::bail!("{}: {} is {got:#x}, expected {want:#x}", $what, $name);
        }
    }};
}

pub(crate) use {bail, ensure, field};
