# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Clients without privileges that try to stop the others. Where time limits are short the kernel is the plain one.
# shellcheck disable=SC2154
guest_tap wedge-slots --timeout 900 --share "$programs" -- sh -c '
	/mnt/share/wedge slots || exit
	if echo 11000000.gpu >/sys/bus/platform/drivers/asahi/unbind; then echo ok unbind; else echo not ok unbind; fi
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
for group in syncs exit; do
	guest_tap "wedge-$group" --plain-kernel --timeout 600 --share "$programs" -- /mnt/share/wedge "$group"
done
