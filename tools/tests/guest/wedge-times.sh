# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# tier: all
# machine: alone
#
# How long one client without privileges can keep the others waiting. Times are compared within one run, so nothing else may run
# beside it; the kernel is the plain one.
# shellcheck disable=SC2154
for group in idle deadlines; do
	guest_tap "wedge-$group" --plain-kernel --timeout 600 --share "$programs" -- /mnt/share/wedge "$group"
done
# Twenty thousand queues.
guest_tap wedge-many --plain-kernel --timeout 900 --share "$programs" -- /mnt/share/wedge exit 10
