# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# The KUnit suites of fences: own ones, containers, sets, sync objects.
guest_tap dma_fence --no-emu --modules "kasync jobqueue dma_fence_test" -- sh -c '
	sed -nE "s/^ +((not )?ok [0-9].*)/\1/p" /sys/kernel/debug/kunit/dma_fence*/results >/tmp/tests
	cat /tmp/tests
	if [ -s /tmp/tests ]; then echo ok tests ran; else echo not ok no test ran; fi
	if rmmod dma_fence_test jobqueue kasync; then echo ok unload; else echo not ok unload; fi'
