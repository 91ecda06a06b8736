# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Buffers of exporters that only the kernel "checks" has: of a process's pages and huge pages (udmabuf), and of a heap.
# shellcheck disable=SC2154
guest_tap exporters --checks-kernel --timeout 900 --share "$programs" -- bash -c '
	/mnt/share/sharing udmabuf heap hugetlb
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
# Of the kernel for this, nothing may be missing.
if grep -q "^ok .*# SKIP" "$LOGS/exporters.log"; then fail "exporters: a plan was left out"; fi
