# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# The job queue's KUnit suites, on a ring that is not hardware.
guest_tap jobqueue --no-emu --modules "kasync jobqueue jobqueue_test" -- sh -c "$KUNIT"'
	kunit_results "jobqueue*"
	dmesg | sed -nE "s/^.*jobqueue_test: (.* FAILED: .*)/# \1/p"
	if rmmod jobqueue_test jobqueue kasync; then echo ok unload; else echo not ok unload; fi'
