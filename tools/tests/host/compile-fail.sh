# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# shellcheck disable=SC2154
# Programs that the types of dma_fence and jobqueue refuse, and the examples of their documentation.
status=0 start=$SECONDS
"$here/compile-fail" >"$LOGS/compile-fail.log" 2>&1 || status=$?
grep -A20 '^FAILED' "$LOGS/compile-fail.log" >&2 || true
count_cargo "programs that must not compile" "$LOGS/compile-fail.log" $status $start
