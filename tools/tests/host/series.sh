# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: test
# shellcheck disable=SC2154
#
# The plan of the series for the kernel's lists: it holds, and what would break it is noticed.
tree=$LOGS/series

# planned NAME [PATTERN]: the plan of the copy holds, or with PATTERN does not, and that is said.
planned() {
	local status=0
	"$tree/tools/tests/series" >"$LOGS/series.log" 2>&1 || status=$?
	if [ $# = 1 ] && [ $status = 0 ]; then
		pass "series: $1"
	elif [ $# = 2 ] && [ $status != 0 ] && grep -qE "$2" "$LOGS/series.log"; then
		pass "series: $1"
	else
		fail "series: $1"
		cat "$LOGS/series.log" >&2
	fi
}

if ! has_repository; then
	skip series "no repository that git reads"
else
	rm -rf "$tree"
	mkdir -p "$tree"
	(
		cd "$REPO" || exit
		git ls-files -z Documentation/series.rst tools/tests/series rust samples | xargs -0 cp --parents -t "$tree"
	)
	page=$tree/Documentation/series.rst
	planned "the plan holds"
	sed -i 's,rust/kasync/list.rs ,,' "$page"
	planned "a file in no patch" 'in no patch: rust/kasync/list.rs$'
	sed -i 's,rust/kasync/lock.rs,rust/kasync/list.rs rust/kasync/lock.rs rust/kasync/set.rs,' "$page"
	planned "a file in two" 'in two patches: rust/kasync/set.rs$'
	sed -i 's, rust/kasync/set.rs$,,; s,rust/kasync/lock.rs rust/kasync/set.rs,rust/kasync/lock.rs,; s,^\( *\)rust/kasync/time.rs,\1rust/kasync/tyme.rs,' "$page"
	planned "a file that is not there" 'rust/kasync/tyme.rs is not there'
	cp "$REPO/Documentation/series.rst" "$page"
	for i in $(seq 400); do echo "// $i"; done >>"$tree/rust/kasync/scope.rs"
	planned "a patch that is too large" '"rust: kasync: scopes" adds [0-9]* lines'
	cp "$REPO/rust/kasync/scope.rs" "$tree/rust/kasync/scope.rs"
	echo 'use crate::time::sleep;' >>"$tree/rust/kasync/budget.rs"
	planned "a file that uses a later one" 'rust/kasync/budget.rs uses rust/kasync/time.rs, which comes later'
	cp "$REPO/rust/kasync/budget.rs" "$tree/rust/kasync/budget.rs"
	cp "$REPO/Documentation/series.rst" "$page"
	echo 'use dma_fence::FenceSet;' >>"$tree/rust/kasync/budget.rs"
	planned "a crate that uses a later one" 'rust/kasync/budget.rs uses rust/dma_fence/lib.rs, which comes later'
	cp "$REPO/rust/kasync/budget.rs" "$tree/rust/kasync/budget.rs"
	sed -i 's/tasks \[joined\]/tasks/' "$page"
	planned "parts of a circle" 'rust/kasync/task/[a-z]*.rs uses rust/kasync/scope[a-z/]*.rs, which comes later'
	cp "$REPO/Documentation/series.rst" "$page"
	printf '#[path = "../vectors.rs"]\nmod vectors;\n' >>"$tree/samples/rust/edu_async/edu_async.rs"
	planned "a later file that is beside the crate" 'edu_async/edu_async.rs uses samples/rust/vectors.rs, which comes later'
	cp "$REPO/samples/rust/edu_async/edu_async.rs" "$tree/samples/rust/edu_async/edu_async.rs"
	sed -i 's/ *\[user\]//' "$page"
	planned "a series without a user" 'series 1 does not end with a user'
	cp "$REPO/Documentation/series.rst" "$page"
	sed -i 's/^   :name: .*//' "$page"
	planned "no plan" 'there is no plan'
fi

# Each step of it builds. This takes a while.
if [ "$TIER" = all ]; then
	if "$here/steps" >"$LOGS/steps.log" 2>&1; then
		pass "series: $(grep -c '^builds: ' "$LOGS/steps.log") steps build"
	else
		fail "series: a step does not build"
		tail -n 40 "$LOGS/steps.log" >&2
	fi
fi
