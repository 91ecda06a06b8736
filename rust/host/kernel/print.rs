// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Printing facilities.

use crate::host;
use core::fmt;
use std::string::ToString;

/// Writes a line to the machine's log.
#[doc(hidden)]
pub fn call_printk(prefix: &[u8], args: fmt::Arguments<'_>) {
    assert_eq!(prefix.last(), Some(&0), "a log prefix ends with a zero");
    host::log(args.to_string().trim_end_matches('\n').to_string());
}

/// Prints a warning-level message.
#[macro_export]
#[expect(clippy::crate_in_macro_def, reason = "the prefix is the caller's")]
macro_rules! pr_warn {
    ($($arg:tt)*) => {
        $crate::print::call_printk(crate::__LOG_PREFIX, ::core::format_args!($($arg)*))
    };
}
