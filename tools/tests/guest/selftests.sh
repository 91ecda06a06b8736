# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# The kernel's own selftests of fences and shared buffers, from its source, beside our modules and with jobs in flight: sync (sw_sync),
# udmabuf and heaps. The test of heaps imports into vgem; a second one, with that one word changed, into this driver.
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
sed 's/"vgem"/"asahi"/g' "$source/dmabuf-heaps/dmabuf-heap.c" >"$share/heap-asahi.c"
selftest heap-asahi "$share" heap-asahi.c
cp "$programs/faults" "$share/"
guest_tap selftests --timeout 900 --share "$share" --emu "--fault delay:20" --modules "kasync jobqueue agxemu_bridge asahi vgem" -- bash -c '
	cd /mnt/share
	# Jobs, until all is done.
	(until [ -e /tmp/over ]; do ./faults ok ok ok ok ok ok ok ok || echo not ok jobs; done) >/tmp/jobs &
	for test in sync_test udmabuf heap-vgem heap-asahi; do
		# Lines of its own numbering become one of ours for each.
		./$test >/tmp/$test 2>&1
		status=$?
		if [ $status = 4 ]; then
			echo "ok - $test # SKIP the kernel does not have it"
			continue
		fi
		sed -E "s/^ok [0-9]+ -? ?/ok - $test: /; s/^not ok [0-9]+ -? ?/not ok - $test: /; t; s/^/# /" /tmp/$test
		if [ $status = 0 ]; then echo "ok - $test"; else echo "not ok - $test: status $status"; fi
	done
	: >/tmp/over
	wait
	if grep -q "^not ok" /tmp/jobs; then cat /tmp/jobs; else echo "ok - jobs beside them"; fi
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
rm -rf "$share"
