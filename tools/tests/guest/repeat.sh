# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Bind and unbind, load and unload, many times.
# shellcheck disable=SC2154
binds=6 loads=3
[ "$TIER" = test ] || binds=200 loads=100
guest_tap repeat --timeout 3600 --share "$programs" -- bash -c '
	check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
	available() { sed -nE "s/^MemAvailable: *([0-9]+) kB/\1/p" /proc/meminfo; }
	reload() { rmmod asahi && insmod /mnt/rig/modules/asahi.ko && /mnt/share/faults ok >/dev/null; }
	load_again() { for i in $(seq "$1"); do reload || return; done; }
	# What the first few rounds leave in the caches of the kernel stays there.
	/mnt/share/repeat 3 >/dev/null && load_again 2
	echo 3 >/proc/sys/vm/drop_caches
	before=$(available)
	/mnt/share/repeat "$1"
	check "unload and load, $2 times, with a job each time" load_again "$2"
	back() {
		for i in $(seq 100); do
			echo 3 >/proc/sys/vm/drop_caches
			[ $(($(available) * 100)) -lt $((before * 98)) ] || return 0
			sleep 0.1
		done
		echo "# $(available) of $before kB"
		return 1
	}
	check "memory is back" back' sh $binds $loads
