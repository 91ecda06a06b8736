# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Each allocation of each ioctl, and of what DRM does for the driver, fails once: the call fails, and leaves nothing behind.
# shellcheck disable=SC2154
guest_tap fail-nth --timeout 1800 --share "$programs" --modules "kasync jobqueue agxemu_bridge asahi vgem" -- /mnt/share/fail-nth
# Unbind and suspend.
guest_tap fail-nth-device --timeout 1800 --share "$programs" -- bash -c "/mnt/share/fail-nth device; rmmod asahi && echo ok unload"
