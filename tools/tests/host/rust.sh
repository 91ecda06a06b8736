# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The kernel crates' tests on the host. Those of agx_abi compare it with tables of the firmware's structures, where there are any.
cargo_data AGX_ABI_TABLES agx-abi
cargo_suite rust rust test-rust --workspace -- --show-output
