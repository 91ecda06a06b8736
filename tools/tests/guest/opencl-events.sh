# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# What OpenCL says of the order of things: reading back, events and callbacks, by rusticl. And Vulkan's submits that wait for what their own
# thread signals later. Both were reported of other drivers (Documentation/reports.rst).
# shellcheck disable=SC2154
guest_tap opencl-events --timeout 900 --share "$programs" -- bash -c '
	RUSTICL_ENABLE=asahi /mnt/share/opencl-events "$ASAHI_GPU"
	/mnt/share/ahead "$ASAHI_GPU"
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
