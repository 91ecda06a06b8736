# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: 1 2 3 4
#
# Unload and load the module, with a job each time: 25 times in each piece.
# shellcheck disable=SC2154
guest_tap "repeat-loads-$piece" --timeout 1800 --share "$programs" -- /mnt/share/rounds 0 25
