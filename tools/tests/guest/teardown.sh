# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Side by side: a queue that goes while the hardware has its job, with DRM's scheduler and with ours. The verdict is the kernel's.
teardown() {
	local name=$1 status=$2 pattern=$3 modules=$4 step=$5 module=${4##* }
	expect "$name" "$status" "$pattern" --debug-kernel --no-emu --modules "$modules" -- sh -c "
		rmmod $module; insmod /mnt/rig/modules/$module.ko step=$step && rmmod $module && dmesg | grep 'teardown: '"
	cp "$LOGS/rig.log" "$LOGS/$module-$step.log"
}
teardown "drm_sched: hardware finishes after its queue has gone" 125 'KASAN: slab-use-after-free in' \
	"gpu-sched drm_sched_teardown" 1
teardown "drm_sched: the name of a fence whose queue has gone" 125 'KASAN: slab-use-after-free in drm_sched_fence_get_timeline_name' \
	"gpu-sched drm_sched_teardown" 2
teardown "jobqueue: hardware finishes after its queue has gone" 0 'the hardware has finished, the fence has signalled' \
	"kasync jobqueue jobqueue_teardown" 1
teardown "jobqueue: the name of a fence whose queue has gone" 0 'the fence is teardown' \
	"kasync jobqueue jobqueue_teardown" 2
