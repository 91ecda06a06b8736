// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Kernel errors.

use crate::ffi::c_int;

/// Generic integer kernel error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(c_int);

impl Error {
    /// Creates an [`Error`] from a kernel error code.
    pub const fn from_errno(errno: c_int) -> Self {
        Self(errno)
    }

    /// Returns the kernel error code.
    pub fn to_errno(self) -> c_int {
        self.0
    }
}

impl core::fmt::Debug for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Error({})", self.0)
    }
}

/// A [`Result`] with an [`Error`] error type.
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

/// Converts an integer as returned by a C kernel function to a [`Result`].
pub fn to_result(err: c_int) -> Result {
    match err {
        ..0 => Err(Error(err)),
        _ => Ok(()),
    }
}

/// Contains the C-compatible error codes.
pub mod code {
    use super::Error;

    macro_rules! declare_err {
        ($($err:ident = $number:literal, $doc:literal;)*) => {$(
            #[doc = $doc]
            pub const $err: Error = Error(-$number);
        )*};
    }

    declare_err! {
        E2BIG = 7, "Argument list too long.";
        EAGAIN = 11, "Try again.";
        ENOMEM = 12, "Out of memory.";
        EBUSY = 16, "Device or resource busy.";
        ENODEV = 19, "No such device.";
        EINVAL = 22, "Invalid argument.";
        EDEADLK = 35, "Resource deadlock would occur.";
        ETIME = 62, "Timer expired.";
        EOVERFLOW = 75, "Value too large for defined data type.";
        ETIMEDOUT = 110, "Connection timed out.";
        ECANCELED = 125, "Operation canceled.";
        ERESTARTSYS = 512, "Restart the system call.";
    }
}
