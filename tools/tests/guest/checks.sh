# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Suites of the guest once more, on the kernel with all checkers that go together: kCFI, DMA-API, DMA-BUF, page tables, UBSAN, poisoned
# memory, and what tools/vm/kernel/checks.config has else.
# shellcheck disable=SC2154

# on_checks NAME ARGUMENT…: guest_tap on that kernel.
on_checks() {
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	checked_tap "checks-$name" "${options[@]}" --checks-kernel "$@"
}

# The function of lib/suite.sh under a name of its own.
eval "checked_tap$(declare -f guest_tap | tail -n +2 | sed '1s/^/() /')"
for checked in kasync dma_fence jobqueue jobqueue-c rtkit uapi sharing sleepers fail-nth lives teardown wedge probe repeat shaders fuzz suspend sample-rust; do
	(
		guest_tap() { on_checks "$@"; }
		expect() { skip "checks-$1" "not a suite of TAP"; }
		# In "make test" they do less.
		TIER="test"
		# shellcheck disable=SC1090
		. "$here/guest/$checked.sh"
		printf '%s %s %s\n' "$passed" "$failed" "$skipped" >"$LOGS/checks.counts"
		printf '%s' "$reasons" >"$LOGS/checks.reasons"
	)
	read -r passed failed skipped <"$LOGS/checks.counts"
	reasons=$(cat "$LOGS/checks.reasons")$'\n'
done
