# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2030,SC2031,SC2034,SC2317,SC2329
#
# What scripts of the rig do when a command within them fails, or when they are interrupted. Nothing is built, and no machine starts:
# functions that would are made up.
tree=$LOGS/errors
rm -rf "$tree"
mkdir -p "$tree"

# true_that NAME COMMAND…
true_that() {
	local name=$1
	shift
	if "$@"; then pass "errors: $name"; else fail "errors: $name"; fi
}

# ends NAME STATUS PATTERN FUNCTION: the function, which runs as scripts run theirs, with "set -e", ends with STATUS and prints PATTERN.
ends() {
	local status=0
	(
		trap - INT
		"$4"
	) >"$RIG_LOG" 2>&1 </dev/null &
	wait $! || status=$?
	if [ $status = "$2" ] && { [ -z "$3" ] || grep -qE "$3" "$RIG_LOG"; }; then
		pass "errors: $1"
	else
		fail "errors: $1 (status $status, want $2)"
		tail -n 20 "$RIG_LOG" >&2
	fi
}

# A checkout whose emulator does not build, and whose directory of cargo's has a program, of this checkout or another.
in_made_up() {
	REPO=$tree/checkout TARGET=$tree/target VENDOR=$tree/checkout/build/vendor CACHE=$tree/cache
	mkdir -p "$REPO"/{build,rust,tools/agxemu} "$TARGET"
	toolchain() { echo "$tree/no-root"; }
	host_packages() { :; }
}
# build COMMAND…: as scripts use what builds something.
build() {
	local built
	built=$("$@")
	echo "built: $built"
}
built_emulator() {
	in_made_up
	for level in '' -v3; do
		mkdir -p "$TARGET/agxemu$level/release"
		echo old | tee "$TARGET/agxemu$level/release"/{agxemu,gspemu} >"$TARGET/agxemu$level/release/mandelbrot-check"
	done
}
failing_cargo() {
	built_emulator
	in_root() { [ "$*" = "${*/cargo build/}" ] || return 101; }
	build emulator
}
failing_metadata() {
	built_emulator
	in_root() { [ "$*" = "${*/cargo metadata/}" ] || return 101; }
	build emulator
}
no_workspace() {
	built_emulator
	rm -r "$REPO/tools/agxemu"
	in_root() { [ "$*" != "${*/cargo build/}" ] || echo '"name":"made-up","version"'; }
	build emulator
}
no_room() {
	built_emulator
	in_root() { [ "$*" != "${*/cargo build/}" ] || echo '"name":"made-up","version"'; }
	cp() { return 1; }
	build emulator
}
old_taken() { grep -qs old "$tree"/checkout/build/{agxemu,gspemu,mandelbrot-check}; }
for case in failing_cargo failing_metadata no_workspace no_room; do
	rm -rf "$tree"/{checkout,target}
	ends "an emulator that does not build: ${case//_/ }" 1 '^error: the emulator does not build$' $case
	case=$(old_taken && echo taken || echo not)
	true_that "an old program is not taken for it" [ "$case" = not ]
done
rm -rf "$tree"/{checkout,target}

# Crates that are not all there.
some_crates() {
	in_made_up
	echo made up >"$REPO/rust/Cargo.lock"
	make_crates() {
		mkdir -p "$1/first"
		[ -e "$tree/room" ] && mkdir "$1/second"
	}
	vendored_by make_crates
}
rm -f "$tree/room"
ends "crates for which there is no room" 1 '' some_crates
ends "such crates, the second time" 1 '' some_crates
touch "$tree/room"
ends "such crates, when there is room" 0 '' some_crates
true_that "they are all there" [ -e "$tree/checkout/build/vendor/second" ]
no_lock() {
	in_made_up
	rm -f "$REPO/rust/Cargo.lock"
	make_crates() { mkdir -p "$1"; }
	vendored_by make_crates
}
rm -rf "$tree/checkout"
ends "crates of nothing" 1 '' no_lock
broken_copy() {
	in_made_up
	echo made up >"$REPO/rust/Cargo.lock"
	kernel() { echo "$tree/kernel"; }
	in_root() { :; }
	vendor_crates() { return 1; }
	build modules plain
}
rm -rf "$tree/checkout"
ends "modules without crates" 1 '' broken_copy
true_that "they are not built" eval '! grep -q "built:" "$RIG_LOG"'
no_key() {
	in_made_up
	did() { :; }
	step made-up '' did
}
ends "a step without a key" 1 '^error: .*made-up' no_key
true_that "it has no directory" [ ! -e "$tree/cache/made-up-" ]

# What steps do, in which "set -e" does not hold either.
half_root() {
	in_made_up
	INIT=$tree/no-init
	make_image() { : >"$1"; }
	half() { mkdir -p "$1/root/usr/bin" && finish_guest_root "$1"; }
	step half-root 1 half
}
ends "a guest's root without what it begins with" 1 'no-init' half_root
half_config() {
	in_made_up
	FLAVOUR=plain SOURCE_DIR=$tree ROOT_DIR=$tree
	kernel_make() { [[ $* != *allnoconfig* ]]; }
	check_config() { :; }
	in_root() { :; }
	step half-kernel 1 build_kernel
}
ends "a kernel whose configuration does not begin" 1 'kernel configuration failed' half_config

# A step that Ctrl-C interrupts, as a terminal sends it: to all of a group, in which what runs in the background does not hear it.
# interrupted NAME SCRIPT: the script, which says in the file "at" when it is at it, ends with status 130, with all that it has
# started, and leaves the step's lock.
interrupted() {
	local pid status=0 late='' left=200 dir=$tree/interrupted
	rm -rf "$dir"
	mkdir -p "$dir"
	ASAHI_CACHE=$dir/cache DIR=$dir setsid env --default-signal=INT bash -c '
		set -euo pipefail
		. "$1/tools/vm/lib/common.sh"
		long() { logged "a long command" "$DIR/log" "^" 100 bash -c "echo at >\"$DIR/at\"; sleep 100 & sleep 200"; }
		'"$2" bash "$REPO" >"$RIG_LOG" 2>&1 </dev/null &
	pid=$!
	until [ -s "$dir/at" ] || [ $((left -= 1)) = 0 ]; do timeout 0.1 tail --pid=$pid -f /dev/null || true; done
	kill -INT -- -$pid
	timeout 100 tail --pid=$pid -f /dev/null || {
		late=", late"
		kill -KILL -- -$pid
	}
	wait $pid || status=$?
	[ -z "$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v group=$pid '{ sub(/.*\) /, "") } $1 != "Z" && $3 == group')" ] ||
		late+=", and something is left"
	if [ "$status$late" = 130 ] && { [ ! -e "$dir/cache/made-up-1" ] || flock -n "$dir/cache/made-up-1/.lock" true; }; then
		pass "errors: Ctrl-C during $1"
	else
		fail "errors: Ctrl-C during $1 (status $status$late)"
		cat "$RIG_LOG" >&2
	fi
}
interrupted "a step" 'dir=$(step made-up 1 long); echo "not interrupted: $dir"'
interrupted "two steps at a time" '
	(step made-up 1 long) >/dev/null &
	# The interrupt is for both.
	other() { logged "another long command" "$DIR/log" "^" 100 sleep 300; }
	step made-up 2 other
	wait'
# As modules are built: in a shell of its own, in the foreground.
interrupted "a build" '
	built() {
		(
			flock 9
			bash -c "echo at >\"$DIR/at\"; exec sleep 200" || exit 1
		) 9>"$DIR/lock" || return 1
		echo built
	}
	dir=$(built)
	echo "not interrupted: $dir"'
interrupted "a step that hears nothing else" '
	deaf() { logged "a deaf command" "$DIR/log" "^" 100 bash -c "trap \"\" TERM INT; echo at >\"$DIR/at\"; while :; do sleep 1; done"; }
	dir=$(step made-up 1 deaf); echo "not interrupted: $dir"'
interrupted "a script that another has started" '
	printf "%s\n" "set -euo pipefail" ". \"$1/tools/vm/lib/common.sh\"" "$(declare -f long)" "dir=\$(step made-up 1 long)" >"$DIR/inner"
	bash "$DIR/inner" || echo "not interrupted: $?"'

# In a directory that the root does not have.
elsewhere() {
	cd "$outside" || exit
	in_root "$(toolchain)" true
	echo "ends well"
}
outside=$(mktemp -d)
ends "a command of the toolchain's from elsewhere" 0 '^ends well$' elsewhere
rm -rf "$outside"
here_too() {
	cd "$tree" || exit
	in_root "$(toolchain)" pwd
}
ends "one from here" 0 "^$tree\$" here_too
rm -rf "$tree"
