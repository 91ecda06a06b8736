# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# A client of OpenGL whose vertex shader, then one whose fragment shader, never ends, beside one that draws, on the debug kernel. Suite
# render has the same on the other one.
# shellcheck disable=SC2154
guest_tap render-hang --debug-kernel --timeout 600 --share "$programs" --emu "--budget 300000" -- bash -c '
	/mnt/share/gl-hang Apple
	stops=$(dmesg | grep -c "asahi .*gpu: GPU stopped: Timeout")
	if [ "$stops" -ge 2 ]; then echo "ok the kernel says so, $stops times"; else echo "not ok the kernel says so: $stops times"; fi
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
