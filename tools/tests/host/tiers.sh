# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# The runner itself, in a copy with suites that are made up: tiers, counts, suites that die, and a run that was cut off.
tree=$LOGS/tiers
mkdir -p "$tree"/tools/tests/{host,guest}
cp -r "$here/run" "$here/on-chip" "$here/lib" "$tree/tools/tests/"
cp -r "$here/../vm" "$tree/tools/"
echo /build/ >"$tree/.gitignore"
! command -v git >/dev/null || git -C "$tree" init -q

export ASAHI_DURATIONS=$LOGS/tiers-durations

# made_up NAME SCRIPT [TIER]
made_up() {
	printf '# SPDX-License-Identifier: MIT OR Apache-2.0\n# tier: %s\n%s\n' "${3:-test}" "$2" >"$tree/tools/tests/host/$1.sh"
}

# runs NAME STATUS LAST-LINE [ARGUMENT…]: the copy has to end like that. Its output is in $LOGS/tiers.log.
runs() {
	local name=$1 want=$2 line=$3 status=0
	shift 3
	"$tree/tools/tests/run" "$@" >"$LOGS/tiers.log" 2>&1 </dev/null || status=$?
	if [ $status = "$want" ] && [ "$(tail -n 1 "$LOGS/tiers.log")" = "$line" ]; then
		pass "tiers: $name"
	else
		fail "tiers: $name (status $status, want $want)"
		cat "$LOGS/tiers.log" >&2
	fi
}

# says NAME PATTERN [FILE]
says() {
	if grep -qE "$2" "${3:-$LOGS/tiers.log}"; then pass "tiers: $1"; else fail "tiers: $1"; fi
}

made_up good 'pass one; skip two "not here"'
runs "what can be skipped is counted apart" 0 "1 passed, 0 failed, 1 skipped"
says "the table has the reason" '^good +1 +0 +1 .* two: not here$'
made_up bad 'fail three; say "for a reason"' all
made_up dies 'say "what was last"; [ -e "$REPO/build/mended" ]; pass four' all
made_up never 'fail five' none
runs "the other tier is left out" 0 "1 passed, 0 failed, 1 skipped"
runs "failures count, and suites that die" 1 "1 passed, 2 failed, 1 skipped" --all
says "the table has the one that died" '^dies .* did not end$' "$tree/build/tests-all/summary"
says "and what failed" '^failed in bad: three$'
says "and what it said of that" '^    for a reason$'
says "and the last words of the one that died" '^    what was last$'
says "so has the file" '^\{"suite":"dies","ended":false\},?$' "$tree/build/tests-all/results.json"
says "the summary is kept" '^1 passed, 2 failed, 1 skipped$' "$tree/tools/tests/results/test-all.txt"
runs "a suite of no tier runs by its name" 1 "0 passed, 1 failed" --host never

# As if it had been cut off in the last suite.
rm "$tree/build/tests-all/summary"
touch "$tree/build/mended"
runs "a run that was cut off goes on" 1 "2 passed, 1 failed, 1 skipped" --all
says "and takes the results that it has" '^good: done before$'
rm "$tree/build/tests-all/summary"
made_up bad 'pass three' all
runs "but not those of another tree" 0 "3 passed, 0 failed, 1 skipped" --all
says "of which there is none" '^ok: one$'
runs "a run that has ended is not taken" 0 "3 passed, 0 failed, 1 skipped" --all
says "all suites run again" '^ok: one$'
says "each result has its tree" '^\{"suite":"good",.*"tree":"[0-9a-f]{16}"' "$tree/build/tests-all/results.json"

# What passed on an earlier tree.
made_up bad '[ ! -e "$REPO/build/worse" ] || fail three; pass three' all
touch "$tree/build/worse"
runs "a tree with a failure" 1 "3 passed, 1 failed, 1 skipped" --all
made_up other 'pass six' all
rm "$tree/build/worse"
runs "what passed before is kept" 0 "4 passed, 0 failed, 1 skipped" --all --keep
says "which is said" '^good: passed on tree [0-9a-f]{16}$'
says "what failed runs again" '^ok: three$'
says "so does what is new" '^ok: six$'
says "the table has the other tree" '^good +1 +0 +1 .* tree [0-9a-f]{16}; two: not here$' "$tree/tools/tests/results/test-all.txt"
says "but not that of this run" '^other +1 +0 +0 +[0-9.]+ +[0-9.]+$' "$tree/tools/tests/results/test-all.txt"
rm "$tree/tools/tests/host/other.sh"
made_up slow 'cp "$here/results/test-all.txt" "$REPO/build/part"; pass seven' all
ASAHI_JOBS=1 runs "while a run goes on" 0 "4 passed, 0 failed, 1 skipped" --all --keep
says "the summary has what has ended" '^good +1 ' "$tree/build/part"
says "and what has not" '^slow .* not run yet$' "$tree/build/part"
rm "$tree/tools/tests/host/slow.sh"

# A suite by its name.
made_up named '[ -e "$REPO/build/mended" ] || fail eight; pass eight' all
rm "$tree/build/mended"
runs "one suite, by its name" 1 "1 passed, 1 failed" --all --host named
runs "what failed runs again in a whole run" 1 "4 passed, 1 failed, 1 skipped" --all --keep
touch "$tree/build/mended"
runs "the suite alone, on the same tree" 0 "1 passed, 0 failed" --all --keep --host named
runs "its result counts in the whole run" 0 "4 passed, 0 failed, 1 skipped" --all --keep
says "which takes it as it is" '^named: done before$'
rm "$tree/tools/tests/host/named.sh"

# After a whole run that has come to its end, with and without KEEP=1.
made_up named 'pass "eight anew"' all
runs "a whole run" 0 "4 passed, 0 failed, 1 skipped" --all
runs "a suite after it, by its name" 0 "1 passed, 0 failed" --all --host named
runs "the next whole run" 0 "4 passed, 0 failed, 1 skipped" --all
says "takes that result" '^named: done before$'
says "and no other" '^ok: one$'
runs "the suite by its name again" 0 "1 passed, 0 failed" --all --host named
runs "the next whole run, which keeps what passed" 0 "4 passed, 0 failed, 1 skipped" --all --keep
says "takes that of the suite" '^named: done before$'
says "and what passed before" '^good: done before$'
rm "$tree/tools/tests/host/named.sh"

# Files that git cannot list: their hash would be that of any tree.
if command -v git >/dev/null; then
	echo junk >"$tree/.git/index"
	runs "a tree whose files cannot be listed" 1 "error: the files of this tree cannot be listed" --host good
	rm "$tree/.git/index"
fi

# A tier that there is not.
made_up named 'pass eight' tset
for options in '' --all '--host named' '--host amed' '--host good'; do
	# shellcheck disable=SC2086
	runs "a tier that there is not: ${options:-all}" 1 "error: $tree/tools/tests/host/named.sh: there is no tier \"tset\"" $options
done
rm "$tree/tools/tests/host/named.sh"

# Suites side by side: as many as are asked for.
for name in 1 2 3; do
	made_up "beside-$name" '
		exec 9>>"$REPO/build/count.lock"
		change() { flock 9; echo $(($(cat "$REPO/build/count") + $1)) >"$REPO/build/count"; cat "$REPO/build/count" >>"$REPO/build/counts"; flock -u 9; }
		change 1
		timeout 2 tail -f /dev/null || true
		change -1
		pass beside' none
done
for jobs in 1 2; do
	echo 0 >"$tree/build/count"
	rm -f "$tree/build/counts"
	ASAHI_JOBS=$jobs runs "three suites, $jobs at a time" 0 "3 passed, 0 failed" --host beside
	if [ "$(sort -n "$tree/build/counts" | tail -n 1)" = $jobs ]; then
		pass "tiers: that many run at a time"
	else
		fail "tiers: $(sort -n "$tree/build/counts" | tail -n 1) run at a time, not $jobs"
	fi
done
for jobs in 0 x; do
	ASAHI_JOBS=$jobs runs "a number of jobs that is none: $jobs" 1 "error: ASAHI_JOBS: \"$jobs\" is not a whole number from 1 on" --list
done
rm "$tree"/tools/tests/host/beside-*.sh

# What ends the runner ends the suites: an error of its own, and Ctrl-C, which comes to its group.
made_up long 'echo $BASHPID >"$REPO/build/long"; exec sleep 600' none
ended() {
	local pid
	pid=$(cat "$tree/build/long")
	rm "$tree/build/long"
	if [ -d "/proc/$pid" ] && ! grep -qs '^State:.Z' "/proc/$pid/status"; then
		fail "tiers: $1"
		kill -KILL "$pid"
	else
		pass "tiers: $1"
	fi
	if flock -n "$tree/build/tests.lock" true; then pass "tiers: and the lock"; else fail "tiers: and the lock"; fi
}
setsid env --default-signal=INT "$tree/tools/tests/run" --host long >"$LOGS/tiers.log" 2>&1 </dev/null &
runner=$! status=0
until [ -s "$tree/build/long" ]; do timeout 0.1 tail --pid=$runner -f /dev/null || true; done
kill -INT -- -$runner
wait $runner || status=$?
if [ $status = 130 ]; then pass "tiers: Ctrl-C has its status"; else fail "tiers: Ctrl-C: status $status"; fi
ended "no suite goes on after it"
sed -i 's/tier: none/tier: test/' "$tree/tools/tests/host/long.sh"
# A suite of a shared machine that asks for one of its own, which is seen when suites of the host run.
printf '# SPDX-License-Identifier: MIT OR Apache-2.0\n# machine: shared\n%s\n' \
	'until [ -s "$REPO/build/long" ]; do timeout 0.1 tail -f /dev/null || true; done; guest_tap odd --processors 4 -- true' \
	>"$tree/tools/tests/guest/odd.sh"
cp "$tree/tools/vm/lib/build.sh" "$LOGS/tiers-build.sh"
printf '%s() { echo "$REPO/build"; }\n' toolchain kernel modules guest_image sysroot emulator guest_programs >>"$tree/tools/vm/lib/build.sh"
runs "an error of the runner's own" 1 "error: odd: --processors needs a machine of its own"
ended "no suite goes on after that"
mv "$LOGS/tiers-build.sh" "$tree/tools/vm/lib/build.sh"
rm "$tree/tools/tests/guest/odd.sh" "$tree/tools/tests/host/long.sh"

# Suites that test nothing.
made_up idle ':' none
runs "a suite that tests nothing" 1 "0 passed, 1 failed" --host idle
says "is said to" '^failed in idle: idle: no test ran$'
printf '# SPDX-License-Identifier: MIT OR Apache-2.0\n# tier: none\n:\n' >"$tree/tools/tests/guest/rests.sh"
made_up idle 'pass twelve; . "$here/lib/again.sh"; again "of-another kind" --some-kernel rests' none
runs "a suite that is run again and tests nothing" 1 "1 passed, 1 failed" --host idle
says "is said to, too" '^failed in idle: of-another kind: rests: no test ran$'
rm "$tree/tools/tests/host/idle.sh" "$tree/tools/tests/guest/rests.sh"

# Suites that are run once more, of which one has a command that fails.
printf '# SPDX-License-Identifier: MIT OR Apache-2.0\n# tier: none\nfalse\npass eleven\n' >"$tree/tools/tests/guest/halts.sh"
made_up anew '. "$here/lib/again.sh"; again "of-another kind" --some-kernel halts' none
runs "a suite that is run again and halts" 1 "0 passed, 1 failed" --host anew
says "is said to" '^failed in anew: of-another kind: halts ends early$'
rm "$tree/tools/tests/host/anew.sh" "$tree/tools/tests/guest/halts.sh"

# Pieces of a suite.
made_up rounds '[ $piece = one-two ] || fail nine; pass "piece $piece"' all
sed -i '2a # pieces: one-two three' "$tree/tools/tests/host/rounds.sh"
made_up rounds-after 'pass ten' none
runs "a suite of two pieces, by its name" 1 "2 passed, 1 failed" --host rounds
says "each piece has its line" '^rounds-(one-two|three) +1 ' "$tree/build/tests/summary"
runs "one of its pieces" 0 "1 passed, 0 failed" --host rounds-one-two
runs "a part of names" 1 "3 passed, 1 failed" --host round
rm "$tree"/tools/tests/host/rounds*.sh

# Suites of the guest, with builds that only say that they were done, and with machines that say how they were started.
mv "$tree/tools/tests/host" "$tree/tools/tests/host.before"
mkdir "$tree/tools/tests/host"
cat >>"$tree/tools/vm/lib/build.sh" <<'T'
# Builds take a second, so that what does not wait for them is seen. The first takes until a suite of the host has run that should not wait
# for it, or for a minute.
done_once() {
	(
		flock 9
		[ -e "$REPO/build/done $*" ] || {
			timeout 1 tail -f /dev/null || true
			for _ in $(seq 600); do
				! grep -qsE "^(suite early|built )" "$REPO/build/events" || break
				timeout 0.1 tail -f /dev/null || true
			done
			touch "$REPO/build/done $*"
			echo "built $*" >>"$REPO/build/events"
		}
	) 9>>"$REPO/build/events.lock"
}
toolchain() { :; }
kernel() { done_once kernel "$1"; }
modules() { kernel "$1" && done_once modules "$1${ASAHI_NOVA:+ nova}"; }
guest_image() { done_once guest; }
sysroot() { done_once sysroot; }
emulator() { done_once emulator; }
guest_programs() { mkdir -p "$REPO/build/guest" && printf '%s\n' "$REPO/build/guest"; }
T
cat >"$tree/tools/vm/vm" <<'T'
#!/usr/bin/env bash
build=$(dirname "$(readlink -f "$0")")/../../build
share=
echo "machine: $*" >>"$build/events"
while [ $# != 0 ] && [ "$1" != -- ]; do
	[ "$1" != --share ] || share=$2
	shift
done
[ -n "$ASAHI_BUILT" ] || echo "not ok machines do not build"
for dir in "$share"/.tests/*/; do
	[ -e "$dir/suite" ] || continue
	echo "ok $(cat "$dir/suite")" >"$dir/output"
	echo 0 | tee "$dir/status" >"$dir/seconds"
done
echo "ok $(cat "$build/answer")"
[ ! -e "$build/killed" ] || kill -KILL $PPID
T
# guest_suite NAME HEADER OPTIONS
guest_suite() {
	printf '# SPDX-License-Identifier: MIT OR Apache-2.0\n#\n%s\n' "$2" >"$tree/tools/tests/guest/$1.sh"
	printf 'guest_tap %s %s -- true\n' "$1" "$3" >>"$tree/tools/tests/guest/$1.sh"
}
guest_suite single '' ''
guest_suite shared-a '# machine: shared' --no-emu
guest_suite shared-b '# machine: shared' ''
guest_suite several '' '--processors 4'
guest_suite kcsan '' '--kcsan-kernel --processors 4'
guest_suite lonely '# machine: alone' ''
made_up early 'echo "suite early" >>"$REPO/build/events"; pass early'
made_up late 'echo "suite late" >>"$REPO/build/events"; pass late'
sed -i '1a # after: early' "$tree/tools/tests/host/late.sh"
rm -rf "$tree/build"
mkdir "$tree/build"
echo yes >"$tree/build/answer"
runs "suites of host and guest" 0 "12 passed, 0 failed"
# order NAME PATTERN…: lines that match come in this order.
order() {
	local name=$1 pattern line last=0
	shift
	for pattern in "$@"; do
		line=$(grep -nE -m 1 "$pattern" "$tree/build/events" | cut -d: -f1)
		if [ "${line:-0}" -le "$last" ]; then
			fail "tiers: $name"
			cat "$tree/build/events" >&2
			return
		fi
		last=$line
	done
	pass "tiers: $name"
}
order "suites of the host do not wait for kernels" '^suite early' '^built kernel debug'
order "one comes after another" '^suite early' '^suite late'
order "machines come when all is built that most need" '^built modules debug' '^machine: '
order "that with KCSAN waits for its kernel" '^built modules kcsan' '^machine: .*kcsan'
order "what has to be alone is last" '^machine: .*kcsan' '^machine: .*/lonely'
says "each has its line in the table" '^(builds|single|shared-a|shared-b|several|kcsan|lonely|early|late|shared-gpu|shared-bare) +[1-9]'
guest_suite shared-c '# tier: all
# machine: shared' ''
runs "a suite of a shared machine, by its name" 0 "2 passed, 0 failed" --all --guest shared-c
says "its record is kept" '^passed 1$' "$tree/build/tests-all/records/shared-c"
if [ ! -e "$tree/build/tests-all/records/shared-gpu" ]; then
	pass "tiers: that of its machine is not"
else
	fail "tiers: that of its machine is not"
fi
rm "$tree/tools/tests/guest/shared-c.sh"
runs "all suites of the larger tier" 0 "12 passed, 0 failed" --all
order "for which nova-core's queue is built" '^built modules debug$' '^built modules plain nova$' '^built modules debug nova$'
printf 'single 20\nshared-bare 30\nshared-gpu 10\n' >"$LOGS/tiers-durations-test"
rm "$tree/build/events"
ASAHI_JOBS=1 runs "suites in another order" 0 "12 passed, 0 failed"
order "what took long comes first" '^machine: .*/shared-bare' '^machine: .*/single' '^machine: .*/shared-gpu'
says "it is kept how long they took" '^shared-bare [0-9]+$' "$LOGS/tiers-durations-test"
touch "$tree/build/killed"
runs "suites whose shells are killed count as failures" 1 "4 passed, 8 failed"
rm "$tree/build/killed"
rm -r "$tree/tools/tests/host"
mv "$tree/tools/tests/host.before" "$tree/tools/tests/host"
touch "$tree/tools/tests/guest/good.sh"
runs "names are there once" 1 "error: there are two suites good"
rm "$tree/tools/tests/guest/good.sh"
usage="  NAME     a suite: one of host/*.sh or guest/*.sh, or a piece of one. Otherwise all suites with NAME in their names"
runs "wrong usage" 2 "$usage" --nonsense
runs "words too many" 2 "$usage" --host good more
runs "words too many after a list" 2 "$usage" --list more
runs "a suite that there is not" 2 "error: no suite is called nonesuch" --host nonesuch
touch "$tree/build/tests/of-another"
usual='error: the results are kept as those of the usual chip: no ASAHI_CHIP or ASAHI_FIRMWARE (tools/tests/on-chip runs suites on others)'
ASAHI_CHIP=t6002 runs "results of another chip are not kept" 2 "$usual" --all --host good
ASAHI_FIRMWARE=12.3 runs "nor are those of another firmware" 2 "$usual"
# What another run has held since.
(
	flock 9
	runs "a run beside another" 1 "error: another tests runs in this checkout" --host good
	printf '%s %s\n' "$passed" "$failed" >"$LOGS/tiers-counts"
) 9>>"$tree/build/tests.lock"
read -r passed failed <"$LOGS/tiers-counts"
if [ -e "$tree/build/tests/of-another" ]; then pass "tiers: takes nothing away"; else fail "tiers: takes nothing away"; fi

# Suites on another chip.
kept=$tree/tools/tests/results/chip-suites.txt
# on_chip NAME STATUS LAST-LINE ARGUMENT…
on_chip() {
	local name=$1 want=$2 line=$3 status=0
	shift 3
	"$tree/tools/tests/on-chip" "$@" >"$LOGS/tiers.log" 2>&1 </dev/null || status=$?
	if [ $status = "$want" ] && [ "$(tail -n 1 "$LOGS/tiers.log")" = "$line" ]; then
		pass "tiers: on-chip: $name"
	else
		fail "tiers: on-chip: $name (status $status, want $want)"
		cat "$LOGS/tiers.log" >&2
	fi
}
guest_suite rounds '# pieces: one-two three' ''
echo 'pass "piece $piece on $ASAHI_CHIP"' >>"$tree/tools/tests/guest/rounds.sh"
# As the emulator leaves its log.
echo 'mkdir -p "$LOGS/rounds" && : >"$LOGS/rounds/emulator.log"' >>"$tree/tools/tests/guest/rounds.sh"
guest_suite plain '' ''
chips="there are t8103 t8112 t6000 t6001 t6002 t6020 t6021 t6022"
on_chip "a chip that there is not" 2 "error: no chip is called \"t8130\": $chips" t8130 single
on_chip "a firmware that there is not" 2 'error: no firmware of t6021 is "12.3": there are 13.5' t6021:12.3 single
on_chip "a suite that there is not" 2 "error: no suite of guest/ is called nonesuch" t6021 nonesuch
if [ ! -e "$kept" ]; then pass "tiers: on-chip: nothing is kept of those"; else fail "tiers: on-chip: nothing is kept of those"; fi
export ASAHI_BUILT=1
on_chip "a suite with pieces" 0 "ok: piece three on t6021" t6021 rounds
says "on-chip: a row of one" '^t6021  13.5     rounds-one-two +test +debug +[0-9a-f]{16} +2 +0 ' "$kept"
says "on-chip: and of the other" '^t6021  13.5     rounds-three +test +debug +[0-9a-f]{16} +2 +0 ' "$kept"
on_chip "a suite without an AGX" 0 "plain: no machine of it has an AGX, so it says nothing of t6021" t6021 plain
if grep -q '^t6021  13.5     plain ' "$kept"; then fail "tiers: on-chip: no row of that"; else pass "tiers: on-chip: no row of that"; fi
on_chip "one of them" 0 "ok: piece three on t6021" t6021 rounds-three
printf 'false\npass eleven\n' >>"$tree/tools/tests/guest/plain.sh"
on_chip "a suite that halts" 1 "plain came to no end" t6021 plain
on_chip "the same with another after it" 1 "ok: piece three on t6021" t6021 plain rounds-three
unset ASAHI_BUILT
rm -rf "$tree"
