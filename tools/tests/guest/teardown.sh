# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# A queue that goes while the hardware has its job. teardown-drm-sched.sh does the same steps with DRM's scheduler. Inserting
# the module does a step.
guest_tap teardown --no-emu --modules "kasync jobqueue" --carry jobqueue_teardown -- bash -c '
	# step NUMBER PATTERN NAME: the module has to print PATTERN.
	step() {
		dmesg -C
		insmod /mnt/rig/modules/jobqueue_teardown.ko step=$1 && rmmod jobqueue_teardown
		if [ $? = 0 ] && dmesg | grep -qE "teardown: $2"; then echo "ok $3"; else echo "not ok $3"; dmesg; fi
	}
	step 1 "the hardware has finished, the fence has signalled" "hardware finishes after its queue has gone"
	step 2 "the fence is teardown" "the name of a fence whose queue has gone"
	step 3 "the hardware was reset, the fence has signalled: Err\(ETIME\)" "a wait for a job that its queue has left behind"
	step 4 "the hardware was reset, nobody waits" "nobody waits for a job that its queue has left behind"
	step 5 "one more job: Some\(ECANCELED\)" "one more job for a queue that has gone"
	if rmmod jobqueue kasync; then echo ok unload; else echo not ok unload; fi'
