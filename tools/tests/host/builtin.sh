# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# shellcheck disable=SC2154
# The crates and the driver compile and link without MODULE, as when they are built into the kernel.
status=0 start=$SECONDS
"$here/builtin" >"$LOGS/builtin.log" 2>&1 || status=$?
grep -A20 '^error\|^FAILED' "$LOGS/builtin.log" >&2 || true
count_cargo "objects that can be built in" "$LOGS/builtin.log" $status $start
