// SPDX-License-Identifier: MIT OR Apache-2.0

//! Arithmetic on 32 lanes at once.
//!
//! A [`Kernel`] is a loop over lanes without branches, compiled for the baseline of the target and,
//! on x86-64, for AVX2 with fused multiply-add as well; which one runs is decided when code is
//! lowered. Both give the same bits.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Lanes;

/// What a kernel works on. What `p` and `q` mean is up to the kernel; `and` and `xor` change the
/// sign of float sources.
pub struct Args<'a> {
    pub s: [&'a Lanes; 4],
    pub and: [u32; 3],
    pub xor: [u32; 3],
    pub p: u32,
    pub q: u32,
}

/// What a kernel computes, for those who compute the same in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// Path of the module.
    pub module: &'static str,
    pub kernel: &'static str,
    /// Generic parameters.
    pub parameters: [bool; 2],
}

impl Name {
    /// Returns the name without the path of the module.
    pub fn parts(&self) -> (&'static str, &'static str) {
        let file = self.module.rsplit("::").next();
        (file.unwrap_or(self.module), self.kernel)
    }
}

/// Returns the parameters of a [`Name`].
pub const fn parameters(given: &[bool]) -> [bool; 2] {
    match given {
        [] => [false; 2],
        [a] => [*a, false],
        [a, b, ..] => [*a, *b],
    }
}

/// A loop over lanes.
///
/// # Invariants
///
/// The CPU has the features that the function was compiled for.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    function: unsafe fn(&Args<'_>, &mut Lanes),
    name: Name,
}

impl Kernel {
    /// Wraps a loop.
    ///
    /// # Safety
    ///
    /// The CPU has the features that the function was compiled for.
    pub unsafe fn new(function: unsafe fn(&Args<'_>, &mut Lanes), name: Name) -> Self {
        Self { function, name }
    }

    /// Returns what it computes.
    pub fn name(self) -> Name {
        self.name
    }

    /// Runs the loop.
    #[inline]
    pub fn call(self, args: &Args<'_>, out: &mut Lanes) {
        // SAFETY: By the type's invariant the CPU has the features; there is no other demand.
        unsafe { (self.function)(args, out) }
    }
}

static BASELINE: AtomicBool = AtomicBool::new(false);

/// Makes code that is lowered from now on, in all threads, use the baseline of the target only,
/// or what the CPU has again. For tests and measurements: results are the same.
pub fn prefer_baseline(baseline: bool) {
    BASELINE.store(baseline, Ordering::Relaxed);
}

/// Returns whether the second set of loops is to be used. `std` remembers what the CPU has.
#[cfg(target_arch = "x86_64")]
pub fn wide_vectors() -> bool {
    !BASELINE.load(Ordering::Relaxed)
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("lzcnt")
}

/// Whether the baseline of the target has fused multiply-add and rounding to integers.
pub const NATIVE: bool = cfg!(target_arch = "aarch64") || cfg!(target_feature = "fma");

/// Defines kernels as loops: `name` becomes a function that returns the [`Kernel`] for this CPU;
/// `name<T>` a generic one. The body sees the [`Args`], the lanes to write, and as `NATIVE` whether
/// the CPU has fused multiply-add and rounding to integers.
macro_rules! loops {
    ($(
        $(#[$doc:meta])*
        $name:ident $(<$($p:ident: $t:ty),+>)? |$args:ident, $out:ident| $body:expr;
    )*) => {$(
        $(#[$doc])*
        pub fn $name $(<$(const $p: $t),+>)? () -> $crate::exec::kernel::Kernel {
            use $crate::exec::kernel::{parameters, Args, Kernel, Name};
            use $crate::exec::Lanes;

            let name = Name {
                module: module_path!(),
                kernel: stringify!($name),
                parameters: parameters(&[$($($p),+)?]),
            };

            #[inline(always)]
            #[allow(clippy::extra_unused_type_parameters)]
            fn all<const NATIVE: bool $(, $(const $p: $t),+)?>($args: &Args<'_>, $out: &mut Lanes) {
                $body
            }
            fn base $(<$(const $p: $t),+>)? (args: &Args<'_>, out: &mut Lanes) {
                all::<{ $crate::exec::kernel::NATIVE } $(, $($p),+)?>(args, out);
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,popcnt,lzcnt")]
            unsafe fn wide $(<$(const $p: $t),+>)? (args: &Args<'_>, out: &mut Lanes) {
                all::<true $(, $($p),+)?>(args, out);
            }
            #[cfg(target_arch = "x86_64")]
            if $crate::exec::kernel::wide_vectors() {
                // SAFETY: These are the features that were found.
                return unsafe { Kernel::new(wide $(::<$($p),+>)?, name) };
            }
            // SAFETY: The baseline is always there.
            unsafe { Kernel::new(base $(::<$($p),+>)?, name) }
        }
    )*};
}

/// Defines kernels by what they do to one lane: arguments are the four sources and the [`Args`].
macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident $(<$($p:ident: $t:ty),+>)?
        |$a:pat_param, $b:pat_param, $c:pat_param, $d:pat_param, $k:pat_param| $body:expr;)*) => {
        $crate::exec::kernel::loops! {$(
            $(#[$doc])*
            $name $(<$($p: $t),+>)? |args, out| {
                let lane = |$a: u32, $b: u32, $c: u32, $d: u32, $k: &Args<'_>| -> u32 { $body };
                let [a, b, c, d] = args.s;
                for i in 0..$crate::exec::LANES {
                    out[i] = lane(a[i], b[i], c[i], d[i], args);
                }
            };
        )*}
    };
}
pub(super) use {kernels, loops};
