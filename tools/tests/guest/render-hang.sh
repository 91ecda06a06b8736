# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# A client of OpenGL whose vertex shader, then one whose fragment shader, never ends, beside one that draws. The debug kernel is used in
# "make test-all" only: most of the time is the emulator's.
# shellcheck disable=SC2154
kernel=--plain-kernel
[ "$TIER" = test ] || kernel=--debug-kernel
guest_tap render-hang $kernel --timeout 600 --share "$programs" --emu "--budget 300000" -- bash -c '
	/mnt/share/gl-hang Apple
	stops=$(dmesg | grep -c "asahi .*gpu: GPU stopped: Timeout")
	if [ "$stops" -ge 2 ]; then echo "ok the kernel says so, $stops times"; else echo "not ok the kernel says so: $stops times"; fi
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
