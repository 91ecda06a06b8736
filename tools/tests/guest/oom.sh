# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Clients that take all memory of a small machine, or have jobs in flight when they are killed. The kernel with checkers needs some of
# the small machine itself. The suites oom-cgroup-KIND have clients that take all memory of their cgroup.
# shellcheck disable=SC2154
guest_tap oom-machine --plain-kernel --memory 512 --timeout 900 --share "$programs" -- /mnt/share/oom machine
guest_tap oom-counted --plain-kernel --timeout 900 --share "$programs" -- /mnt/share/oom counted
guest_tap oom-debug --memory 640 --timeout 1800 --share "$programs" -- /mnt/share/oom machine
guest_tap oom-flight --plain-kernel --emu "--fault delay:50" --timeout 900 --share "$programs" -- /mnt/share/oom flight
guest_tap oom-charged --timeout 1200 --share "$programs" -- /mnt/share/oom charged
