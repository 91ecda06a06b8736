# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The emulator's tests.
cargo_data AGX_ISA_VECTORS isa-vectors
cargo_suite agxemu tools/agxemu test-agxemu --workspace -- --show-output
