# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# The runner itself, in a copy with suites that are made up: tiers, counts, suites that die, and a run that was cut off.
tree=$LOGS/tiers
mkdir -p "$tree"/tools/tests/{host,guest}
cp -r "$here/run" "$here/lib" "$tree/tools/tests/"
cp -r "$here/../vm" "$tree/tools/"
echo /build/ >"$tree/.gitignore"
! command -v git >/dev/null || git -C "$tree" init -q

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
made_up bad 'fail three' all
made_up dies '[ -e "$REPO/build/mended" ]; pass four' all
made_up never 'fail five' none
runs "the other tier is left out" 0 "1 passed, 0 failed, 1 skipped"
runs "failures count, and suites that die" 1 "1 passed, 2 failed, 1 skipped" --all
says "the table has the one that died" '^dies .* did not end$' "$tree/build/tests-all/summary"
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
runs "wrong usage" 2 "  NAME     a part of a suite's name: of one of host/*.sh or guest/*.sh" --nonsense
rm -rf "$tree"
