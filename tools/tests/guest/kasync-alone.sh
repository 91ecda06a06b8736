# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Tests of the executor that need a machine of their own, without its KUnit suites.

# H38: as if there were no memory for another thread. The shell cannot have one either meanwhile, so it does with what is built in. The
# module makes its tasks, shows one, waits for the limit, keeps all workers busy, and looks which thread polls; it shows none when it is done.
guest_tap kasync-rescue --no-emu --processors 4 --modules kasync --carry kasync_test -- bash -c '
	printf none >/sys/module/kunit/parameters/filter_glob
	limit=/proc/sys/kernel/threads-max tasks=/sys/kernel/debug/kasync/tasks
	read -r max <$limit
	mkfifo /tmp/pause
	exec 3<>/tmp/pause
	insmod /mnt/rig/modules/kasync_test.ko rescue=1 &
	seen() { read -r -d "" text <$tasks; [[ $text == *rescue-me* ]]; }
	until seen || ! kill -0 $! 2>/dev/null; do read -r -t 0.1 -u 3; done
	echo "# the tasks are there"
	echo 1 >$limit
	while seen; do read -r -t 0.1 -u 3; done
	echo "# they have ended"
	echo "$max" >$limit
	if wait $!; then echo "ok the rescuer polls"; else echo "not ok the rescuer polls"; fi
	dmesg | sed -nE "s/.*kasync_test: (rescue: .*|[0-9]+ works block)/# \1/p"
	if dmesg | grep -q "Failed to create a worker thread"; then echo ok workers could not be made; else echo not ok workers could not be made; fi'
# Contract: a poll is a fence signalling section, where memory must not be reclaimed.
expect "lockdep catches an allocation in a poll" 125 'at: kasync_section_begin' --debug-kernel --no-emu \
	--modules kasync --carry kasync_test -- \
	sh -c 'printf none >/sys/module/kunit/parameters/filter_glob; insmod /mnt/rig/modules/kasync_test.ko alloc_in_poll=1'
