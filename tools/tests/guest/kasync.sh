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
