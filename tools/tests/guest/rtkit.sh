# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# The KUnit suite of RTKit's C half: it is closed from two sides at a time.
guest_tap rtkit --no-emu --modules rtkit_test -- sh -c '
	sed -nE "s/^ +((not )?ok [0-9].*)/\1/p" /sys/kernel/debug/kunit/rtkit*/results >/tmp/tests
	cat /tmp/tests
	if [ -s /tmp/tests ]; then echo ok tests ran; else echo not ok no test ran; fi
	if rmmod rtkit_test; then echo ok unload; else echo not ok unload; fi'
