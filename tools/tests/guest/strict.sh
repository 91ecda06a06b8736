# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# All that hardware may do and the emulator does not by itself, at once: jobs that fail, and what comes after them; bind and unbind. The
# suites strict-uapi-GROUP have the UAPI.
# shellcheck disable=SC2154
guest_tap strict-faults --share "$programs" --emu "--hardware strict --fault mmu-fault:2 --fault hang:4" -- sh -c '
	/mnt/share/faults ok EIO ok ETIMEDOUT ok ok
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi
	if insmod /mnt/rig/modules/asahi.ko; then echo ok reload; else echo not ok reload; fi
	/mnt/share/faults ok'
guest_tap strict-repeat --timeout 1800 --share "$programs" --emu "--hardware strict" -- /mnt/share/repeat 10
