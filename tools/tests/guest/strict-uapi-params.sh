# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# The group of the UAPI tests that the suite's name ends with, on hardware that does all that it may (--hardware strict). Each group is
# a machine and a record of its own. The other groups are links to this file.
# shellcheck disable=SC2154
strict_group=$(basename "${BASH_SOURCE[0]}" .sh)
strict_group=${strict_group#strict-uapi-}
guest_tap "strict-uapi-$strict_group" --share "$programs" --emu "--hardware strict" -- /mnt/share/uapi "$strict_group"
