# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Typestates of the job queue: programs that must not compile.
if "$here/compile-fail" >"$LOGS/compile-fail.log" 2>&1; then
	pass "programs that must not compile"
else
	fail "programs that must not compile"
	grep '^FAILED' "$LOGS/compile-fail.log" >&2
fi
