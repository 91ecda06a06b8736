# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# How much of a kind a client may have, where it takes tens of thousands to find out: on the kernel without checkers.
# shellcheck disable=SC2154
guest_tap uapi-limits --plain-kernel --timeout 600 --share "$programs" -- /mnt/share/uapi limits dependencies
[ "$TIER" = test ] || guest_tap oom-many --plain-kernel --timeout 900 --share "$programs" -- /mnt/share/oom many
