# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# The KUnit suites of fences: own ones, containers, sets, sync objects.
guest_tap dma_fence --no-emu --modules "kasync jobqueue dma_fence_test" -- sh -c "$KUNIT"'
	kunit_results "dma_fence*"
	dmesg | sed -nE "s/^.*dma_fence_test: (.* FAILED: .*)/# \1/p"
	if rmmod dma_fence_test jobqueue kasync; then echo ok unload; else echo not ok unload; fi'
