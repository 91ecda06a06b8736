# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Clients that take all memory: of a small machine, or of their cgroup.
# shellcheck disable=SC2154
guest_tap oom-machine --memory 640 --timeout 900 --share "$programs" -- /mnt/share/oom machine
guest_tap oom-cgroup --timeout 900 --share "$programs" -- /mnt/share/oom cgroup 64
guest_tap oom-charged --timeout 900 --share "$programs" -- /mnt/share/oom charged
