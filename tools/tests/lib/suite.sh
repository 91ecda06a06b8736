# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# What the scripts in host/ and guest/ are written with. Each is sourced in a shell of its own, with $TIER set to "test" or
# "all", $programs to the directory of guest programs, and $LOGS to where logs go. Headers of a script say how it is run:
#
#   # tier: test      part of "make test" and of "make test-all"; the default. Such a suite may do less if $TIER is "test"
#   # tier: all       part of "make test-all" only
#   # tier: none      part of neither: only run by name, as it cannot pass yet
#   # machine: alone  not beside other suites
#   # machine: shared in a machine with others (shared.sh)
#   # order: last    in host/: the last of "make test-all", as it takes hours
#   # pieces: A B    not one suite NAME but some, NAME-A and NAME-B, each with its record and $piece set to its own word
#   # after: NAME    in host/: not beside that suite of host/, which comes first
# shellcheck disable=SC2154

pass() {
	passed=$((passed + 1))
	say "ok: $*"
}

fail() {
	failed=$((failed + 1))
	failures+="$*"$'\n'
	say "FAILED: $*"
}

# skip NAME REASON: counts a test that could not run here.
skip() {
	skipped=$((skipped + 1))
	reasons+="$1: $2"$'\n'
	say "skipped: $1: $2"
}

# count_cargo NAME LOG STATUS START: adds the figures of cargo's "test result" lines. A run without one is a failure. A test
# that prints "skipped: REASON" counts as skipped, and so does one that cargo ignores.
count_cargo() {
	local name=$1 log=$2 status=$3 start=$4 good bad ignored why
	read -r good bad ignored < <(
		sed -nE 's/^test result: .* ([0-9]+) passed; ([0-9]+) failed;( ([0-9]+) ignored)?.*/\1 \2 \4/p' "$log" |
			awk '{ p += $1; f += $2; i += $3 } END { print p + 0, f + 0, i + 0 }'
	)
	while read -r why; do
		good=$((good - 1)) skipped=$((skipped + 1))
		reasons+="$why"$'\n'
	done < <(sed -nE 's/^skipped: //p' "$log" | sort)
	if [ "$ignored" != 0 ]; then
		skipped=$((skipped + ignored))
		reasons+=$(sed -nE 's/^test (.*) \.\.\. ignored(, (.*))?$/\1: \3/p' "$log")$'\n'
	fi
	passed=$((passed + good))
	failed=$((failed + bad))
	failures+=$(sed -nE 's/^test (.*) \.\.\. FAILED$/\1/p' "$log")$'\n'
	say "$name: $good passed, $bad failed ($((SECONDS - start)) s)"
	if [ "$status" != 0 ] && [ "$bad" = 0 ]; then
		fail "$name did not build or run"
	elif [ $((good + bad)) = 0 ]; then
		fail "$name: no test ran"
	fi
	[ "$status" = 0 ] || grep -E -A12 '^(error|failures:|---- )' "$log" | head -n 60 >&2 || true
}

# cargo_suite NAME DIR TARGET ARGUMENT…: "cargo test ARGUMENT…" in DIR, which builds in TARGET.
cargo_suite() {
	# shellcheck disable=SC2153
	local name=$1 dir=$2 target=$TARGET/$3 status=0 start=$SECONDS root
	shift 3
	root=$(toolchain)
	mkdir -p "$target"
	(
		flock 9 && cd "$REPO/$dir" && of_this_checkout "$target" || exit 1
		in_root "$root" "${CARGO_ENV[@]}" cargo test --locked --no-fail-fast --target-dir "$target" "$@"
	) >"$LOGS/$name.log" 2>&1 9>"$target/lock" || status=$?
	count_cargo "cargo test in $dir" "$LOGS/$name.log" $status $start
}
CARGO_ENV=(env)

# beside VARIABLE NAME: prints where what is not part of this repository is: what $VARIABLE says, or NAME in ../shared, beside the checkout
# or the one of which it is a worktree. It may not be there.
beside() {
	local common
	common=$(git -C "$REPO" rev-parse --path-format=absolute --git-common-dir 2>/dev/null) || common=$REPO/.git
	echo "${!1:-$(dirname "$common")/../shared/$2}"
}

# cargo_data VARIABLE NAME: tells the tests of cargo_suite by $VARIABLE of the directory "beside VARIABLE NAME", if there is one. Their root has
# the checkout and not what is beside it, so they get a copy.
cargo_data() {
	local dir
	dir=$(beside "$1" "$2")
	[ -d "$dir" ] || return 0
	rm -rf "${LOGS:?}/$2"
	mkdir -p "$LOGS/$2"
	cp "$dir"/* "$LOGS/$2"
	CARGO_ENV+=("$1=$LOGS/$2")
}

# expect NAME STATUS PATTERN ARGUMENT…: "vm exec ARGUMENT…" has to end with STATUS and print PATTERN. What the machine logs is beside
# $RIG_LOG.
expect() {
	local name=$1 want=$2 pattern=$3 status=0 machine=${RIG_LOG%.log}.machine
	shift 3
	rm -rf "$machine"
	"$here/../vm/vm" exec --timeout 600 --log "$machine" "$@" >"$RIG_LOG" 2>&1 </dev/null || status=$?
	judge "$name" "$status" "$want" "$pattern"
	sound "rig: $name" "$machine"
}

# judge NAME STATUS WANTED-STATUS PATTERN: judges the command whose output is in $RIG_LOG.
judge() {
	if [ "$2" = "$3" ] && { [ -z "$4" ] || grep -qE "$4" "$RIG_LOG"; }; then
		pass "rig: $1"
	else
		fail "rig: $1 (status $2, want $3)$(cause "$RIG_LOG")"
		quote "$RIG_LOG" 10
	fi
}

# cause LOG: prints the runner's own error in the output of a machine behind ": ", if there is one; of a kernel that complained, the first
# complaint.
cause() {
	sed -nE '/^error: /{
		s/^error: //
		/complained:$/n
		s/[[:space:]]+$//
		s/^/: /p
		q
	}' "$1"
}

# quote LOG LINES: prints what the runner says of its error in the output of a machine, if there is one, or else the last lines of it.
quote() {
	if grep -q '^error: ' "$1"; then
		sed -n '/^error: /,$p' "$1" | head -n 100 >&2
	else
		sed '/^ok /d' "$1" | tail -n "$2" >&2
	fi
}

# The kernel of machines for which a suite does not choose it.
KERNEL=--debug-kernel

# guest_tap NAME ARGUMENT…: "vm exec ARGUMENT…" prints TAP. The time that it has if it does not say so is for what hangs, on a machine
# with much else to do.
guest_tap() {
	local name=$1 status=0 start=$SECONDS
	shift
	"$here/../vm/vm" exec "$KERNEL" --timeout 900 --log "$LOGS/$name" "$@" >"$LOGS/$name.log" 2>&1 </dev/null || status=$?
	judge_tap "$name" $status $((SECONDS - start))
}

# What a shell of a machine says of a program that it does not find, or that ends by itself by a signal.
NOT_RUN='^[^#]*: (line )?[0-9]+: ([^ /]*|\./[^ ]*|/(mnt|run|usr|bin)/[^ ]*): ((command )?not found|No such file or directory|'
NOT_RUN+='Permission denied|cannot execute.*)[[:space:]]*$'
NOT_RUN+='|^([^#]*: line [0-9]+: +[0-9]+ )?(Segmentation fault|Bus error|Illegal instruction|Aborted|Trace/breakpoint trap)([[:space:]]|$)'

# judge_tap NAME STATUS SECONDS: counts the TAP lines in $LOGS/NAME.log. What comes behind a program may hide that it was killed, so its
# plan has to be there as well.
judge_tap() {
	local name=$1 status=$2 log=$LOGS/$1.log good bad skips cut
	good=$(grep -cE '^ok ' "$log" || true)
	skips=$(grep -cE '^ok .*# SKIP' "$log" || true)
	bad=$(grep -cE '^(not ok |Bail out!)' "$log" || true)
	good=$((good - skips))
	passed=$((passed + good))
	failed=$((failed + bad))
	skipped=$((skipped + skips))
	reasons+=$(sed -nE 's/^ok (.*# SKIP.*)/\1/p' "$log")$'\n'
	failures+=$(sed -nE "s/^(not ok |Bail out!)/$name: &/p" "$log")$'\n'
	say "$name: $good passed, $bad failed ($3 s)"
	# What a program says of a failure stands before the result or behind it.
	grep -E -B2 -A3 '^(not ok |Bail out!)' "$log" | head -n 60 >&2 || true
	if [ "$status" != 0 ] && { [ "$status" -ge 123 ] || [ "$bad" = 0 ]; }; then
		fail "$name: status $status$(cause "$log")"
		quote "$log" 40
	fi
	[ "$status" != 0 ] || [ "$good" != 0 ] || fail "$name: no test ran"
	cut=$(awk -f "$here/lib/plan.awk" "$log")
	# One that is killed or not found before its first test has no plan.
	[ -n "$cut" ] || cut=$(grep -m 1 -E "$NOT_RUN" "$log" || true)
	if [ -n "$cut" ] && [ "$bad" = 0 ] && [ "$status" = 0 ]; then
		fail "$name: cut off: $cut"
		sed '/^ok /d' "$log" | tail -n 40 >&2
	fi
	sound "$name"
}

# For the shell of a machine: "kunit_results PATTERN" prints the results of KUnit's suites, and says whether there were any.
# shellcheck disable=SC2016
KUNIT='
kunit_results() {
	sed -nE "s/^ +((not )?ok [0-9].*|1\.\.[0-9]+)/\1/p" /sys/kernel/debug/kunit/$1/results >/tmp/tests
	cat /tmp/tests
	if grep -q ok /tmp/tests; then echo ok tests ran; else echo not ok no test ran; fi
}
'

# sound NAME [DIR]: the emulator of machine NAME, if it has a log, has not failed itself. The log is in DIR, or where guest_tap has it. A
# panic that it catches ends a job, as what a job does wrong does: nothing else tells them apart.
sound() {
	local log=${2:-$LOGS/$1}/emulator.log
	if [ -e "$log" ] && grep -qE 'panicked at|the emulator failed' "$log"; then
		fail "$1: the emulator has failed"
		grep -E 'panicked at|the emulator failed' "$log" | head >&2
	fi
}

# counted NAME WORD: what the emulator of machine NAME has counted of WORD; nothing if it did not get to its end.
counted() {
	sed -nE "s/.*\"$2\": ([0-9]+).*/\1/p" "$LOGS/$1/stats.json" || true
}

# at_least NAME WORD COUNT: the emulator of machine NAME has counted so many of WORD at least.
at_least() {
	local count
	count=$(counted "$1" "$2")
	if [ "${count:-0}" -ge "$3" ]; then
		pass "$1: $count $2"
	else
		fail "$1: ${count:-no} $2, not $3 at least"
	fi
}

# none_of NAME WORD…: the emulator of machine NAME has counted nothing of each WORD, which are what nobody may do.
none_of() {
	local name=$1 word count
	shift
	for word; do
		count=$(counted "$name" "$word")
		if [ "$count" = 0 ]; then
			pass "$name: nothing that the emulator calls $word"
		else
			fail "$name: ${count:-unknown} times what the emulator calls $word"
			grep WARN "$LOGS/$name/emulator.log" | head >&2 || true
		fi
	done
}

# untouched NAME: in the machine of guest_tap NAME, whose kernel fills pages that it frees ("page_poison=1") and whose emulator
# looks for them ("--hardware poison"), neither firmware nor GPU has accessed memory that was not theirs any more.
untouched() {
	none_of "$1" freed asleep remapped
}
