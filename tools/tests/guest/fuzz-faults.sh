# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40
#
# 25,000 of a million random calls, in each fourth of which an allocation of the kernel's fails. Each piece is a machine and a record of
# its own, with a seed of its own.
# shellcheck disable=SC2154
guest_tap "fuzz-faults-$piece" --timeout 3600 --share "$programs" -- sh -c '
	/mnt/share/fuzz calls:25000 4 "$1" faults
	# What is out of memory says so to its caller, not to the log, and what frees needs none.
	if dmesg | grep -E "asahi_buffer_alloc|could not be (emptied|unbound)"; then echo not ok the log; else echo ok the log; fi
	rmmod asahi && echo ok the module is unloaded || echo not ok the module is unloaded' sh $((${ASAHI_SEED:-1000} + piece))
