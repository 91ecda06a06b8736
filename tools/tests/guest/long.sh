# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# A job of 75 s, and another client; and one of 300 s. Their time is real.
# shellcheck disable=SC2154
guest_tap uapi-long --plain-kernel --timeout 900 --share "$programs" --emu "--fault delay:2:75000" -- /mnt/share/uapi long
[ "$TIER" = test ] || guest_tap uapi-longer --plain-kernel --timeout 600 --share "$programs" --emu "--fault delay:2:300000" -- \
	/mnt/share/uapi longer
