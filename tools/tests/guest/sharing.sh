# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Buffers that are shared with others: the file of an exported one, imports that are refused, pages in any order. What the debug kernel
# does not have, udmabuf and heaps, the kernel "checks" has.
# shellcheck disable=SC2154
guest_tap sharing --share "$programs" --modules "kasync jobqueue agxemu_bridge asahi vgem" -- bash -c '
	/mnt/share/sharing
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
