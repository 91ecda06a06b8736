# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# The job queue under a driver in Rust: samples/rust.
guest_tap sample-rust --no-emu --modules "kasync jobqueue ring_sample" -- sh -c '
	dmesg | sed -nE "s/^.*ring_sample: ((not )?ok .*)/\1/p"
	if rmmod ring_sample jobqueue kasync; then echo ok unload; else echo not ok unload; fi'
