# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: 1 2 3 4 5 6 7 8
#
# Bind, jobs, unbind under the load of other clients: 25 times in each piece.
# shellcheck disable=SC2154
guest_tap "repeat-binds-$piece" --timeout 1800 --share "$programs" -- /mnt/share/rounds 25 0
