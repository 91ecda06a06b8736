# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The executor's KUnit suites. Loading the module runs them. It leaves a task behind, so that unloading
# has to wait for that; when loaded again it fails if that went unnoticed.
guest_tap kasync --no-emu --modules "kasync kasync_test" -- sh -c '
	sed -nE "s/^ +((not )?ok [0-9].*)/\1/p" /sys/kernel/debug/kunit/kasync_*/results
	if rmmod kasync_test && insmod /mnt/rig/modules/kasync_test.ko && rmmod kasync_test kasync; then
		echo ok reload
	else
		echo not ok reload
	fi'
guest_tap kasync-load --no-emu --modules "kasync jobqueue" -- sh -c '
	for i in $(seq 100); do
		rmmod jobqueue kasync && insmod /mnt/rig/modules/kasync.ko && insmod /mnt/rig/modules/jobqueue.ko ||
			{ echo "not ok round $i"; exit; }
	done
	echo ok loaded and unloaded 100 times'
# Contract: a poll is a fence signalling section, where memory must not be reclaimed.
expect "lockdep catches an allocation in a poll" 125 'at: kasync_section_begin' --debug-kernel --no-emu \
	--modules "kasync kasync_test" -- \
	sh -c 'rmmod kasync_test; insmod /mnt/rig/modules/kasync_test.ko alloc_in_poll=1'
