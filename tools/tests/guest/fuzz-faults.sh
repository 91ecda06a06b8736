# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
#
# 50,000 of a million random calls, in each fourth of which an allocation of the kernel's fails. Each piece is a machine and a record of
# its own, with a seed of its own.
# shellcheck disable=SC2154
guest_tap "fuzz-faults-$piece" --timeout 1800 --share "$programs" -- sh -c '
	/mnt/share/fuzz calls:50000 4 "$1" faults
	rmmod asahi && echo ok the module is unloaded || echo not ok the module is unloaded' sh $((${ASAHI_SEED:-1000} + piece))
