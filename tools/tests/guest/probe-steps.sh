# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# A probe without memory at one of its steps: at each of them with "make test-all". What leaks is for the machine to find.
# shellcheck disable=SC2154
step=41 limit=900
[ "$TIER" = test ] || step=1 limit=7200
guest_tap probe-steps --timeout $limit --share "$programs" -- /mnt/share/probe-steps 1 $step
