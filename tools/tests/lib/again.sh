# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Suites of guest/ once more, in machines of another kind.
# shellcheck disable=SC2154,SC2030,SC2031,SC2034,SC2317,SC2329

# The function of suite.sh, under a name of its own.
eval "$(declare -f guest_tap | sed '1s/^guest_tap/tap_there/')"

# again LABEL "OPTIONS" SUITE…: runs the suites as "make test" does, with more options for "vm exec". Options that come later
# win, so this kernel is that of all of them. Their logs are in a directory of that name. A suite with pieces is "SUITE PIECE".
again() {
	local label=$1 more suite piece before
	read -ra more <<<"$2"
	shift 2
	mkdir -p "$LOGS/$label"
	while [ $# != 0 ]; do
		read -r suite piece <<<"$1"
		shift
		rm -f "$LOGS/$label/counts"
		before=$((passed + failed + skipped))
		# In the background, as "set -e" holds there.
		(
			# Suites may ask which kernel it is.
			# shellcheck disable=SC2034
			LOGS=$LOGS/$label TIER="test" AGAIN=${more[0]}
			guest_tap() {
				local name=$1 options=()
				shift
				while [ "$1" != -- ]; do
					options+=("$1")
					shift
				done
				tap_there "$name" "${options[@]}" "${more[@]}" "$@"
			}
			expect() { skip "$label: $1" "not a suite of TAP"; }
			say "$label: $suite $piece"
			# shellcheck disable=SC1090
			. "$here/guest/$suite.sh"
			[ $((passed + failed + skipped)) != "$before" ] || fail "$label: $suite${piece:+ $piece}: no test ran"
			printf '%s' "$reasons" >"$LOGS/reasons"
			printf '%s' "$failures" >"$LOGS/failures"
			printf '%s %s %s\n' "$passed" "$failed" "$skipped" >"$LOGS/counts"
		) </dev/null &
		wait $! || true
		if [ -e "$LOGS/$label/counts" ] && read -r passed failed skipped <"$LOGS/$label/counts"; then
			reasons=$(cat "$LOGS/$label/reasons")$'\n'
			failures=$(cat "$LOGS/$label/failures")$'\n'
		else
			fail "$label: $suite ends early"
		fi
	done
}

# again_piece NAME "OPTIONS": the piece $piece of all suites that are run again.
again_piece() {
	local suites
	case $piece in
	core) suites=(kasync dma_fence jobqueue jobqueue-c rtkit sample-rust) ;;
	faults) suites=(faults teardown) ;;
	render) suites=(render-uapi shaders) ;;
	sharing) suites=(sharing sleepers fuzz) ;;
	lives) suites=(lives wedge) ;;
	repeat) suites=(repeat suspend) ;;
	hardware) suites=(handoff power deaf unbind starve) ;;
	bounds) suites=(tlbi limits shader-faults strict) ;;
	samples) suites=(sample-edu "sample-nvme disk" "sample-nova clients") ;;
	drawing) suites=(render samplers states) ;;
	torture | uapi | probe | fail-nth | wraps) suites=("$piece") ;;
	*) die "$1: there is no piece $piece" ;;
	esac
	again "$1-$piece" "$2" "${suites[@]}"
}
