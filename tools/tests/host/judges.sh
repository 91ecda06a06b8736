# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# What judges the output of machines: what is no success must not count as one.

# judged NAME LINE FAILURES [STATUS]: a machine whose program prints "ok 1" and ends with STATUS, and whose emulator logs LINE, has so many
# failures.
judged() {
	local dir=$LOGS/judged status=${4:-0} got
	mkdir -p "$dir"
	echo 'ok 1' >"$LOGS/judged.log"
	echo "$2" >"$dir/emulator.log"
	got=$(
		passed=0 failed=0 skipped=0 reasons='' failures=''
		judge_tap judged "$status" 1 >/dev/null 2>&1
		echo "$failed"
	)
	if [ "$got" = "$3" ]; then
		pass "judges: $1"
	else
		fail "judges: $1: $got failures, not $3"
	fi
}

# counts NAME STATISTICS FAILURES: so many failures where none may be asleep, and 5 jobs have to be there.
counts() {
	local dir=$LOGS/judged got
	mkdir -p "$dir"
	: >"$dir/emulator.log"
	rm -f "$dir/stats.json"
	[ -z "$2" ] || echo "$2" >"$dir/stats.json"
	got=$(
		passed=0 failed=0
		none_of judged asleep >/dev/null 2>&1
		at_least judged jobs 5 >/dev/null 2>&1
		echo "$failed"
	)
	if [ "$got" = "$3" ]; then
		pass "judges: $1"
	else
		fail "judges: $1: $got failures, not $3"
	fi
}

judged "an emulator that is well" '[1.0] INFO job 1: 4 launches' 0
judged "a panic that a job ends with" '[1.0] WARN job 1: the emulator failed (see its log)' 1
judged "a panic of any thread" "[1.0] WARN the emulator itself: panicked at gpu/src/lib.rs:1:2" 1
judged "a status without a line" '[1.0] INFO job 1: 4 launches' 1 1
counts "what is counted" '{"jobs": 5, "asleep": 0}' 0
counts "too few" '{"jobs": 4, "asleep": 0}' 1
counts "what may not be" '{"jobs": 5, "asleep": 1}' 1
counts "no statistics" '' 2
