# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: 1 2 3 4
#
# 50 of 200 rounds: a shader without an end, a good job of the same client, and one of another client. Each piece is a machine and a
# record of its own. The plain kernel, as most of the time is the emulator's.
# shellcheck disable=SC2154
guest_tap "endless-$piece" --plain-kernel --timeout 1200 --share "$programs" --emu "--budget 300000" -- bash -c '
	/mnt/share/shader-faults "$ASAHI_GPU" 50
	stops=$(dmesg | grep -c "asahi .*gpu: GPU stopped: Timeout")
	echo "# $stops in the log of the kernel"
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
