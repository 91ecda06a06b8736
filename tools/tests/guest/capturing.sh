# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Captures of memory: where they may go, what is said if they cannot, that they are of one moment, and that jobs do not suffer. What is in
# them is for the suite captures.
# shellcheck disable=SC2154

# refused NAME PATTERN DIR [ARGUMENT…]: "vm exec --capture DIR" has to end at once, with what "mount ARGUMENT…" mounts.
refused() {
	local name=$1 pattern=$2 dir=$3 status=0
	shift 3
	# shellcheck disable=SC2016
	unshare --mount --propagation private bash -c '
		vm=$1 dir=$2
		shift 2
		[ $# = 0 ] || mount "$@" || exit 99
		exec "$vm" exec --capture "$dir" -- true' bash "$here/../vm/vm" "$dir" "$@" >"$RIG_LOG" 2>&1 </dev/null || status=$?
	judge "captures: $name" $status 122 "$pattern"
}

directories() {
	local dir=$LOGS/capturing.d
	mkdir -p "$dir/read only"
	: >"$dir/file"
	refused "a file is no directory" "^error: --capture: .*file.: (File exists|Not a directory)" "$dir/file"
	refused "nor is there one below it" "^error: --capture: .*Not a directory" "$dir/file/below"
	refused "a file system that is read only" "^error: --capture: .*Read-only file system" "$dir/read only" \
		-t tmpfs -o ro tmpfs "$dir/read only"
	refused "not even a directory can be made" "^error: --capture: .*Read-only file system" "$dir/read only/below" \
		-t tmpfs -o ro tmpfs "$dir/read only"
	refused "the system's own" "^error: --capture: /usr is the system's own" /usr
	refused "a name of two lines" "^error: --capture: a directory with a line break" "$dir/two"$'\n'"lines"
	rm -rf "$dir"
}

# A disk that is full: the command goes on, the captures are not complete, and whole ones only are there.
full_disk() {
	local status=0 dir=$LOGS/capturing.full
	mkdir -p "$dir"
	# shellcheck disable=SC2016
	unshare --mount --propagation private bash -c '
		mount -t tmpfs -o size=10m tmpfs "$2" || exit 99
		status=0
		"$1" exec --share "$3" --capture "$2" -- /mnt/share/restless || status=$?
		for capture in "$2"/*/; do [ -e "$capture/meta.json" ] || echo "not whole: $capture"; done
		exit $status' bash "$here/../vm/vm" "$dir" "$programs" >"$RIG_LOG" 2>&1 </dev/null || status=$?
	judge "captures: a full disk" $status 127 "^agxemu: the captures are not complete: No space left"
	judge "captures: the command does not notice" 0 0 "^ok 1 - jobs beside"
	if grep -q "^not whole" "$RIG_LOG"; then fail "captures: whole ones only"; else pass "captures: whole ones only"; fi
	rm -rf "$dir"
}

# The main job, again and again, and memory that does not stand still; into a directory with spaces, named from here.
main_job() {
	local dir="$LOGS/capturing  with spaces" root status=0 start=$SECONDS figures
	root=$(toolchain)
	rm -rf "$dir"
	cd "$LOGS" || return
	guest_tap capturing-job --plain-kernel --timeout 1200 --share "$programs" --capture "capturing  with spaces" -- bash -c '
		check() { if "${@:2}" >/tmp/out 2>&1; then echo "ok $1"; else echo "not ok $1"; sed "s/^/# /" /tmp/out; fi; }
		for i in 1 2 3; do
			check "jobs, round $i" /mnt/share/dispatch "$ASAHI_GPU" 100
			check "a picture, round $i" /mnt/share/mandelbrot "$ASAHI_GPU" 1024 256 /tmp/picture
		done
		/mnt/share/restless
		quiet() { ! dmesg | grep -E "in flight|does not answer|gives? up|unusable"; }
		check "the driver has nothing to complain of" quiet
		if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
	figures=$(sed -nE 's/.*("captures": .*)\}/\1/p' capturing-job/stats.json)
	say "captures: $figures"
	in_root "$root" python3 "$here/capturing/walk" "$dir" >"$LOGS/capturing-walk.log" 2>&1 || status=$?
	judge_tap capturing-walk $status $((SECONDS - start))
	RIG_LOG=$LOGS/capturing-walk.log
	# While nobody writes, all is there.
	judge "captures: some have every page" 0 0 '^# [1-9][0-9]* captures have all pages'
	# The last entry of each table is changed: that is noticed.
	local captures table
	captures=("$dir"/*/)
	for table in "${captures[-1]}"tables/*.bin; do
		# Not in the file that other captures share.
		cp "$table" "$table.new"
		mv "$table.new" "$table"
		printf '\x03' | dd of="$table" bs=1 seek=16376 conv=notrunc status=none
	done
	status=0
	in_root "$root" python3 "$here/capturing/walk" "$dir" >"$RIG_LOG.changed" 2>&1 || status=$?
	RIG_LOG=$RIG_LOG.changed
	judge "captures: another table is noticed" $status 1 '^not ok '
	[ "$failed" != 0 ] || rm -rf "$dir"
}

directories
if [ "$TIER" != test ]; then
	full_disk
	main_job
fi
