# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Shared by all parts of the rig: where things are, what is printed, and steps that are done once.

set -euo pipefail
# Functions are called for what they print: what fails in there has to end them, too.
shopt -s inherit_errexit
# Figures have a decimal point, and what programs say is read as they say it in English.
export LC_ALL=C.UTF-8
unset LANGUAGE

say() {
	printf '%s\n' "$*" >&2
}

die() {
	say "error: $*"
	exit 1
}

# whole_number OPTION VALUE
whole_number() {
	[[ $2 =~ ^[1-9][0-9]{0,8}$ ]] || die "$1: \"$2\" is not a whole number from 1 on"
}

# plain_path WHAT PATH: make and cargo, overlays of file systems and QEMU's options take such paths as they are, and no others.
plain_path() {
	[[ $2 = /* ]] || die "$1: \"$2\" is not an absolute path"
	[[ $2 != *[^[:alnum:]/._@+~-]* ]] ||
		die "$1: \"$2\" has a character that make, overlays or QEMU read otherwise: there may be letters, digits and . _ - + @ ~"
}

# Paths without links, as in the root of a tool each is mounted where it really is.
REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd -P)
plain_path "the checkout" "$REPO"
[ -n "${ASAHI_CACHE:-}${XDG_CACHE_HOME:-}${HOME:-}" ] || die "neither HOME nor ASAHI_CACHE says where the cache is"
CACHE=${ASAHI_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/asahi-async}
plain_path "the cache (ASAHI_CACHE)" "$CACHE"
CACHE=$(realpath -m "$CACHE")
plain_path "the cache (ASAHI_CACHE)" "$CACHE"
JOBS=${ASAHI_JOBS:-$(nproc)}
whole_number ASAHI_JOBS "$JOBS"
# Where cargo builds. All checkouts share it; ASAHI_TARGET=NAME gives one a directory of its own, so that two can build at a time.
TARGET=$CACHE/target${ASAHI_TARGET:+-$ASAHI_TARGET}

# Whether the checkout is a git repository, and git may read it.
has_repository() {
	[ "$(git -C "$REPO" rev-parse --show-toplevel 2>/dev/null)" = "$REPO" ]
}

# hash FILE-OR-TEXT…: one short hash of files' contents and of words.
hash_of() {
	local input
	for input in "$@"; do
		if [ -f "$input" ]; then
			cat "$input"
		else
			printf '%s\0' "$input"
		fi
	done | sha256sum | cut -c1-16
}

# await SECONDS PID: waits for a process to end. False if it goes on. Not in the foreground, where a shell hears no signal.
await() {
	timeout "$1" tail --pid="$2" -f /dev/null &
	wait $!
}

# Sets STARTED to the processes that this one has started, and that these have, and so on.
find_started() {
	local stat line pid state above ours=$BASHPID
	local -A parent=()
	STARTED=()
	for stat in /proc/[0-9]*/stat; do
		read -r line 2>/dev/null <"$stat" || continue
		# The name, which may have anything in it, is in parentheses. A zombie has ended.
		read -r state above _ <<<"${line##*) }"
		[ "$state" = Z ] || parent[${line%% *}]=$above
	done
	for pid in "${!parent[@]}"; do
		above=${parent[$pid]}
		while [ "$above" != $ours ] && [ -n "${parent[$above]:-}" ]; do above=${parent[$above]}; done
		[ "$above" != $ours ] || STARTED+=("$pid")
	done
}

# is_running PID: whether the process has not ended. A zombie has.
is_running() {
	local line
	read -r line 2>/dev/null <"/proc/$1/stat" && [[ ${line##*) } != Z* ]]
}

# Stops all processes that this one has started, and notes them in "seen" of end_started.
stop_started() {
	local pid new=1
	local -A halted=()
	while [ -n "$new" ]; do
		new=
		find_started
		for pid in "${STARTED[@]}"; do
			if [ -z "${halted[$pid]:-}" ] && kill -STOP "$pid" 2>/dev/null; then halted[$pid]=1 seen[$pid]=1 new=1; fi
		done
	done
}

# Ends all processes that this one has started, however far down. They are stopped first, so that none starts another that nobody
# knows of. The first signal may be lost on one that does not run its own program yet. What they start to tidy up with has time, too.
end_started() {
	local pid until=$((SECONDS + 15)) alive
	local -A seen=()
	stop_started
	while
		if [ $SECONDS -lt $until ]; then
			kill -TERM "${!seen[@]}" 2>/dev/null || true
			kill -CONT "${!seen[@]}" 2>/dev/null || true
		else
			stop_started
			kill -KILL "${!seen[@]}" 2>/dev/null || true
		fi
		find_started
		alive=("${STARTED[@]}")
		for pid in "${!seen[@]}"; do
			if is_running "$pid"; then alive+=("$pid"); else unset "seen[$pid]"; fi
		done
		[ ${#alive[@]} != 0 ]
	do
		timeout 0.1 tail --pid="${alive[0]}" -f /dev/null || true
	done
	wait 2>/dev/null || true
}

# Ctrl-C ends this script and all that it has started: what runs in the background does not hear it by itself. So does what ends it
# from outside, or with its terminal. A script that has to end in another way sets traps of its own.
interrupted() {
	# Not ignored: so would what is started from here on, as "timeout" is.
	trap : INT TERM HUP
	INTERRUPTED=$1
	end_started
	end_interrupted
}

# Ends this shell by the signal itself: another shell that waits for it does not act upon a signal that this one seems to have dealt with.
end_interrupted() {
	trap - "$INTERRUPTED"
	kill -s "$INTERRUPTED" $BASHPID
	exit $((128 + $(kill -l "$INTERRUPTED")))
}

# Sets the traps: a shell in the background, or for what a command prints, does not have those of the script.
heed_signals() {
	local signal
	for signal in INT TERM HUP; do
		# shellcheck disable=SC2064
		trap "interrupted $signal" $signal
	done
}
heed_signals

# heeding COMMAND…: runs a command so that a signal to this script alone ends it: a shell hears none while it waits in the foreground.
heeding() {
	"$@" <&0 &
	wait $!
}

clock() {
	printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60))
}

# Counts lines of a log that match a pattern, while a command fills it, and shows how far that is.
watch_log() {
	local name=$1 log=$2 pattern=$3 total=$4 pid=$5 count last=-1 shown=0
	SECONDS=0
	while kill -0 "$pid" 2>/dev/null; do
		count=$(grep -cE "$pattern" "$log" 2>/dev/null || true)
		[ "${count:-0}" -le "$total" ] || count=$total
		count=$((${count:-0} * 100 / total))
		if [ "$last" = -1 ] || [ $((count - last)) -ge 5 ] || [ $((SECONDS - shown)) -ge 20 ]; then
			say "  $name: about $count %, $(clock)"
			last=$count shown=$SECONDS
		fi
		# Ends early with the command: there is no event for a line in a file.
		await 5 "$pid" || true
	done
}

# alone NAME: holds what goes by that name in this checkout until this script and all that it has started have ended. Its directory in
# build/ is begun anew, which would take the files of another one away.
alone() {
	local held
	mkdir -p "$REPO/build"
	exec {held}>>"$REPO/build/$1.lock"
	flock -n "$held" || die "another $1 runs in this checkout"
}

# logged NAME LOG PATTERN TOTAL COMMAND…: runs a long command with its output in a log.
logged() {
	local name=$1 log=$2 pattern=$3 total=$4 pid
	shift 4
	mkdir -p "$(dirname "$log")"
	# In a shell of step's.
	heed_signals
	"$@" >>"$log" 2>&1 </dev/null &
	pid=$!
	watch_log "$name" "$log" "$pattern" "$total" "$pid"
	if ! wait "$pid"; then
		say "error: $name failed. The end of its log, $log:"
		tail -n 15 "$log" >&2
		exit 1
	fi
}

# step NAME KEY FUNCTION: does FUNCTION DIR once for each KEY, and prints DIR. What a step that was cut
# off had done by then is still there when it is done again. FUNCTION has to return what has failed: "set -e" does not
# hold in it.
step() {
	local name=$1 dir=$CACHE/$1-$2
	# That of a file that is not there.
	[ -n "$2" ] || die "nothing says what $name is made of"
	mkdir -p "$dir"
	if [ ! -e "$dir/.done" ]; then
		(
			flock -n 9 || {
				say "$name: another process is at it, waiting"
				flock 9
			}
			[ ! -e "$dir/.done" ] || exit 0
			say "$name: $dir"
			"$3" "$dir" || exit 1
			touch "$dir/.done"
		) 9>"$dir/.lock" >&2 || exit 1
	fi
	printf '%s\n' "$dir"
}

# in_root ROOT COMMAND…: runs a command in the toolchain root, in the current directory, or in / if the root does not have that.
# Repository and cache are where they are outside.
in_root() {
	(exec_in_root "$@")
}

# exec_in_root ROOT COMMAND…: the same in place of this shell, so that who starts it in the background has
# the command's own process. $ASAHI_MOUNT has lines, each a directory or file more that is where it is outside.
exec_in_root() {
	local root=$1
	shift
	local mounts=("$REPO" "$CACHE" /dev /sys)
	[ ! -d /etc/ssl/certs ] || mounts+=(/etc/ssl/certs)
	[ ! -d /usr/share/ca-certificates ] || mounts+=(/usr/share/ca-certificates)
	[ -z "${ASAHI_MOUNT:-}" ] || mounts+=("$ASAHI_MOUNT")
	local name proxies=
	for name in {http,https,ftp,all,no}_proxy; do
		[ -z "${!name:-}" ] || proxies+="$name=${!name}"$'\n'
		name=${name^^}
		[ -z "${!name:-}" ] || proxies+="$name=${!name}"$'\n'
	done
	export ROOT=$root MOUNTS PROXIES=$proxies
	MOUNTS=$(printf '%s\n' "${mounts[@]}")
	exec unshare --mount --propagation private bash -c '
		set -e
		while read -r path; do
			if [ -d "$path" ]; then
				mkdir -p "$ROOT$path"
			else
				mkdir -p "$ROOT${path%/*}"
				[ -e "$ROOT$path" ] || : >"$ROOT$path"
			fi
			mount --rbind "$path" "$ROOT$path"
		done <<<"$MOUNTS"
		mapfile -t proxies < <(printf %s "$PROXIES")
		mount -t proc proc "$ROOT/proc"
		cp -L /etc/resolv.conf "$ROOT/etc/resolv.conf" 2>/dev/null || true
		[ -d "$ROOT$PWD" ] || cd /
		exec chroot "$ROOT" /usr/bin/env -i -C "$PWD" \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM="${TERM:-dumb}" \
			CARGO_HOME="$ASAHI_CARGO_HOME" CARGO_TERM_COLOR=never \
			"${proxies[@]}" "$@"' bash "$@"
}
export ASAHI_CARGO_HOME=$CACHE/cargo
