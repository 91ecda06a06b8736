# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# The executor's KUnit suites. Loading the module runs them. It leaves a task behind, so that unloading
# has to wait for that; when loaded again it fails if that went unnoticed. In "make test" the suites do not run a second time.
again=none
[ "$TIER" = test ] || again='*'
guest_tap kasync --no-emu --modules "kasync kasync_test" -- sh -c "$KUNIT"'
	kunit_results "kasync_*"
	dmesg | sed -nE "s/^.*kasync_test: (.* FAILED: .*)/# \1/p"
	filter=/sys/module/kunit/parameters/filter_glob
	printf "%s" "$1" >$filter
	if rmmod kasync_test && insmod /mnt/rig/modules/kasync_test.ko && rmmod kasync_test kasync; then
		echo ok reload
	else
		echo not ok reload
	fi
	printf "*" >$filter' sh "$again"
rounds=20
[ "$TIER" = test ] || rounds=100
guest_tap kasync-load --no-emu --modules "kasync jobqueue" -- sh -c '
	for i in $(seq "$1"); do
		rmmod jobqueue kasync && insmod /mnt/rig/modules/kasync.ko && insmod /mnt/rig/modules/jobqueue.ko ||
			{ echo "not ok round $i"; exit; }
	done
	echo ok loaded and unloaded $1 times' sh $rounds
