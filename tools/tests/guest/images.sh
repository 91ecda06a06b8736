# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Random operations on images of random shapes by Vulkan (tests/images), the same ones each time unless ASAHI_SEED says otherwise: what
# is in the images is what the same operations make of copies in memory. By lavapipe first: what is wrong there is the test's mistake.
# shellcheck disable=SC2154
count=1000
guest_tap images --plain-kernel --timeout $((300 + 4 * count)) --share "$programs" -- bash -c '
	/mnt/share/vk-images llvmpipe "$1" 0 40 2>&1 | sed -E "s/^(not )?ok /&llvmpipe: /"
	[ ${PIPESTATUS[0]} -lt 2 ] || echo "not ok llvmpipe has not drawn all"
	/mnt/share/vk-images Apple "$1" 0 "$2"' sh "${ASAHI_SEED:-14}" $count
