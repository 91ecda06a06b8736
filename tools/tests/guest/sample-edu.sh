# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# The executor under a driver for a device that is not ours: samples/rust/edu_async on QEMU's edu. The driver is unbound in the
# middle of a transfer, again and again, and at last goes with its module. With "all", each allocation of the binding thread fails once.
[ "$TIER" = all ] && rounds=100 || rounds=10
guest_tap sample-edu --no-emu --device edu,dma_mask=0xffffffff --modules "kasync edu_async" -- sh -c '
	driver=/sys/bus/pci/drivers/edu_async
	device=$(ls $driver | grep -m 1 :)
	if [ -n "$device" ]; then echo ok bound; else echo not ok bound; fi
	for i in $(seq '"$rounds"'); do
		echo $device >$driver/unbind
		[ ! -e $driver/$device ] || echo not ok unbind $i
		echo $device >$driver/bind || echo not ok bind $i
	done
	# The device was busy, but for a moment between two transfers, and requests were refused.
	busy=$(dmesg | grep -c "edu_async: unbound, device busy: true; [0-9]* over, [1-9]")
	if [ $busy -gt '$((rounds / 2))' ]; then echo ok busy; else echo not ok busy $busy; fi
	if rmmod edu_async kasync; then echo ok unload; else echo not ok unload; fi
	dmesg | sed -nE "s/^.*edu_async: ((not )?ok .*)/\1/p" | sort | uniq -c | sed -E "s/^ *([0-9]+) ((not )?ok) (.*)/\2 \4 (\1 times)/"'

if [ "$TIER" = all ]; then
	# The binding thread is the device's client, too: what it asks for is asked for while it binds. Each of its allocations fails once.
	# It is told that there is no memory, and binding at once succeeds.
	guest_tap sample-edu-allocations --no-emu --device edu,dma_mask=0xffffffff --modules "kasync edu_async" --timeout 3600 -- sh -c '
		driver=/sys/bus/pci/drivers/edu_async
		device=$(ls $driver | grep -m 1 :)
		echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
		echo 0 >/sys/kernel/debug/failslab/verbose
		n=0 failed=0 wrong=0 again=0 left=
		echo $device >$driver/unbind
		while [ $n -lt 2000 ]; do
			n=$((n + 1))
			# In one process, whose allocations are counted. It says how many are left, if it gets that far.
			left=$(bash -c "echo $n >/proc/self/fail-nth; echo $device >$driver/bind; read left </proc/self/fail-nth
				echo 0 >/proc/self/fail-nth; echo \$left" 2>/tmp/said)
			if [ -e $driver/$device ]; then
				# 0: one has failed, and the driver did without. Nothing: one has failed that came after.
				[ "${left:-0}" = 0 ] || break
			else
				failed=$((failed + 1))
				grep -q "Cannot allocate memory" /tmp/said || {
					wrong=$((wrong + 1))
					echo "# allocation $n: $(cat /tmp/said)"
				}
				echo $device >$driver/bind || again=$((again + 1))
			fi
			[ ! -e $driver/$device ] || echo $device >$driver/unbind
		done
		if [ $failed -gt 10 ] && [ $n -lt 2000 ]; then
			echo "ok each of $n allocations fails once, $failed end the binding"
		else
			echo "not ok allocations: $n tried, $failed ended the binding"
		fi
		if [ $wrong = 0 ]; then echo ok each says that there is no memory; else echo "not ok $wrong times another error"; fi
		if [ $again = 0 ]; then echo ok each time binding at once succeeds; else echo "not ok $again times it fails again"; fi
		if rmmod edu_async kasync; then echo ok unload; else echo not ok unload; fi'
fi
