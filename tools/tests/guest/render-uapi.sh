# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Render commands through the UAPI, one machine for each group.
# shellcheck disable=SC2154
for group in fields jobs sizes faults hostile; do
	guest_tap "render-$group" --share "$programs" -- /mnt/share/render "$group"
done
