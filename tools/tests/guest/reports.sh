# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Faults that were reported of other drivers: Documentation/reports.rst lists them.
# shellcheck disable=SC2154
guest_tap reports --timeout 900 --share "$programs" -- bash -c '
	/mnt/share/reports held-up walks beyond opens timelines
	dmesg -C
	/mnt/share/reports flood
	# Of a hundred faults there are ten lines in five seconds, at most.
	dmesg | sed -nE "s/^\[ *([0-9]+)\..*gpu: GPU fault: .*/\1/p" >/tmp/times
	lines=$(grep -c . /tmp/times) span=$(($(tail -n 1 /tmp/times) - $(head -n 1 /tmp/times)))
	echo "# $lines lines in $span s"
	if [ "$lines" -gt 0 ] && [ "$lines" -le $((10 * (span / 5 + 2))) ]; then echo ok lines of a client; else echo not ok lines of a client; fi
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
