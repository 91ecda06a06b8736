# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# The job queue under a driver in C: samples/c.
guest_tap jobqueue-c --no-emu --modules "kasync jobqueue jobqueue_sample" -- sh -c '
	dmesg | sed -nE "s/^.*jobqueue_sample: ((not )?ok .*)/\1/p"
	if rmmod jobqueue_sample jobqueue kasync; then echo ok unload; else echo not ok unload; fi'
