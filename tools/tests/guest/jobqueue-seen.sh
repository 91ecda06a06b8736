# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The job queue seen from outside: events with the names and fields of DRM's scheduler, for all jobs of the KUnit suites, beside that
# scheduler's own. Each job has its life in order, and runs after what it depends on. In "make test" the kernel is the plain one, on
# which the many events take much less time.
kernel=--debug-kernel
[ "$TIER" = all ] || kernel=--plain-kernel
guest_tap jobqueue-seen $kernel --no-emu --modules "kasync jobqueue gpu-sched jobqueue_test" -- sh -c '
	check() { if eval "$2"; then echo "ok $1"; else echo "not ok $1"; fi; }
	tracing=/sys/kernel/tracing
	[ -e $tracing/trace ] || mount -t tracefs tracefs $tracing
	check "the events of both are there" \
		"[ -e $tracing/events/jobqueue/drm_sched_job_run ] && [ -e $tracing/events/gpu_scheduler/drm_sched_job_run ]"
	for event in drm_sched_job_queue drm_sched_job_run drm_sched_job_done drm_sched_job_add_dep drm_sched_job_unschedulable; do
		for group in jobqueue gpu_scheduler; do
			sed -nE "s/^\tfield:(.*)/\1/p; s/^print fmt: (.*)/\1/p" $tracing/events/$group/$event/format >/tmp/$group
		done
		check "$event: same fields, same text" "cmp /tmp/jobqueue /tmp/gpu_scheduler"
	done
	rmmod jobqueue_test
	check "nobody looks: no events" "! grep -q drm_sched_job $tracing/trace"
	echo 16384 >$tracing/buffer_size_kb
	echo 1 >$tracing/events/jobqueue/enable
	insmod /mnt/rig/modules/jobqueue_test.ko
	echo 0 >$tracing/events/jobqueue/enable
	sed -nE "s/^.* (drm_sched_job_[a-z_]+): (.*)/\1 \2/p" $tracing/trace >/tmp/trace
	awk "
		function bad(what) { print \"not ok \" what \": \" \$0; n++ }
		{ match(\$0, /fence=[0-9]+:[0-9]+/); job = substr(\$0, RSTART + 6, RLENGTH - 6) }
		\$1 ~ /_queue\$/ { if (job in queued) bad(\"queued twice\"); queued[job] = 1; jobs++ }
		! (job in queued) { bad(\"not queued\") }
		\$1 ~ /_(queue|run)\$/ && ! /dev=test, fence=[0-9]+:[0-9]+, ring=queue, job count:[0-9]+, hw job count:[0-9]+, client_id:0\$/ {
			bad(\"not the text\")
		}
		\$1 ~ /_add_dep\$/ { dependency = \$NF; sub(/.*=/, \"\", dependency); needs[job] = needs[job] \" \" dependency; deps++ }
		\$1 ~ /_unschedulable\$/ {
			dependency = \$NF; sub(/.*=/, \"\", dependency); waits++
			if (! index(needs[job] \" \", \" \" dependency \" \")) bad(\"waits for what it does not need\")
		}
		\$1 ~ /_run\$/ {
			if (job in run) bad(\"runs twice\")
			run[job] = 1; runs++
			count = split(needs[job], list, \" \")
			# Those of one ring have the hardware wait.
			for (i = 1; i <= count; i++) if (list[i] in queued && ! (list[i] in done)) bad(\"runs too early\")
		}
		\$1 ~ /_done\$/ { if (job in done) bad(\"done twice\"); done[job] = 1 }
		END {
			for (job in queued) if (! (job in done)) { print \"not ok never done: \" job; n++ }
			print \"# \" jobs \" jobs, \" runs \" run, \" deps \" dependencies, \" waits \" waits\"
			if (! n) print \"ok each job has its life in order\"
			if (jobs > 20 && runs > 10 && runs < jobs && deps > 4 && waits > 3) print \"ok there are enough of each\"
			else print \"not ok there are enough of each\"
		}" /tmp/trace
	if rmmod jobqueue_test gpu-sched jobqueue kasync; then echo ok unload; else echo not ok unload; fi
	head -n 5 /tmp/trace'
