# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# The job queue's KUnit suites, on a ring that is not hardware.
guest_tap jobqueue --no-emu --modules "kasync jobqueue jobqueue_test" -- sh -c '
	sed -nE "s/^ +((not )?ok [0-9].*)/\1/p" /sys/kernel/debug/kunit/jobqueue*/results >/tmp/tests
	cat /tmp/tests
	if [ -s /tmp/tests ]; then echo ok tests ran; else echo not ok no test ran; fi
	if rmmod jobqueue_test jobqueue kasync; then echo ok unload; else echo not ok unload; fi'
