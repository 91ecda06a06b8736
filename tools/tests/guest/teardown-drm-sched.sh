# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# A queue that goes while the hardware has its job, with DRM's scheduler, for comparison with teardown.sh. The kernel has to
# complain: each step takes a machine.

# teardown NAME STATUS PATTERN MODULES STEP: inserting the last module does the step. If that does not end, the kernel says so.
teardown() {
	local name=$1 status=$2 pattern=$3 modules=$4 step=$5 module=${4##* } all
	all=$(tr ' ' '\n' <<<"$modules" | tac | tr '\n' ' ')
	expect "$name" "$status" "$pattern" --debug-kernel --no-emu --modules "$modules" -- sh -c "
		rmmod $module
		echo 3 >/proc/sys/kernel/hung_task_timeout_secs
		echo 1 >/proc/sys/kernel/hung_task_check_interval_secs
		insmod /mnt/rig/modules/$module.ko step=$step &
		while kill -0 \$! && ! dmesg | grep -q 'blocked for more than'; do sleep 0.2; done 2>/dev/null
		dmesg | grep 'teardown: '
		kill -0 \$! 2>/dev/null || rmmod $all"
	cp "$RIG_LOG" "$LOGS/$module-$step.log"
}
teardown "drm_sched: hardware finishes after its queue has gone" 125 'KASAN: slab-use-after-free in' \
	"gpu-sched drm_sched_teardown" 1
teardown "drm_sched: the name of a fence whose queue has gone" 125 'KASAN: slab-use-after-free in drm_sched_fence_get_timeline_name' \
	"gpu-sched drm_sched_teardown" 2
teardown "drm_sched: somebody waits for a job that its queue has left behind" 125 'INFO: task insmod:.* blocked for more than' \
	"gpu-sched drm_sched_teardown" 3
teardown "drm_sched: nobody waits for a job that its queue has left behind" 125 'WARNING: .* at kmem_cache_destroy.* rmmod' \
	"gpu-sched drm_sched_teardown" 4
teardown "drm_sched: one more job for a queue that has gone" 125 'KASAN: slab-use-after-free in drm_sched_' \
	"gpu-sched drm_sched_teardown" 5
