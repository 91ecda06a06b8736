# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# Lint's checks of what the documentation says: each passes in a copy of the tree, and fails in one with one thing wrong.
tree=$LOGS/documentation

# checked CHECK: runs it in the copy. Its output is in $LOGS/documentation.log.
checked() {
	case $1 in
	names) "$tree/tools/tests/names" "$(kernel_source)" ;;
	*) "$tree/tools/tests/$1" ;;
	esac >"$LOGS/documentation.log" 2>&1
}

# wrong CHECK PATTERN FILE SED NAME: with SED done to FILE the check fails, and says PATTERN.
wrong() {
	cp "$tree/$3" "$tree.before"
	sed -i -E "$4" "$tree/$3"
	if cmp -s "$tree.before" "$tree/$3"; then
		fail "documentation: $5: nothing to change in $3"
	elif checked "$1"; then
		fail "documentation: $5: not noticed by $1"
	elif grep -qE "$2" "$LOGS/documentation.log"; then
		pass "documentation: $5"
	else
		fail "documentation: $5: $1 does not say so"
		cat "$LOGS/documentation.log" >&2
	fi
	cp "$tree.before" "$tree/$3"
}

if ! has_repository; then
	skip documentation "no repository that git reads"
else
	rm -rf "$tree"
	mkdir -p "$tree"
	(
		cd "$REPO" || exit
		git ls-files -z Documentation rust drivers samples tools README.md Makefile Kbuild Kconfig MAINTAINERS | xargs -0 cp --parents -t "$tree"
		git -C "$tree" init -q
		git -C "$tree" add -A
	)
	for check in names figures inferred path modgraph; do
		if checked $check; then
			pass "documentation: $check"
		else
			fail "documentation: $check"
			cat "$LOGS/documentation.log" >&2
		fi
	done
	wrong names 'nothing is called that' Documentation/dma_fence.rst 's/``FenceFuture``/``FenceFutura``/' "a type that is not there"
	wrong names 'has no polled' Documentation/jobqueue.rst 's/``JobQueue::new\(\)``/``JobQueue::polled()``/' "a function that is not there"
	wrong names 'has no arms' Documentation/dma_fence.rst 's/(FenceEmitter::arm)\(/\1s(/' "a function in a diagram"
	wrong names 'no such file' Documentation/firstdriver.rst 's/``samples\/rust\/edu_async``/``samples\/rust\/edu_sync``/' "a file that is not there"
	wrong names 'no string has this' Documentation/firstboot.rst 's/``channel error: /``channel mistake: /' "a line that the driver does not print"
	wrong names 'no such file' README.md 's/\(Documentation\/kasync.rst\)/(Documentation\/kasink.rst)/' "a link that leads nowhere"
	wrong figures 'in the baseline, and not here' Documentation/jobqueue.rst 's/^(one queue, wait for each 64th +)[0-9]+/\11000/' "a figure that was not measured"
	wrong figures 'README.md does not say' README.md 's/[0-9.]+ % of the [0-9]+ that pass/1 % of the 7 that pass/' "a share of piglit's tests"
	wrong figures 'chip-suites.txt: no tree: ' tools/tests/results/chip-suites.txt '5s/ [0-9a-f]{16} / -                /' "a result of no tree"
	wrong inferred 'no page names it' rust/agx_abi/stats.rs '2a// Inferred.' "a rule that is inferred, on no page"
	wrong inferred 'says of nothing' tools/agxemu/firmware/src/halt.rs 's/inferred/known/' "a page with a file that infers nothing"
	wrong path 'has no function' Documentation/path.rst 's/``poll_first``/``poll_second``/' "a function that is not on the path"
	wrong path 'either way: [0-9]+ files, not 100$' Documentation/path.rst '/that run on either way/{n;s/[0-9]+/100/}' "a number of files that is not that of the trace"
	wrong modgraph 'in a circle' rust/jobqueue/capacity.rs '0,/^use /s//use crate::queue::JobQueue;\nuse /' "modules in a circle"
	wrong modgraph 'has other tables' Documentation/modules.rst 's/^   \* - task::claim$/   * - task::claims/' "a module that is not there"
fi
