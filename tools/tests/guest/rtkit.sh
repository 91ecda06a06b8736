# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# The KUnit suite of RTKit's C half: it is closed from two sides at a time.
guest_tap rtkit --no-emu --modules rtkit_test -- sh -c "$KUNIT"'
	kunit_results "rtkit*"
	if rmmod rtkit_test; then echo ok unload; else echo not ok unload; fi'
