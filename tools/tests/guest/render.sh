# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Pictures that Mesa draws with the GPU, beside llvmpipe's: each program judges the pixels that it
# knows, then compare-pictures judges all. The pictures stay in $LOGS/render-pictures. Then as much of suites images, samplers and
# render-hang as takes little time, and what all stages of Vulkan's pipelines draw (tests/stages).
# shellcheck disable=SC2154
share=$LOGS/render-pictures
mkdir -p "$share"
cp "$programs"/{gl-pictures,vk-pictures,compare-pictures,vk-images,vk-samplers,vk-stages,gl-hang} "$share/"
cp "$here/pictures/in-guest" "$share/"
guest_tap render --plain-kernel --timeout 1200 --share "$share" --emu "--budget 3000000" -- bash -c '
	bash /mnt/share/in-guest Apple $2
	/mnt/share/vk-images Apple "$1" 0 15
	/mnt/share/vk-samplers Apple "$1" 0 30
	/mnt/share/vk-stages Apple
	/mnt/share/gl-hang Apple' sh "${ASAHI_SEED:-14}" "$([ "$TIER" != test ] || echo quick)"
