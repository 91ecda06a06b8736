# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# tier: none
#
# A probe without memory at one of its steps, of its own or of the workers that it waits for. What leaks is for the machine to find.
# The steps of one function of DRM's are left out: Linux 7.3 itself has an oops at one of them. steps.c says why.
#
# In no tier, as it has not been seen to come to its end since that is so.
# shellcheck disable=SC2154
guest_tap probe-steps --timeout 7200 --share "$programs" -- /mnt/share/probe-steps thread 2
guest_tap probe-steps-workers --timeout 3600 --share "$programs" -- /mnt/share/probe-steps workers 1024
