# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Render commands through the UAPI, one machine for each group; in "make test" one for those after which the driver is as before.
# shellcheck disable=SC2154
groups=("fields jobs sizes" faults)
[ "$TIER" = test ] || groups=(fields jobs sizes faults)
for group in "${groups[@]}"; do
	guest_tap "render-${group%% *}" --timeout 1800 --share "$programs" -- sh -c 'for group in $1; do /mnt/share/render $group || exit; done' sh "$group"
done
# What a client may send that is no driver's. Some of it draws, and none of it takes long.
guest_tap render-hostile --share "$programs" --emu "--budget 100000 --job-budget 20000000" -- \
	sh -c '/mnt/share/render hostile && /mnt/share/render endless'
# Of these, 262144 and 27 are not of random bits.
at_least render-hostile primitives 290000
at_least render-hostile shaded 50
# Each frame is rendered in parts, but for small ones.
guest_tap render-partial --share "$programs" --emu "--tvb-pages 1 --budget 100000" -- /mnt/share/render partial
at_least render-partial overflows 20
