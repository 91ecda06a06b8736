# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
# tier: all
# pieces: kunit samples nvme-disk nvme-slow nvme-failing nvme-gone nvme-outside nova nova-storms allocations killed torture
#
# What is not for Apple's GPUs, on x86_64: executor, fences, job queue with their KUnit suites, the samples, and a short torture. The
# kernel has lockdep and kmemleak.
[ "$TIER" = all ] && rounds=100 || rounds=20
# shellcheck source=tools/tests/lib/samples.sh
. "$here/lib/samples.sh"
image=$programs/x86-$piece.img
rm -f "$image"

# x86_sample DRIVER WHAT COMMAND OPTION…: COMMAND with the driver, which is bound, and then goes.
x86_sample() {
	local driver=$1 what=$2 command=$3
	shift 3
	# Caches are not merged: each is marked by itself.
	guest_tap "x86-$what-$driver" --arch x86_64 --no-emu --timeout 3600 --kernel-options slab_nomerge --modules "kasync jobqueue" \
		--carry "$driver" "$@" -- sh -c "case $driver in
		nova_gsp) insmod /mnt/rig/modules/nova_gsp.ko scenarios=0 ;;
		edu_async) insmod /mnt/rig/modules/edu_async.ko dma_bits=32 ;;
		*) insmod /mnt/rig/modules/$driver.ko ;;
		esac
		$command
		if rmmod $driver jobqueue kasync; then echo ok unload; else echo not ok unload; fi"
}

case $piece in
kunit)
	# The suites leave tasks and fences behind that unloading has to wait for.
	guest_tap x86-kunit --arch x86_64 --no-emu --timeout 900 --carry "kasync_test dma_fence_test jobqueue_test" -- sh -c '
		if [ "$(uname -m)" = x86_64 ]; then echo ok a machine of the kind; else echo not ok a machine of the kind; fi
		for test in kasync_test dma_fence_test jobqueue_test; do
			if insmod /mnt/rig/modules/$test.ko; then echo "ok load $test"; else echo "not ok load $test"; fi
		done
		sed -nE "s/^ +((not )?ok [0-9].*|1\.\.[0-9]+)/\1/p" /sys/kernel/debug/kunit/*/results
		if rmmod jobqueue_test dma_fence_test kasync_test jobqueue kasync; then echo ok unload; else echo not ok unload; fi'
	;;
samples)
	guest_tap x86-samples --arch x86_64 --no-emu --device edu,dma_mask=0xffffffff --timeout 900 \
		--carry "edu_async ring_sample jobqueue_sample" -- sh -c '
		for sample in edu_async ring_sample jobqueue_sample; do
			options=
			[ $sample != edu_async ] || options=dma_bits=32
			if insmod /mnt/rig/modules/$sample.ko $options; then echo "ok load $sample"; else echo "not ok load $sample"; fi
		done
		'"$(sample_rebound edu_async "$rounds")"'
		if rmmod edu_async ring_sample jobqueue_sample jobqueue kasync; then echo ok unload; else echo not ok unload; fi
		'"$(sample_told "edu_async|ring_sample|jobqueue_sample")"
	;;
nvme-*)
	# The same as on arm64, by the same program.
	share=$programs/x86 arch_options=(--arch x86_64) prefix=x86-
	root=$(toolchain)
	in_root "$root" make -s -C "$REPO/tools/tests/nvme" OUT="$share" CC=clang >&2 ||
		die "tools/tests/nvme does not build for x86_64"
	piece=${piece#nvme-}
	# shellcheck source=tools/tests/guest/sample-nvme.sh
	. "$here/guest/sample-nvme.sh"
	;;
nova)
	guest_tap x86-nova --arch x86_64 --no-emu --gsp "" --timeout 1800 --modules "kasync jobqueue" --carry nova_gsp -- sh -c '
		driver=/sys/bus/pci/drivers/nova_gsp
		told() { '"$(sample_told nova_gsp)"'; }
		insmod /mnt/rig/modules/nova_gsp.ko
		if ls $driver | grep -q :; then echo ok bound; else echo not ok bound; fi
		rmmod nova_gsp
		told
		dmesg -C
		insmod /mnt/rig/modules/nova_gsp.ko scenarios=0
		'"$(sample_rebound nova_gsp "$rounds" "nova_gsp: unbound with [1-9][0-9]* calls in flight")"'
		if rmmod nova_gsp jobqueue kasync; then echo ok unload; else echo not ok unload; fi
		told'
	;;
nova-storms)
	arch_options=(--arch x86_64) prefix=x86- seeds=1
	piece=storms-v0
	# shellcheck source=tools/tests/guest/sample-nova.sh
	. "$here/guest/sample-nova.sh"
	;;
allocations)
	truncate -s 16M "$image"
	x86_sample edu_async allocations "$(sample_allocations edu_async)" --device edu,dma_mask=0xffffffff
	x86_sample nvme_async allocations "$(sample_allocations nvme_async)" --device nvme,serial=async,drive=disk \
		--drive "id=disk,format=raw,file=$image" --share "$programs"
	x86_sample nova_gsp allocations "$(sample_allocations nova_gsp)" --gsp ""
	;;
killed)
	x86_sample edu_async killed "$(sample_killed edu_async "$rounds" 200)" --device edu,dma_mask=0xffffffff
	x86_sample nova_gsp killed "$(sample_killed nova_gsp "$rounds" 40)" --gsp ""
	;;
torture)
	guest_tap x86-torture --arch x86_64 --no-emu --processors 4 --timeout 1200 --modules "kasync jobqueue torture_keeper" \
		--carry torture -- sh -c '
		echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
		echo 0 >/sys/kernel/debug/failslab/verbose
		for what in failures=1 "soak_ms=10000 rounds=500 jobs=5000"; do
			if insmod /mnt/rig/modules/torture.ko $what && rmmod torture; then echo "ok $what"; else echo "not ok $what"; fi
		done
		dmesg | sed -nE "s/.*torture: /# /p"
		sed "s/^/# kept: /" /sys/kernel/debug/torture_keeper
		if grep -q " 0 not as they have to be" /sys/kernel/debug/torture_keeper; then
			echo ok fences that were kept
		else
			echo not ok fences that were kept
		fi
		if rmmod jobqueue kasync torture_keeper; then echo ok unload; else echo not ok unload; fi'
	;;
esac
rm -f "$image"
