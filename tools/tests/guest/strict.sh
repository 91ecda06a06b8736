# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# All that hardware may do and the emulator does not by itself, at once: jobs that fail, and what comes after them; bind and unbind. What
# the emulator counts of what nobody may do is looked at, accesses to pages that the guest has freed among it. The suites
# strict-uapi-GROUP have the UAPI.
# shellcheck disable=SC2154
guest_tap strict-faults --kernel-options page_poison=1 --share "$programs" \
	--emu "--hardware strict,poison --fault mmu-fault:2 --fault hang:4" -- sh -c '
	/mnt/share/faults ok EIO ok ETIMEDOUT ok ok
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi
	if insmod /mnt/rig/modules/asahi.ko; then echo ok reload; else echo not ok reload; fi
	/mnt/share/faults ok'
none_of strict-faults gated cuts asleep remapped freed
guest_tap strict-repeat --timeout 1800 --kernel-options page_poison=1 --share "$programs" --emu "--hardware strict,poison" \
	-- /mnt/share/repeat 10
none_of strict-repeat gated cuts asleep remapped freed
