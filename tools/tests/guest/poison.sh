# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Firmware and GPU against pages that the guest has freed: the guest fills those, and the emulator looks at each access.
# shellcheck disable=SC2154
binds=3 groups="vm teardown"
[ "$TIER" = test ] || binds=50 groups="vm gem queue submit teardown fdinfo memory"
guest_tap poison --timeout 3600 --kernel-options page_poison=1 --share "$programs" --emu "--hardware poison" -- bash -c '
	/mnt/share/repeat "$1"
	for group in $2; do /mnt/share/uapi $group; done
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi
	insmod /mnt/rig/modules/asahi.ko
	/mnt/share/faults ok' sh $binds "$groups"
untouched poison
