// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The configuration of the kernel that the host's tests stand for.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cfg=CONFIG_LOCKDEP");
}
