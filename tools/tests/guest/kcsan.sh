# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Data races, on a kernel with KCSAN in its strict form, with the model of weak memory: the KUnit suites, and tasks under random load
# on four processors. What is seen: plain and atomic accesses of our Rust code (Kbuild says how), of our C, of the workqueues, timers
# and fences below. Not seen: the code of the kernel's own Rust crates, where it is not inlined into ours. Accesses are sampled. Of the
# job queue's suites "make test" runs those with fences of other drivers, which signal in interrupts.
soak_ms=5000 queues="jobqueue_foreign_fences*"
[ "$TIER" = test ] || soak_ms=30000 queues="*"
guest_tap kcsan --kcsan-kernel --no-emu --processors 4 --timeout 900 --modules "kasync jobqueue torture_keeper" \
	--carry "kasync_test dma_fence_test jobqueue_test torture" -- sh -c "$KUNIT"'
	kcsan=/sys/kernel/debug/kcsan
	# One access in so many is watched for a while, on each processor.
	echo 4000 >/sys/module/kcsan/parameters/skip_watch
	echo on >$kcsan
	insmod /mnt/rig/modules/kasync_test.ko
	kunit_results "kasync_*"
	insmod /mnt/rig/modules/dma_fence_test.ko
	kunit_results "dma_fence*"
	filter=/sys/module/kunit/parameters/filter_glob
	printf "%s" "$2" >$filter
	insmod /mnt/rig/modules/jobqueue_test.ko
	kunit_results "jobqueue*"
	printf "*" >$filter
	dmesg | sed -nE "s/^.*_test: (.* FAILED: .*)/# \1/p"
	if insmod /mnt/rig/modules/torture.ko soak_ms="$1"; then echo ok soak; else echo not ok soak; fi
	echo off >$kcsan
	rmmod torture torture_keeper kasync_test dma_fence_test jobqueue_test jobqueue kasync
	n=$(sed -nE "s/^setup_watchpoints: ([0-9]+)/\1/p" $kcsan)
	if [ "$n" -gt 1000 ]; then echo "ok KCSAN has looked"; else echo "not ok KCSAN has looked"; fi
	dmesg | sed -nE "s/.*torture: /# /p"
	sed -nE "s/^([a-z_]+: [0-9]+)$/# \1/p" $kcsan' sh $soak_ms "$queues"
# A data race that is there is reported.
[ "$TIER" = test ] || expect "KCSAN finds a data race between tasks" 125 'BUG: KCSAN: data-race in .*kasync_test' --kcsan-kernel --no-emu --processors 4 \
	--modules kasync --carry kasync_test -- \
	sh -c 'printf none >/sys/module/kunit/parameters/filter_glob; echo on >/sys/kernel/debug/kcsan; insmod /mnt/rig/modules/kasync_test.ko race=1'
