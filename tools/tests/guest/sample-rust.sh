# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# The job queue under a driver in Rust: samples/rust. Loading the module runs it: if it does not load, what it has said is seen
# all the same. The sample in C is there as well: lockdep has to take the queues of two drivers for the same kind of thing.
guest_tap sample-rust --no-emu --modules "kasync jobqueue jobqueue_sample" --carry ring_sample -- sh -c '
	if insmod /mnt/rig/modules/ring_sample.ko; then echo ok load; loaded=ring_sample; else echo not ok load; fi
	dmesg | sed -nE "s/^.*ring_sample: ((not )?ok .*)/\1/p"
	if rmmod $loaded jobqueue_sample jobqueue kasync; then echo ok unload; else echo not ok unload; fi'
