# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: core torture uapi faults render sharing lives probe repeat fail-nth hardware bounds wraps samples drawing polls
#
# Suites of the guest once more, on the kernel with all checkers that go together: kCFI, DMA-API, DMA-BUF, page tables, UBSAN, poisoned
# memory, and what tools/vm/kernel/checks.config has else.
# shellcheck disable=SC2154,SC1091
. "$here/lib/again.sh"
# How long a task of the executor is polled at a stretch, at most, while clients come, are killed and lose their jobs. The kernel's own look
# at that (CONFIG_WQ_CPU_INTENSIVE_REPORT) is at workers that are bound to a processor, and these are not. The limit is that of the rig for
# those others: this kernel is several times as slow as one in the field, and its processor 20 times.
polls() {
	guest_tap checks-polls --checks-kernel --timeout 1800 --share "$programs" -- bash -c '
	tracing=/sys/kernel/tracing
	[ -e $tracing/trace ] || mount -t tracefs tracefs $tracing
	echo 8192 >$tracing/buffer_size_kb
	awk "
		function at() { match(\$0, /[0-9]+\.[0-9]+: /); return substr(\$0, RSTART, RLENGTH - 2) + 0 }
		function task() { match(\$0, /task=[0-9a-f]+/); return substr(\$0, RSTART + 5, RLENGTH - 5) }
		/LOST [0-9]+ EVENTS/ { lost++; delete begun }
		/kasync_poll_begin:/ { begun[task()] = at() }
		/kasync_poll_end:/ && task() in begun {
			took = at() - begun[task()]
			delete begun[task()]
			polls++
			if (took > longest) { longest = took; which = \$0 }
		}
		/: over\$/ { exit }
		END {
			print \"# \" polls \" polls, the longest of \" longest \" s: \" which \"; events were lost \" (lost + 0) \" times\"
			if (polls > 1000) print \"ok polls were seen\"; else print \"not ok polls were seen\"
			if (longest < 1) print \"ok none takes a second\"; else print \"not ok none takes a second\"
		}" $tracing/trace_pipe >/tmp/polls &
	for event in begin end; do echo 1 >$tracing/events/kasync/kasync_poll_$event/enable; done
	/mnt/share/lives kill 30 "$1"
	/mnt/share/uapi queue submit submit-errors teardown
	for event in begin end; do echo 0 >$tracing/events/kasync/kasync_poll_$event/enable; done
	echo over >$tracing/trace_marker
	wait $!
	cat /tmp/polls' bash "${ASAHI_SEED:-1}"
}
# The times that suites give their machines are for the debug kernel, which is several times as fast.
if [ "$piece" = polls ]; then polls; else again_piece checks "--checks-kernel --timeout 3600"; fi
