# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: queues VMs buffers-that-are-bound buffers-that-are-written-to empty-buffers jobs-that-wait-for-many jobs-that-wait mappings-of-a-page page-tables renders-that-wait timestamps
#
# A client that takes all memory of its cgroup of 64 MiB, of the kind that the piece names.
# shellcheck disable=SC2154
guest_tap "oom-cgroup-$piece" --timeout 1800 --share "$programs" -- /mnt/share/oom cgroup 64 "${piece//-/ }"
