# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# A job that waits for others of higher priority, for longer than a minute: that is no reason to give up the firmware. Its
# time is real.
# shellcheck disable=SC2154
guest_tap uapi-starve --plain-kernel --timeout 900 --share "$programs" --emu "--fault delay:1000" -- /mnt/share/uapi starve
