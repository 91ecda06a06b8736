# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: params fdinfo gem queue submit-errors submit teardown vm
#
# The group of the UAPI tests that the piece names, on hardware that does all that it may (--hardware strict).
# shellcheck disable=SC2154
guest_tap "strict-uapi-$piece" --kernel-options page_poison=1 --share "$programs" --emu "--hardware strict,poison" \
	-- /mnt/share/uapi "$piece"
none_of "strict-uapi-$piece" gated cuts asleep remapped freed
