# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154
#
# The executor under a driver for a device that is not ours: samples/rust/edu_async on QEMU's edu. The driver is unbound in the
# middle of a transfer, again and again, and at last goes with its module. With "all", its interrupt stays away for a while, each
# allocation of the binding thread fails once, and each of the unbinding thread.
# shellcheck source=tools/tests/lib/samples.sh
. "$here/lib/samples.sh"
[ "$TIER" = all ] && rounds=100 || rounds=10
# Busy: it was, but for a moment between two transfers, and requests were refused.
guest_tap sample-edu --no-emu --device edu,dma_mask=0xffffffff --modules kasync --carry edu_async -- sh -c '
	insmod /mnt/rig/modules/edu_async.ko dma_bits=32
	'"$(sample_rebound edu_async "$rounds" "edu_async: unbound, device busy: true; [0-9]* over, [1-9]")"'
	if rmmod edu_async kasync; then echo ok unload; else echo not ok unload; fi
	'"$(sample_told edu_async)"

if [ "$TIER" = all ]; then
	# The driver gets the interrupt by the line, which the device keeps up: turned off by a bit of the command register, it comes once that
	# is clear again. Meanwhile the device counts as dead, and whoever waits for an engine is told, so that binding ends.
	guest_tap sample-edu-dead --no-emu --device edu,dma_mask=0xffffffff --modules kasync --carry edu_async --timeout 600 -- sh -c '
		insmod /mnt/rig/modules/edu_async.ko dma_bits=32
		driver=/sys/bus/pci/drivers/edu_async
		device=$(ls $driver | grep -m 1 :)
		sysfs=/sys/bus/pci/devices/$device
		line() { printf "\\$1" | dd of=$sysfs/config bs=1 seek=5 conv=notrunc 2>/dev/null; }
		said() { dmesg | grep -q "edu_async: $1"; }
		echo $device >$driver/unbind
		echo 0 >$sysfs/msi_bus
		dmesg -C
		(echo $device >$driver/bind) 2>/tmp/said & binding=$!
		# Binding turns it on, so that this is done until it has had its effect, or binding has ended.
		binds() { kill -0 $binding 2>/dev/null; }
		while binds && ! said "the device is dead"; do line 004; done
		while binds && ! said "not ok eight tasks"; do sleep 0.1; done
		if said "not ok eight tasks"; then echo ok all that wait are told; else echo not ok all that wait are told; fi
		line 000
		wait $binding
		if grep -q "Input/output error" /tmp/said; then echo ok binding fails; else echo not ok binding fails: $(cat /tmp/said); fi
		if echo $device >$driver/bind && [ -e $driver/$device ]; then echo ok bound once it works again; else echo not ok bound; fi
		if rmmod edu_async kasync; then echo ok unload; else echo not ok unload; fi'
	# The binding thread is the device's client, too: what it asks for is asked for while it binds.
	guest_tap sample-edu-allocations --no-emu --device edu,dma_mask=0xffffffff --modules kasync --carry edu_async --timeout 3600 -- \
		sh -c "insmod /mnt/rig/modules/edu_async.ko dma_bits=32
		$(sample_allocations edu_async)
		$(sample_ends edu_async)
		if rmmod edu_async kasync; then echo ok unload; else echo not ok unload; fi"
	guest_tap sample-edu-killed --no-emu --device edu,dma_mask=0xffffffff --modules kasync --carry edu_async --timeout 1800 -- \
		sh -c "insmod /mnt/rig/modules/edu_async.ko dma_bits=32
		$(sample_killed edu_async "$rounds" 300)
		if rmmod edu_async kasync; then echo ok unload; else echo not ok unload; fi"
fi
