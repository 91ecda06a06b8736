// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Checks of tests. The tests of fences and of the job queue compile this file as well.
//!
//! A failed assertion of KUnit ends the test's thread, and no destructor runs. Then tasks and
//! fences stay behind, the modules cannot be unloaded, and other tests on the same machine fail
//! too. These checks return an error instead, after they have reported what is wrong.

/// Returns an error from the test, with a report, unless a condition holds.
macro_rules! check {
    ($condition:expr $(,)?) => {
        if !$condition {
            ::kernel::pr_err!(
                "{}:{}: FAILED: {}\n",
                ::core::file!(),
                ::core::line!(),
                ::core::stringify!($condition)
            );
            return Err(::kernel::error::code::EINVAL);
        }
    };
}

/// Returns an error from the test, with a report of both values, unless they are equal.
macro_rules! check_eq {
    ($left:expr, $right:expr $(,)?) => {
        match (&$left, &$right) {
            (left, right) => {
                if *left != *right {
                    ::kernel::pr_err!(
                        "{}:{}: FAILED: {} is {:?}, not {:?}\n",
                        ::core::file!(),
                        ::core::line!(),
                        ::core::stringify!($left),
                        left,
                        right
                    );
                    return Err(::kernel::error::code::EINVAL);
                }
            }
        }
    };
}
