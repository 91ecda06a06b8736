# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# A client that takes all memory of its cgroup of 64 MiB, of the kind that the suite's name ends with. Each kind is a machine
# and a record of its own, so that a run that was cut off goes on with the next one. The other kinds are links to this file.
# shellcheck disable=SC2154
oom_kind=$(basename "${BASH_SOURCE[0]}" .sh)
oom_kind=${oom_kind#oom-cgroup-}
guest_tap "oom-cgroup-$oom_kind" --timeout 1800 --share "$programs" -- /mnt/share/oom cgroup 64 "${oom_kind//-/ }"
