# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# A display of another driver's (vkms) shows our buffers, with our fences.
# shellcheck disable=SC2154
guest_tap display --checks-kernel --timeout 900 --share "$programs" \
	--modules "kasync jobqueue agxemu_bridge asahi vgem configfs drm_kms_helper vkms" -- bash -c '
	/mnt/share/sharing display
	if rmmod vkms && rmmod asahi; then echo ok unload; else echo not ok unload; fi'
if grep -q "^ok .*# SKIP" "$LOGS/display.log"; then fail "display: a plan was left out"; fi
