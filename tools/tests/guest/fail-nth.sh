# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Each allocation of each ioctl, and of what DRM does for the driver, fails once: the call fails, and leaves nothing behind.
# The debug code of DMA turns itself off when it has no memory, which is a complaint elsewhere.
# shellcheck disable=SC2154
guest_tap fail-nth --timeout 1800 --kernel-options dma_debug=off --share "$programs" --modules "kasync jobqueue agxemu_bridge asahi vgem" -- sh -c '
	/mnt/share/fail-nth nonesuch >/tmp/said 2>&1
	if [ $? = 2 ] && grep -q "no call is named \"nonesuch\"" /tmp/said; then echo ok an unknown name; else echo not ok an unknown name; fi
	/mnt/share/fail-nth
	# What is out of memory says so to its caller, not to the log, and what frees needs none.
	if dmesg | grep -E "asahi_buffer_alloc|could not be (emptied|unbound)"; then echo not ok the log; else echo ok the log; fi'
# Unbind and suspend, with jobs of a client in flight. The machine's own devices are left out of the suspend: keep_awake does that. Unbind
# waits for all tasks, with memory or without. The firmware says much, too much for the kernel to keep.
guest_tap fail-nth-device --timeout 1800 --kernel-options dma_debug=off --share "$programs" --modules "kasync jobqueue agxemu_bridge asahi keep_awake" \
	--emu "--fault delay:20" -- bash -c '
	dmesg --follow >/tmp/log &
	/mnt/share/fail-nth device
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi
	if grep -E "do not end|did not go to sleep" /tmp/log; then echo not ok what has to end does; else echo ok what has to end does; fi'
# A call on whose way garbage is collected, with much of it, as the task that collects it waits for a firmware that is halted.
guest_tap fail-nth-garbage --timeout 1800 --kernel-options dma_debug=off --share "$programs" --modules "kasync jobqueue agxemu_bridge asahi vgem" \
	--emu "--hardware slow-halt:4000" -- bash -c '
	/mnt/share/fail-nth garbage
	if dmesg | grep "unusable"; then echo not ok the GPU is not given up; else echo ok the GPU is not given up; fi
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
