# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Clients without privileges that try to stop the others. Where time limits are short the kernel is the plain one.
# shellcheck disable=SC2154
guest_tap wedge-slots --timeout 900 --share "$programs" -- sh -c '
	/mnt/share/wedge slots || exit
	if echo 11000000.gpu >/sys/bus/platform/drivers/asahi/unbind; then echo ok unbind; else echo not ok unbind; fi
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
for group in syncs exit mappings; do
	guest_tap "wedge-$group" --plain-kernel --timeout 600 --share "$programs" -- /mnt/share/wedge "$group"
done
# Slots that are all held by jobs in flight: as many as there are, and never more, however many could be. Jobs take some time, and run one
# after another: the first so long that all slots are held before it is done, however slow the machine. "make test" does this with the
# slots of address spaces only.
full() {
	guest_tap "wedge-full-$1" --plain-kernel --timeout 900 --share "$programs" --emu "--fault delay:100 --fault delay:1:20000" -- sh -c '
		tracing=/sys/kernel/tracing
		[ -e $tracing/trace ] || mount -t tracefs tracefs $tracing
		echo 16384 >$tracing/buffer_size_kb
		for event in run done; do echo 1 >$tracing/events/jobqueue/drm_sched_job_$event/enable; done
		/mnt/share/wedge "full-$1" || exit
		sed -nE "s/^.* drm_sched_job_(run|done): .*fence=([0-9]+:[0-9]+).*/\1 \2/p" $tracing/trace | awk -v slots="$2" "
			\$1 == \"run\" { run[\$2] = 1; if (++n > most) most = n }
			\$1 == \"done\" && \$2 in run { delete run[\$2]; n-- }
			END {
				print \"# \" most \" jobs in flight at a time\"
				if (most == slots) print \"ok as many jobs in flight as there are slots\"
				else print \"not ok as many jobs in flight as there are slots\"
			}"' sh "$1" "$2"
}
full vms 63
[ "$TIER" = test ] || full queues 128
