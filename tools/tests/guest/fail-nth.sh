# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Each allocation of each of the eleven ioctls fails once, and of what DRM does for the driver.
# shellcheck disable=SC2154
guest_tap fail-nth --timeout 900 --share "$programs" -- /mnt/share/fail-nth
