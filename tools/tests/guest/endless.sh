# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: 1 2 3 4 whole
#
# 50 of 200 rounds: a shader without an end, a good job of the same client, and one of another client. Each piece is a machine and a
# record of its own; the piece "whole" has all 200 in one life of the device. The plain kernel, as most of the time is the emulator's.
# Each stop has its line in the log, and a second one at most, or is counted there if stops come too fast; what the clients have, tasks
# and the kernel's memory are after all rounds what they were after the first five.
# shellcheck disable=SC2154
rounds=50 timeout=1200
[ "$piece" != whole ] || rounds=200 timeout=4800
guest_tap "endless-$piece" --plain-kernel --timeout $timeout --share "$programs" --emu "--budget 300000" -- bash -c '
	ok() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
	# What of the kernel is left when clients have gone.
	slab() { echo 3 >/proc/sys/vm/drop_caches; sed -nE "s/^Slab: +([0-9]+) kB/\1/p" /proc/meminfo; }
	tasks() { wc -l </sys/kernel/debug/kasync/tasks; }
	/mnt/share/shader-faults "$ASAHI_GPU" 5 >/tmp/first || echo not ok the first rounds
	slab_before=$(slab) tasks_before=$(tasks)
	dmesg -C
	# So many lines are more than the kernel keeps.
	dmesg --follow >/tmp/log &
	/mnt/share/shader-faults "$ASAHI_GPU" "$1"
	slab_after=$(slab) tasks_after=$(tasks)
	# What is left of the number of lines that were left out comes with the end.
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi
	echo "that was all" >/dev/kmsg
	until grep -q "that was all" /tmp/log; do sleep 0.1; done
	stops=$(grep -c "asahi .*gpu: GPU stopped: Timeout" /tmp/log) lines=$(grep -c "asahi .*gpu: " /tmp/log)
	left_out=$(sed -nE "s/.*gpu: ([0-9]+) failures of jobs were not logged$/\1/p" /tmp/log | awk "{ n += \$1 } END { print n + 0 }")
	echo "# $stops stops, and $left_out, $lines lines in the log; slab $slab_before KiB, then $slab_after; tasks $tasks_before, then $tasks_after"
	ok "each stop is in the log, or counted there" test $((stops + left_out)) = "$1"
	ok "lines for each stop are few" test "$lines" -le $((2 * $1))
	ok "tasks are as many as before" test "$tasks_after" -le "$tasks_before"
	# A round may not leave as much as 16 KiB.
	ok "the slab does not grow" test $((slab_after - slab_before)) -lt $((16 * $1))' bash "$rounds"
