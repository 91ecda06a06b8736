# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Pictures that Mesa draws with the GPU, beside llvmpipe's: each program judges the pixels that it
# knows, then compare-pictures judges all. The pictures stay in $LOGS/render-pictures.
# shellcheck disable=SC2154
share=$LOGS/render-pictures
mkdir -p "$share"
cp "$programs"/{gl-pictures,vk-pictures,compare-pictures} "$share/"
cp "$here/pictures/in-guest" "$share/"
guest_tap render --plain-kernel --timeout 1200 --share "$share" -- bash /mnt/share/in-guest Apple
