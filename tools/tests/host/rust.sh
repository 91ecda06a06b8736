# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The kernel crates' tests on the host.
cargo_suite rust rust --workspace --target-dir "$TARGET/test-rust" -- --show-output
