# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Each allocation of each ioctl, and of what DRM does for the driver, fails once: the call fails, and leaves nothing behind.
# shellcheck disable=SC2154
guest_tap fail-nth --timeout 900 --share "$programs" -- /mnt/share/fail-nth
