# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Random states of OpenGL (tests/states), the same ones each time unless ASAHI_SEED says otherwise, beside llvmpipe: a few in
# "make test", many otherwise.
# shellcheck disable=SC2154
count=15
[ "$TIER" = test ] || count=400
share=$(mktemp -d "$LOGS/states.XXXXXX")
cp "$programs"/{gl-states,compare-states} "$share/"
cp "$here/states/in-guest" "$share/"
guest_tap states --plain-kernel --timeout $((300 + 20 * count)) --share "$share" -- bash /mnt/share/in-guest "${ASAHI_SEED:-14}" 0 $count
rm -rf "$share"
