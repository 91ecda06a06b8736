# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Samples of random images with random samplers (tests/samplers), the same ones each time unless ASAHI_SEED says otherwise, beside what
# they are by the specification's equations. By lavapipe first: what is wrong there is the test's mistake.
# shellcheck disable=SC2154
count=1500
guest_tap samplers --plain-kernel --timeout $((300 + 2 * count)) --share "$programs" -- bash -c '
	/mnt/share/vk-samplers llvmpipe "$1" 0 60 2>&1 | sed -E "s/^(not )?ok /&llvmpipe: /"
	[ ${PIPESTATUS[0]} -lt 2 ] || echo "not ok llvmpipe has not drawn all"
	/mnt/share/vk-samplers Apple "$1" 0 "$2"' sh "${ASAHI_SEED:-14}" $count
