# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Stamps that wrap, or change their sign, after eight commands of each event slot: in the field they do after millions.
# shellcheck disable=SC2154
for from in 0xfffff800 0x7ffff800; do
	guest_tap "wraps-$from" --timeout 900 --share "$programs" --modules "kasync jobqueue agxemu_bridge asahi vgem" --emu "--hardware stamps:$from" -- bash -c '
		# With the first job they go there.
		/mnt/share/faults ok
		/mnt/share/uapi queue submit submit-errors teardown fences
		/mnt/share/lives kill 20 1
		if dmesg | grep -E "event slot .* ignored"; then echo not ok no stamp is refused; else echo ok no stamp is refused; fi
		if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
done
# Failures, whose stamps are compared with those of other commands.
for from in 0xfffffe00 0x7ffffe00; do
	guest_tap "wraps-faults-$from" --share "$programs" --emu "--hardware stamps:$from --fault channel-error:4 --fault hang:6 --fault mmu-fault:8" -- bash -c '
		/mnt/share/faults ok
		/mnt/share/faults ok ok EIO ok ETIMEDOUT ok EIO ok ok ok
		if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
done
