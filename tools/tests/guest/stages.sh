# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# What all stages of Vulkan's pipelines draw (tests/stages): geometry and tessellation shaders, indirect draws, primitive restart, views,
# samples, queries. By lavapipe first: what is wrong there is the test's mistake.
# shellcheck disable=SC2154
guest_tap stages --plain-kernel --timeout 600 --share "$programs" -- bash -c '
	/mnt/share/vk-stages llvmpipe 2>&1 | sed -E "s/^(not )?ok /&llvmpipe: /"
	[ ${PIPESTATUS[0]} -lt 2 ] || echo "not ok llvmpipe has not drawn all"
	/mnt/share/vk-stages Apple'
