# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# 25 of 100 times: unload and load the module, with a job each time. Each piece is a machine and a record of its own, so that a run that
# was cut off goes on with the next one. The other pieces are links to this file.
# shellcheck disable=SC2154
guest_tap "$(basename "${BASH_SOURCE[0]}" .sh)" --timeout 1800 --share "$programs" -- /mnt/share/rounds 0 25
