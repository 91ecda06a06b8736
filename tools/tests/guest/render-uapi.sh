# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Render commands through the UAPI, one machine for each group; in "make test" one for those after which the driver is as before.
# shellcheck disable=SC2154
groups=("fields jobs sizes" faults hostile)
[ "$TIER" = test ] || groups=(fields jobs sizes faults hostile)
for group in "${groups[@]}"; do
	guest_tap "render-${group%% *}" --share "$programs" -- sh -c 'for group in $1; do /mnt/share/render $group || exit; done' sh "$group"
done
