# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# The job queue under a driver in C: samples/c. Loading the module runs it: if it does not load, what it has said is seen all
# the same.
guest_tap jobqueue-c --no-emu --modules "kasync jobqueue" --carry jobqueue_sample -- sh -c '
	if insmod /mnt/rig/modules/jobqueue_sample.ko; then echo ok load; loaded=jobqueue_sample; else echo not ok load; fi
	dmesg | sed -nE "s/^.*jobqueue_sample: ((not )?ok .*)/\1/p"
	if rmmod $loaded jobqueue kasync; then echo ok unload; else echo not ok unload; fi'
