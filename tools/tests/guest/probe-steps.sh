# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# tier: none
#
# A probe without memory at one of its steps. What leaks is for the machine to find.
#
# In no tier, as Linux 7.3 itself does not survive one of the steps: if drm_sysfs_minor_alloc() fails, drm_minor_alloc() leaves
# an error pointer in minor->kdev, and drm_minor_alloc_release() calls put_device() with it. Seen: an oops in kobject_put() at
# -ENOMEM, below __drm_dev_alloc(), and a poweroff that waits for the device's lock.
# shellcheck disable=SC2154
step=41 limit=900
[ "$TIER" = test ] || step=1 limit=7200
guest_tap probe-steps --timeout $limit --share "$programs" -- /mnt/share/probe-steps 1 $step
