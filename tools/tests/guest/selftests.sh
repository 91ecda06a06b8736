# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# The kernel's own tests, beside our modules and with jobs in flight. Its KUnit tests of what we use: memory of buffers, ranges, locks of
# several buffers, what ends with a device, fences. Selftests of fences and shared buffers, from its source: sync (sw_sync), udmabuf and
# heaps. The test of heaps imports into vgem; a second one, with that one word changed, into this driver. That of mappings without struct
# pages (pfnmap) maps a buffer of ours, by the render node and as a dma-buf.
# shellcheck disable=SC2154
share=$LOGS/selftests.share
source=$(kernel_source)/tools/testing/selftests
mkdir -p "$share"
# selftest NAME DIR SOURCE…: builds one as a guest program.
selftest() {
	local name=$1 dir=$2
	shift 2
	(
		cd "$dir" || exit
		in_root "$(toolchain)" clang --target=aarch64-linux-gnu "--sysroot=$(sysroot)" -fuse-ld=lld -O2 -pthread -w -D_GNU_SOURCE= \
			-isystem "$(kernel plain)/build/usr/include" -I"$source" -I"$(kernel_source)/tools/include" "$@" -o "$share/$name"
	) >"$RIG_LOG" 2>&1 || {
		fail "selftests: $name does not build"
		tail -n 5 "$RIG_LOG" >&2
	}
}
selftest sync_test "$source/sync" sync_test.c sync.c sync_alloc.c sync_fence.c sync_merge.c sync_wait.c \
	sync_stress_parallelism.c sync_stress_consumer.c sync_stress_merge.c
selftest udmabuf "$source/drivers/dma-buf" udmabuf.c
selftest heap-vgem "$source/dmabuf-heaps" dmabuf-heap.c
# Names of drivers are compared by their length, of which check_vgem() has its own.
sed 's/"vgem"/"asahi"/g; s/char name\[5\]/char name[6]/; s/name_len = 4/name_len = 5/; s/name_len != 4/name_len != 5/; s/name\[4\] = /name[5] = /' "$source/dmabuf-heaps/dmabuf-heap.c" >"$share/heap-asahi.c"
for changed in '"asahi"' 'char name\[6\]' 'name_len = 5' 'name_len != 5' 'name\[5\] = '; do
	grep -q "$changed" "$share/heap-asahi.c" || fail "selftests: dmabuf-heap.c is another one, without what becomes $changed"
done
selftest heap-asahi "$share" heap-asahi.c
# What it opens is a buffer of ours.
sed 's/fd = open(file, O_RDONLY);/fd = buffer_of_gpu(\&file_offset);/' "$source/mm/pfnmap.c" >"$share/pfnmap.c"
grep -q 'buffer_of_gpu(&file_offset)' "$share/pfnmap.c" || fail "selftests: pfnmap.c is another one, without what becomes a buffer"
for which in node exported; do
	more=()
	[ $which = node ] || more=(-DEXPORTED)
	selftest pfnmap-$which "$share" -I"$source/mm" -include "$here/selftests/buffer.h" "${more[@]}" pfnmap.c "$source/mm/vm_util.c" \
		"$here/selftests/buffer.c" "$here"/uapi/{tap,device,sync,context}.c
done
cp "$programs/faults" "$share/"
# try_selftests NAME "TEST…" OPTION…: a machine that runs them, each with jobs in flight. Lines of a test's own numbering become one of ours
# for each. Nothing is left out: all that is tried is there.
try_selftests() {
	local name=$1 tests
	read -ra tests <<<"$2"
	shift 2
	guest_tap "$name" --timeout 900 --share "$share" --emu "--fault delay:20" "$@" -- bash -c '
	cd /mnt/share
	if [[ "$*" == *udmabuf* ]]; then
		# udmabuf is tried with huge pages, too: its file is of 16 MiB.
		echo 16 >/proc/sys/vm/nr_hugepages
		if [ "$(cat /proc/sys/vm/nr_hugepages)" = 16 ]; then echo ok - huge pages; else echo not ok - huge pages; fi
	fi
	# Jobs, until all is done.
	(until [ -e /tmp/over ]; do ./faults ok ok ok ok ok ok ok ok || echo not ok jobs; done) >/tmp/jobs &
	for test; do
		./$test >/tmp/$test 2>&1
		status=$?
		if [ $status = 4 ]; then
			echo "not ok - $test: the kernel does not have it"
			continue
		fi
		sed -E "/# SKIP/s/^ok /not ok /; s/^ok [0-9]+ -? ?/ok - $test: /; s/^not ok [0-9]+ -? ?/not ok - $test: /; t; s/^/# /" /tmp/$test
		if [ $status = 0 ]; then echo "ok - $test"; else echo "not ok - $test: status $status"; fi
	done
	: >/tmp/over
	wait
	if grep -q "^not ok" /tmp/jobs; then cat /tmp/jobs; else echo "ok - jobs beside them"; fi
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi' sh "${tests[@]}"
}

# Of sync_test, a thread in each of its stress tests takes a fence some ten thousand times, which with all checkers is longer than a quarter
# of an hour.
try_selftests selftests-pfnmap "pfnmap-node pfnmap-exported"
try_selftests selftests-sync sync_test --plain-kernel
# Heaps and udmabuf are in the kernel "checks".
try_selftests selftests "udmabuf heap-vgem heap-asahi" --checks-kernel --kernel-options default_hugepagesz=2M \
	--modules "kasync jobqueue agxemu_bridge asahi vgem"

# Each KUnit test, as MODULE:SUITE.TEST, or MODULE:SUITES. Those of one device are one by one: its name is free once the driver of the test
# before has been released, which this kernel does seconds later (CONFIG_DEBUG_KOBJECT_RELEASE). Of chains of fences those that wait are
# left out: test_wait_backward, of thousands of fences, did not end in minutes on the emulated processor. So is the suite
# dma-buf-fence-unwrap, a test of which leaves an array of its own (kmemleak), and all of DRM's scheduler, which is not used here: a test of
# its own uses a job's fence that has gone with the job (drm_sched_basic_test), if jobs end at once.
units=(drm_mm_test:drm_mm dmabuf_kunit:dma-buf-{fence,resv} "dmabuf_kunit:dma-buf-fence-chain.test_[!w]*")
for suite in drm_gem_shmem drm_exec drm_managed; do
	while read -r one; do
		units+=("${suite}_test:$suite.$one")
	done < <(sed -nE 's/^\tKUNIT_CASE\((\w+)\),$/\1/p' "$(kernel_source)/drivers/gpu/drm/tests/${suite}_test.c")
done
[ ${#units[@]} -ge 20 ] || fail "selftests: only ${#units[@]} tests of KUnit were found"
guest_tap selftests-kunit --checks-kernel --timeout 1800 --share "$share" --emu "--fault delay:20" \
	--carry "drm_kms_helper drm_kunit_helpers $(printf '%s\n' "${units[@]%%:*}" | sort -u | tr '\n' ' ')" -- bash -c "$KUNIT"'
	cd /mnt/share
	(until [ -e /tmp/over ]; do ./faults ok ok ok ok ok ok ok ok || echo not ok jobs; done) >/tmp/jobs &
	load() { insmod "/mnt/rig/modules/$1.ko" || echo "not ok - $1 does not load"; }
	for module in drm_kms_helper drm_kunit_helpers; do load $module; done
	for test; do
		module=${test%%:*}
		printf "%s" "${test#*:}" >/sys/module/kunit/parameters/filter_glob
		while [ -e /sys/bus/kunit/drivers/drm-kunit-mock-device ]; do sleep 0.1; done
		load "$module"
		echo "# $test"
		# Built into the kernel there are others.
		kunit_results "d[mr]*"
		rmmod "$module" || echo "not ok - $module does not go"
	done
	: >/tmp/over
	wait
	if grep -q "^not ok" /tmp/jobs; then cat /tmp/jobs; else echo "ok - jobs beside them"; fi
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi' bash "${units[@]}"
rm -rf "$share"
