# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# tier: all
#
# A probe without memory at one of its steps, of its own or of the workers that it waits for. What leaks is for the machine to find.
# One step is left out, by name: Linux 7.3 itself has an oops there. steps.c says which, and how it is found.
# shellcheck disable=SC2154
step=5
[ "$TIER" = test ] || step=2
guest_tap probe-steps --timeout 7200 --share "$programs" -- /mnt/share/probe-steps thread $step
guest_tap probe-steps-workers --timeout 3600 --share "$programs" -- /mnt/share/probe-steps workers 1024
