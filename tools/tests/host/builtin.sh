# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# shellcheck disable=SC2154
# The crates, the driver and all tests as parts of the kernel instead of modules.
status=0 start=$SECONDS
"$here/builtin" >"$LOGS/builtin.log" 2>&1 || status=$?
grep -A40 '^FAILED' "$LOGS/builtin.log" >&2 || true
count_cargo "built into the kernel" "$LOGS/builtin.log" $status $start
