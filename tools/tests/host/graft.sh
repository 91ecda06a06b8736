# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# shellcheck disable=SC2154
# The tree in the source of a kernel. "make test-all" compiles it there as modules, too, and boots kernels that have it.
status=0 start=$SECONDS
whole=()
[ "$TIER" = test ] || whole=(--whole)
"$here/graft" "${whole[@]}" >"$LOGS/graft.log" 2>&1 || status=$?
grep -A20 '^FAILED' "$LOGS/graft.log" >&2 || true
count_cargo "put into a kernel's source" "$LOGS/graft.log" $status $start
