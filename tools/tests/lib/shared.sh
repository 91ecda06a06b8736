# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Machines that several suites share, since a boot of the debug kernel takes as long as many a test. Suites with the header
# "# machine: shared" run there, one after another: without a GPU if their guest_tap calls say --no-emu, otherwise on the
# emulated one. A machine ends with the first that fails, whose modules or jobs may be there still: the next has one of its own. Of the options of "vm exec" they may use --no-emu, --modules, --carry, --timeout, and --share "$programs".
# shellcheck disable=SC2154

# queue NAME ARGUMENT…: notes a guest_tap call of $suite for a shared machine.
queue() {
	local name=$1 kind=gpu modules="kasync jobqueue agxemu_bridge asahi" carried='' timeout=900 dir
	shift
	while [ $# -gt 0 ]; do
		case $1 in
		--no-emu) kind=bare ;;
		--modules | --carry | --timeout)
			case $1 in
			--modules) modules=$2 ;;
			--carry) carried=$2 ;;
			--timeout) timeout=$2 ;;
			esac
			shift
			;;
		--share)
			[ "$2" = "$programs" ] || die "$suite: a shared machine has only the guest programs"
			shift
			;;
		--)
			shift
			break
			;;
		*) die "$suite: $1 needs a machine of its own" ;;
		esac
		shift
	done
	mkdir -p "$LOGS/shared/$kind"
	dir=$LOGS/shared/$kind/$(printf '%03d' "$(find "$LOGS/shared/$kind" -mindepth 1 -maxdepth 1 | wc -l)")-$name
	mkdir "$dir"
	printf '%s\n' "$suite" >"$dir/suite"
	printf '%s\n' "$modules" >"$dir/modules"
	printf '%s\n' "$modules $carried" >"$dir/carried"
	printf '%s\n' "$timeout" >"$dir/timeout"
	printf '%q ' "$@" >"$dir/command"
}

# collect SUITE…: has the suites note what they run.
collect() {
	local suite
	rm -rf "$LOGS/shared"
	for suite in "$@"; do
		(
			guest_tap() { queue "$@"; }
			expect() { die "$suite: expect needs a machine of its own"; }
			piece=${piece_of[$suite]:-}
			# shellcheck disable=SC1090
			. "${script[$suite]}"
		)
	done
}

# one_machine KIND SHARE NUMBER: boots a machine for the tests in SHARE/.tests that have not run. It ends after the first that fails.
# Counts what the machine itself is judged by.
one_machine() {
	local kind=$1 share=$2 log=shared-$1 status=0 dir options=() timeout=300
	[ "$3" = 1 ] || log+=-$3
	[ "$kind" = gpu ] || options+=(--no-emu)
	for dir in "$share"/.tests/*/; do
		[ -e "$dir/status" ] || timeout=$((timeout + $(cat "$dir/timeout")))
	done
	"$here/../vm/vm" exec "$KERNEL" --log "$LOGS/$log" "${options[@]}" --no-modules --timeout $timeout \
		--carry "$(tr ' ' '\n' < <(cat "$share"/.tests/*/carried) | sort -u | tr '\n' ' ')" \
		--share "$share" -- bash /mnt/share/.tests/run >"$LOGS/$log.log" 2>&1 </dev/null || status=$?
	if [ $status = 0 ]; then
		pass "$log: the kernel has nothing to complain of"
	else
		fail "$log: status $status$(cause "$LOGS/$log.log")"
		quote "$LOGS/$log.log" 60
	fi
	sound "$log"
}

# machines KIND SHARE: boots one machine after another until no test is left. None is run again: one that its machine did not survive
# has failed, as have all that are left if a machine does not get to one of them.
machines() {
	local number=0 dir left before
	left=$(find "$2/.tests" -mindepth 1 -maxdepth 1 -type d | wc -l)
	while :; do
		before=$left
		one_machine "$1" "$2" $((number += 1))
		left=0
		for dir in "$2"/.tests/*/; do
			if [ ! -e "$dir/begun" ]; then
				left=$((left + 1))
			elif [ ! -e "$dir/status" ]; then
				echo 127 >"$dir/status"
				echo 0 >"$dir/seconds"
			fi
		done
		[ $left != 0 ] && [ $left != "$before" ] || return 0
	done
}

# shared_machine KIND: boots the machines for what was noted, and writes the records of suites and machines.
shared_machine() {
	local kind=$1 share=$LOGS/shared-$1.share start=$SECONDS dir name suite names
	mkdir -p "$share"
	cp -r "$programs/." "$share/"
	mv "$LOGS/shared/$kind" "$share/.tests"
	cp "$here/lib/in-guest" "$share/.tests/run"
	machines "$kind" "$share"
	mapfile -t names < <(sort -u "$share"/.tests/*/suite)
	for suite in "${names[@]}"; do
		(
			passed=0 failed=0 skipped=0 reasons='' failures='' seconds=0
			for dir in "$share"/.tests/*/; do
				[ "$(cat "$dir/suite")" = "$suite" ] || continue
				name=$(basename "$dir")
				name=${name#*-}
				cp "$dir/output" "$LOGS/$name.log" 2>/dev/null || : >"$LOGS/$name.log"
				if [ -e "$dir/status" ]; then
					judge_tap "$name" "$(cat "$dir/status")" "$(cat "$dir/seconds")"
					seconds=$((seconds + $(cat "$dir/seconds")))
				else
					judge_tap "$name" 124 0
				fi
			done
			record "$suite" $seconds
		)
	done
	say "shared-$kind: $((SECONDS - start)) s"
	rm -rf "$share"
}
