# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Models of executor, fences and job queue under loom.
cargo_suite models rust/kasync/loom loom --release
