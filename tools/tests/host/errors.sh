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
		trap - INT TERM HUP
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
# interrupted NAME SCRIPT [SIGNAL [alone]]: the script, which says in the file "at" when it is at it, ends by SIGNAL (INT), with all that it
# has started, and leaves the step's lock. With "alone" no other process of the group has the signal.
interrupted() {
	local pid status=0 late='' left=200 dir=$tree/interrupted signal=${3:-INT} want
	want=$((128 + $(kill -l "$signal")))
	rm -rf "$dir"
	mkdir -p "$dir"
	ASAHI_CACHE=$dir/cache DIR=$dir setsid env --default-signal=INT,TERM,HUP bash -c '
		set -euo pipefail
		. "$1/tools/vm/lib/common.sh"
		long() { logged "a long command" "$DIR/log" "^" 100 bash -c "echo at >\"$DIR/at\"; sleep 100 & sleep 200"; }
		'"$2" bash "$REPO" >"$RIG_LOG" 2>&1 </dev/null &
	pid=$!
	until [ -s "$dir/at" ] || [ $((left -= 1)) = 0 ]; do timeout 0.1 tail --pid=$pid -f /dev/null || true; done
	if [ "${4:-}" = alone ]; then kill -s "$signal" $pid; else kill -s "$signal" -- -$pid; fi || true
	timeout 100 tail --pid=$pid -f /dev/null || {
		late=", late"
		kill -KILL -- -$pid
	}
	wait $pid || status=$?
	[ -z "$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v group=$pid '{ sub(/.*\) /, "") } $1 != "Z" && $3 == group')" ] ||
		late+=", and something is left"
	if [ "$status$late" = $want ] && { [ ! -e "$dir/cache/made-up-1" ] || flock -n "$dir/cache/made-up-1/.lock" true; }; then
		pass "errors: $signal${4:+ $4} during $1"
	else
		fail "errors: $signal${4:+ $4} during $1 (status $status$late)"
		cat "$RIG_LOG" >&2
	fi
}
for signal in INT TERM HUP; do
	interrupted "a step" 'dir=$(step made-up 1 long); echo "not interrupted: $dir"' $signal
	# As a machine is waited for.
	interrupted "a command" 'heeding bash -c "echo at >\"$DIR/at\"; sleep 100 & sleep 200"; echo "not interrupted"' $signal
done
for signal in TERM HUP; do
	interrupted "a command" 'heeding bash -c "echo at >\"$DIR/at\"; sleep 100 & sleep 200"; echo "not interrupted"' $signal alone
	interrupted "what waits" 'long & wait $!; echo "not interrupted"' $signal alone
done
# The second says that both are at it.
interrupted "two steps at a time" '
	mkfifo "$DIR/first"
	first() { logged "a long command" "$DIR/log" "^" 100 bash -c "echo >\"$DIR/first\"; sleep 100 & sleep 200"; }
	(step made-up 1 first) >/dev/null &
	# The interrupt is for both.
	other() { logged "another long command" "$DIR/log2" "^" 100 bash -c "read -r <\"$DIR/first\"; echo at >\"$DIR/at\"; sleep 300"; }
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

# What the scripts take from where they are called.
# sourced NAME STATUS PATTERN SCRIPT [VARIABLE=VALUE…]: a script of bash, with $LIB to source from.
sourced() {
	local name=$1 want=$2 pattern=$3 script=$4 status=0
	shift 4
	env LIB="$REPO/tools/vm/lib" "$@" bash -c "$script" >"$RIG_LOG" 2>&1 </dev/null || status=$?
	if [ $status = "$want" ] && grep -qE "$pattern" "$RIG_LOG"; then
		pass "errors: $name"
	else
		fail "errors: $name (status $status, want $want)"
		cat "$RIG_LOG" >&2
	fi
}
# shellcheck disable=SC2016
{
	sourced "a language with commas in figures" 0 '^C.UTF-8, none$' '. "$LIB/common.sh"; echo "$LC_ALL, ${LANGUAGE-none}"' \
		LC_ALL=de_DE.UTF-8 LANGUAGE=de
	for name in 'a b' 'a%b' 'a:b' 'a,b' "a'b"; do
		rm -rf "$tree/paths"
		mkdir -p "$tree/paths/$name/tools/vm"
		cp -r "$REPO/tools/vm/lib" "$tree/paths/$name/tools/vm/"
		sourced "a checkout called $name" 1 "^error: the checkout: \".*/$name\" has a character" '. "$LIB/common.sh"' "LIB=$tree/paths/$name/tools/vm/lib"
		sourced "a cache called $name" 1 "^error: the cache \(ASAHI_CACHE\): \".*/$name\" has a character" '. "$LIB/common.sh"' "ASAHI_CACHE=/tmp/$name"
	done
	sourced "a cache that is somewhere else from each directory" 1 '"cache/of" is not an absolute path$' '. "$LIB/common.sh"' ASAHI_CACHE=cache/of
	sourced "no home" 1 '^error: neither HOME nor ASAHI_CACHE ' 'unset HOME XDG_CACHE_HOME ASAHI_CACHE; . "$LIB/common.sh"'
	sourced "no home, but a cache" 0 "^$tree/of\$" 'unset HOME XDG_CACHE_HOME; . "$LIB/common.sh"; echo "$CACHE"' ASAHI_CACHE="$tree/of"
	mkdir -p "$tree/paths/real"
	ln -s real "$tree/paths/link"
	sourced "a cache by a link" 0 "^$tree/paths/real/of\$" '. "$LIB/common.sh"; echo "$CACHE"' ASAHI_CACHE="$tree/paths/link/of"
	rm -rf "$tree/paths"
	sourced "proxies, and what goes without" 0 '^8$' '
		. "$LIB/all.sh"
		in_root "$(toolchain)" env | grep -cE "^(HTTP|HTTPS|ALL|NO|http|https|all|no)_(PROXY|proxy)=made up$"' \
		{HTTP,HTTPS,ALL,NO}_PROXY="made up" {http,https,all,no}_proxy="made up"
}

# What apt is told, from what this machine's apt has.
apt_config() {
	in_made_up
	apt-config() {
		case $1-${3:-} in
		dump-*) printf '%s\n' 'Acquire::http::Proxy-Auto-Detect "/usr/bin/of-this-machine";' 'Acquire::Retries "3";' 'Acquire::http::Pipeline-Depth "0";' ;;
		shell-Acquire::http::Proxy-Auto-Detect) echo "program='$tree/finds'" ;;
		esac
	}
	apt_options
}
printf '#!/bin/sh\necho "%s"\n' 'http://proxy.invalid:3128/' >"$tree/finds"
chmod +x "$tree/finds"
ASAHI_MIRROR=http://mirror.invalid/debian/ ends "a program that finds proxies" 0 '^--aptopt=Acquire::http::Proxy "http://proxy.invalid:3128/"$' apt_config
true_that "it is not named where it is not" eval '! grep -q of-this-machine "$RIG_LOG"'
true_that "all else is" [ "$(grep -c '^--aptopt=Acquire::[^ ]* "[03]"$' "$RIG_LOG")" = 2 ]
true_that "lists have to be new" eval '! grep -q Check-Valid-Until "$RIG_LOG"'
ASAHI_MIRROR=http://mirror.invalid/archive/debian/20260301T000000Z ends "an archive of earlier states" 0 '^--aptopt=Acquire::Check-Valid-Until "false"$' apt_config

# Packages that the mirror does not have any more.
gone_packages() {
	in_made_up
	bootstrap() { echo "${LAST_WORDS:-}"; return 1; }
	mkdir -p "$tree/gone"
	build_toolchain "$tree/gone"
}
LAST_WORDS='E: Unable to locate package linux-source-7.3' ends "a kernel that backports have no more" 1 '^error: the mirror does not have .*linux-source-7.3 any more. Set ASAHI_MIRROR to ' gone_packages
LAST_WORDS='E: Failed to fetch' ends "a fetch that fails later" 1 '^error: toolchain failed' gone_packages
true_that "is no such thing" eval '! grep -q "any more" "$RIG_LOG"'
rm -rf "$tree/gone"

# The newest Mesa: what apt says, and does not.
# shellcheck source=tools/vm/lib/next.sh
. "$REPO/tools/vm/lib/next.sh"
unstable() {
	in_made_up
	mirror() { echo http://mirror.invalid/debian; }
	apt_options() { :; }
	apt-get() {
		! flock -n "$CACHE/next-apt/lock" true || echo "not locked"
		echo "$LAST_WORDS"
		[ "$LAST_WORDS" = fetched ]
	}
	apt-cache() { printf 'Package: mesa-vulkan-drivers\nVersion: 99.1-1\n'; }
	next_version
}
LAST_WORDS=fetched ends "the version of Mesa in unstable" 0 '^99.1-1$' unstable
true_that "nobody else fetches at the time" eval '! grep -q "not locked" "$tree/cache/next-apt/log"'
LAST_WORDS="E: The repository 'http://mirror.invalid/debian unstable Release' does not have a Release file." ends "a mirror without unstable" 2 '' unstable
LAST_WORDS="E: Failed to fetch http://mirror.invalid/debian/dists/unstable/InRelease  Connection reset" ends "lists that were cut off" 1 '' unstable

# A machine without git, and a tree that is no repository, or not one that git reads.
without_git() {
	CACHE=$tree/cache
	command() { [ "$*" != "-v git" ] && builtin command "$@"; }
	apt-get() { [ "$1" != install ] || printf '%s\n' "$@" >"$tree/installed"; }
	host_packages
}
ends "a machine without git" 0 '^installing git$' without_git
true_that "it is installed" grep -qx git "$tree/installed"
# As a tarball has it, in a directory of this repository's that it ignores.
mkdir -p "$tree/tarball"
echo one >"$tree/tarball/file"
tree_keys() {
	REPO=$tree/tarball
	tree_key
	echo two >"$REPO/file"
	tree_key
}
ends "trees without a repository" 0 '' tree_keys
true_that "they are told apart" [ "$(sort -u "$RIG_LOG" | grep -c '^[0-9a-f]*$')" = 2 ]
for suite in documentation series; do
	of_tarball() {
		REPO=$tree/tarball TIER="test" passed=0 failed=0 skipped=0 reasons=''
		# shellcheck disable=SC1090
		. "$here/host/$suite.sh"
		echo "$passed $failed $skipped"
	}
	ends "$suite of a tree without a repository" 0 '^0 0 1$' of_tarball
done

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
