# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# System suspend with jobs in all states: as far as the freezer, and real sleep, from which the clock wakes the machine.
# shellcheck disable=SC2154

# The plain kernel has no stages of a suspend to be tested.
option=${KERNEL/plain/debug}

# suspend_to HOW LINE OPTION…: LINE is what the kernel says each time that it has come so far.
suspend_to() {
	local how=$1 line=$2
	shift 2
	guest_tap "suspend-$how" "$option" --timeout 900 --share "$programs" \
		--emu "--fault delay:20 --fault delay:1:2000 --fault delay:2:20000" "$@" -- bash -c '
		# The firmware says much, too much for the kernel to keep.
		dmesg --follow >/tmp/log &
		/mnt/share/suspend "$1"
		says() { if [ "$(grep -cE "$1" /tmp/log)" = "$2" ]; then echo "ok $2 times: $1"; else echo "not ok $1"; fi; }
		says "asahi .*gpu: firmware answers after system suspend" 6
		says "asahi .*gpu: jobs still run after 10 s: system suspend is refused" 1
		says "$2" 6
		if rmmod asahi; then echo ok unload; else echo not ok unload; fi
		insmod /mnt/rig/modules/asahi.ko
		if [ -e /dev/dri/renderD128 ]; then echo ok reload; else echo not ok reload; fi' sh "$how" "$line"
}

suspend_to freezer "PM: suspend debug: Waiting for 1 second"
[ "$TIER" = test ] || suspend_to s2idle "PM: suspend-to-idle" --kernel-options "no_console_suspend pm_debug_messages" \
	--modules "kasync jobqueue agxemu_bridge asahi keep_awake"

# While the firmware boots a suspend is refused: its first command is that of the boot, and the driver would ask it something.
guest_tap suspend-boot "$option" --share "$programs" --emu "--hardware slow-boot:1300" -- bash -c '
	check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
	says() { dmesg | grep -qE "asahi .*gpu: $1"; }
	refused="firmware boots: system suspend is refused"
	check unload rmmod asahi
	echo freezer >/sys/power/pm_test
	# A process that loads a module cannot be frozen.
	echo 100 >/sys/power/pm_freeze_timeout
	insmod /mnt/rig/modules/asahi.ko &
	until says "$refused" || ! kill -0 $! 2>/dev/null; do echo freeze 2>/dev/null >/sys/power/state; done
	check "a suspend is refused" says "$refused"
	check "the firmware boots" wait $!
	/mnt/share/faults ok
	echo 20000 >/sys/power/pm_freeze_timeout
	check "a later suspend is not" sh -c "echo freeze >/sys/power/state"
	check "the firmware has survived it" says "firmware answers after system suspend"
	check "unload again" rmmod asahi'

# The device is unbound while a suspend waits for a job in flight. That the suspend gives up, which lets jobs run again, is nothing
# to the unbinding: it has waited for that job, which ends.
guest_tap suspend-unbind "$option" --timeout 900 --share "$programs" --emu "--fault delay:1:30000" -- bash -c '
	[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
	check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
	lines() { dmesg | grep "asahi .*gpu: " | grep -v RTKit:; }
	says() { check "once: $1" test "$(lines | grep -cE "$1")" = 1; }
	exec 3< <(exec /mnt/share/faults ok)
	while read -ru 3 line && [ "$line" != "# submitted" ]; do echo "$line"; done
	echo freezer >/sys/power/pm_test
	begun=$SECONDS
	echo freeze 2>/dev/null >/sys/power/state &
	until dmesg | grep -q "PM: suspend entry" || ! kill -0 $! 2>/dev/null; do sleep 0.1; done
	check "the suspend has begun" kill -0 $!
	check unbind sh -c "echo 11000000.gpu >/sys/bus/platform/drivers/asahi/unbind"
	took=$((SECONDS - begun))
	check "the suspend is refused" eval "! wait $!"
	cat <&3
	check "the device is gone after $took s, more than 10" test $took -gt 10
	says "jobs still run after 10 s: system suspend is refused$"
	says "waits for jobs in flight, 120 s at most, before it is unbound$"
	unusable() { lines | grep -qE "unusable|stays? allocated"; }
	check "the GPU is not given up" eval "! unusable"
	lines | sed "s/^/# /"
	check bind sh -c "echo 11000000.gpu >/sys/bus/platform/drivers/asahi/bind"
	/mnt/share/faults ok
	check "unload at the end" rmmod asahi'
