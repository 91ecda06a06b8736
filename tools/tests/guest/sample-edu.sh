# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# The executor under a driver for a device that is not ours: samples/rust/edu_async on QEMU's edu. The driver is unbound in the
# middle of a transfer, again and again, and at last goes with its module. With "all", each allocation of the binding thread fails once,
# and each of the unbinding thread.
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
	# The binding thread is the device's client, too: what it asks for is asked for while it binds.
	# shellcheck source=tools/tests/lib/samples.sh
	. "$here/lib/samples.sh"
	guest_tap sample-edu-allocations --no-emu --device edu,dma_mask=0xffffffff --modules "kasync edu_async" --timeout 3600 -- \
		sh -c "$(sample_allocations edu_async)
		$(sample_ends edu_async)
		if rmmod edu_async kasync; then echo ok unload; else echo not ok unload; fi"
	guest_tap sample-edu-killed --no-emu --device edu,dma_mask=0xffffffff --modules "kasync edu_async" --timeout 1800 -- \
		sh -c "$(sample_killed edu_async "$rounds" 300)
		if rmmod edu_async kasync; then echo ok unload; else echo not ok unload; fi"
fi
