# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Frames of more triangles than the first tiled vertex buffer has room for, drawn by OpenGL: each pixel is right, whether the
# firmware shades the frame in parts or asks for more memory first, and the buffer has grown when the next frames come. Then
# renders of a queue that is never idle, whose scenes take little, while the firmware asks for more with each. On the plain kernel
# in "make test": that the driver bears an overflow is tested on the other one, too.
# shellcheck disable=SC2154
kernel=--plain-kernel
[ "$TIER" = test ] || kernel=--debug-kernel

# overflow NAME LEAST MOST EMULATOR-OPTIONS SHELL: SHELL has to print TAP; so many frames may overflow.
overflow() {
	local name=$1 count
	guest_tap "$name" $kernel --timeout 600 --share "$programs" --emu "$4" -- bash -c "$5"
	count=$(sed -nE 's/.*"overflows": ([0-9]+).*/\1/p' "$LOGS/$name/stats.json" || true)
	if [ -n "$count" ] && [ "$count" -ge "$2" ] && [ "$count" -le "$3" ]; then
		pass "$name: $count frames overflow"
	else
		fail "$name: ${count:-no} frames overflow, not from $2 to $3"
	fi
}

# Of eight frames the first ones.
overflow tvb-partial 1 3 "" '/mnt/share/gl-many Apple 4'
overflow tvb-grow 1 3 "--tvb-overflow grow" '
	/mnt/share/gl-many Apple 4
	asked=$(dmesg | grep -c "a tiled vertex buffer is too small")
	if [ "$asked" -ge 1 ]; then echo "ok the firmware has asked for more"; else echo "not ok the firmware has asked"; fi'
# Never enough: all frames are shaded in parts.
overflow tvb-small 4 4 "--tvb-pages 24 --tvb-overflow grow" '/mnt/share/gl-many Apple 2'
# The statistics alone would have it keep the 8 blocks to begin with.
guest_tap tvb-busy $kernel --timeout 600 --share "$programs" --emu "--tvb-pages 1 --tvb-overflow grow" -- /mnt/share/render growing
at_least tvb-busy tvb_blocks 100
