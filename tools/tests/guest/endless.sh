# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: 1 2 3 4
#
# 50 of 200 rounds: a shader without an end, a good job of the same client, and one of another client. Each piece is a machine and a
# record of its own. The plain kernel, as most of the time is the emulator's. Each stop has its line in the log, and a second one at
# most; what the clients have, tasks and the kernel's memory are after all rounds what they were after the first five.
# shellcheck disable=SC2154
guest_tap "endless-$piece" --plain-kernel --timeout 1200 --share "$programs" --emu "--budget 300000" -- bash -c '
	ok() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
	# What of the kernel is left when clients have gone.
	slab() { echo 3 >/proc/sys/vm/drop_caches; sed -nE "s/^Slab: +([0-9]+) kB/\1/p" /proc/meminfo; }
	tasks() { wc -l </sys/kernel/debug/kasync/tasks; }
	/mnt/share/shader-faults "$ASAHI_GPU" 5 >/tmp/first || echo not ok the first rounds
	slab_before=$(slab) tasks_before=$(tasks)
	dmesg -C
	/mnt/share/shader-faults "$ASAHI_GPU" 50
	slab_after=$(slab) tasks_after=$(tasks)
	stops=$(dmesg | grep -c "asahi .*gpu: GPU stopped: Timeout") lines=$(dmesg | grep -c "asahi .*gpu: ")
	echo "# $stops stops, $lines lines in the log; slab $slab_before KiB, then $slab_after; tasks $tasks_before, then $tasks_after"
	ok "each stop is in the log" test "$stops" = 50
	ok "lines for each stop are few" test "$lines" -le 100
	ok "tasks are as many as before" test "$tasks_after" -le "$tasks_before"
	# 50 rounds may not leave as much as 16 KiB each.
	ok "the slab does not grow" test $((slab_after - slab_before)) -lt 800
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
