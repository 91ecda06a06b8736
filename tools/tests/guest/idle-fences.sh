# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Fences of a client that the scheduler hardly ever runs signal as early as those of a normal one. Both have jobs in flight on one
# processor with busy threads; times are compared with times of the same moment, so other suites may run beside this one.
# shellcheck disable=SC2154
guest_tap idle-fences --plain-kernel --processors 1 --timeout 900 --share "$programs" --emu "--fault delay:20" -- /mnt/share/wedge pair
