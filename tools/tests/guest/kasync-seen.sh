# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# R24, the executor seen from outside: tracepoints, the table of tasks, and reports of tasks that stall. The test module leaves
# a task behind that waits until the module goes. In "make test" the kernel is the plain one, on which the many events take much
# less time.
kernel=--debug-kernel
[ "$TIER" = all ] || kernel=--plain-kernel
guest_tap kasync-seen $kernel --no-emu --modules kasync --carry kasync_test -- sh -c '
	check() { if eval "$2"; then echo "ok $1"; else echo "not ok $1"; fi; }
	tracing=/sys/kernel/tracing
	[ -e $tracing/trace ] || mount -t tracefs tracefs $tracing
	rmmod kasync
	insmod /mnt/rig/modules/kasync.ko stall_ms=400
	echo 8192 >$tracing/buffer_size_kb
	echo 1 >$tracing/events/kasync/enable
	insmod /mnt/rig/modules/kasync_test.ko
	echo 0 >$tracing/events/kasync/enable
	cat $tracing/trace >/tmp/trace
	cat /sys/kernel/debug/kasync/tasks >/tmp/tasks
	check "the table says where a task waits" \
		"grep -qE \"^left-behind +idle +1 +[0-9]+ +[0-9]+ kernel/kasync_test.rs:[0-9]+ left-behind\\$\" /tmp/tasks"
	task=$(sed -nE "s/.*kasync_start: task=([0-9a-f]+) name=left-behind/\1/p" /tmp/trace)
	check "a task starts" "[ -n \"$task\" ]"
	grep "task=$task " /tmp/trace | sed -E "s/.*kasync_([a-z_]+): task=[0-9a-f]+ name=left-behind ?/\1 /" | tr -d "\n" >/tmp/life
	check "it is polled, and is not ready" "grep -q \"^start poll_begin poll_end pending\" /tmp/life"
	check "tasks are woken, and end" "grep -q kasync_wake: /tmp/trace && grep -q \"poll_end: .* ready\" /tmp/trace"
	check "scopes are cancelled" "grep -qE \"kasync_cancel_scope: .* path=[a-z-]+/[a-z]\" /tmp/trace"
	n() { dmesg | grep -cE "kasync: stalled: left-behind +idle .* kernel/kasync_test.rs:[0-9]+ left-behind"; }
	for i in $(seq 600); do [ "$(n)" = 0 ] || break; sleep 0.1; done
	sleep 1
	check "a stall is reported, once" "[ $(n) = 1 ]"
	# With the program that people use.
	rmmod kasync_test
	cd /tmp
	trace-cmd record -e kasync -o /tmp/trace.dat insmod /mnt/rig/modules/kasync_test.ko >/tmp/trace-cmd.out 2>&1
	check "trace-cmd records" "[ $? = 0 ]"
	trace-cmd report -i /tmp/trace.dat >/tmp/report 2>/tmp/report.err
	check "trace-cmd reports" "[ $? = 0 ] && [ ! -s /tmp/report.err ]"
	field="0x[0-9a-f]+|[0-9a-f]{8,16}"
	task=$(sed -nE "s/.*kasync_start: +task=($field) name=left-behind\$/\1/p" /tmp/report)
	check "its report has a task, by name" "[ -n \"$task\" ]"
	check "and that it was polled" "grep -qE \"kasync_poll_end: .*task=$task .*pending\" /tmp/report"
	for event in start wake poll_begin poll_end cancel_scope; do
		check "it has kasync_$event" "grep -q kasync_$event: /tmp/report"
	done
	if rmmod kasync_test kasync; then echo ok unload; else echo not ok unload; fi
	cat /tmp/tasks /tmp/life; tail -n 5 /tmp/trace
	cat /tmp/report.err; grep left-behind /tmp/report | head -n 5'
