# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# tier: all
#
# The GPU in a power domain of Linux's own: what is turned off, and when that is refused. Without power no register may be touched,
# which the emulator looks at.
# shellcheck disable=SC2154

# domain NAME HARDWARE SHELL: runs SHELL, which prints TAP, in a machine with that power domain.
domain() {
	local name=$1
	guest_tap "$name" --share "$programs" --emu "--hardware $2" --kernel-options no_console_suspend \
		--modules "kasync jobqueue agxemu_bridge asahi keep_awake" -- bash -c '
		check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
		says() { check "$2 times: $1" test "$(dmesg | grep -cE "$1")" = "$2"; }
		driver=/sys/bus/platform/drivers/asahi
		bind() { echo 11000000.gpu >$driver/bind; }
		unbind() { echo 11000000.gpu >$driver/unbind; }
		state() { awk "\$1 == \"gfx\" { print \$2 }" /sys/kernel/debug/pm_genpd/pm_genpd_summary; }
		is() {
			for i in $(seq 1200); do
				[ "$(state)" != "$1" ] || return 0
				sleep 0.1
			done
			cat /sys/kernel/debug/pm_genpd/pm_genpd_summary
			return 1
		}
		echo freezer >/sys/power/pm_test
		echo 1 >/sys/module/suspend/parameters/pm_test_delay
		sleeps() { echo freeze 2>/tmp/error >/sys/power/state; }
		eval "$1"' sh "$3"
	none_of "$name" gated cuts asleep remapped
}

# shellcheck disable=SC2016
domain power-domain power-domain '
	check "the domain is on" is on
	/mnt/share/faults ok ok
	# As far as devices go, after which domains are off in which all devices are suspended.
	off() { cat /sys/kernel/debug/pm_genpd/gfx/total_idle_time; }
	before=$(off)
	echo platform >/sys/power/pm_test
	check "the system sleeps" sleeps
	check "the domain is on" is on
	check "and has been all the time" test "$(off)" = "$before"
	says "asahi .*gpu: firmware answers after system suspend" 1
	/mnt/share/faults ok
	echo freezer >/sys/power/pm_test
	check unbind unbind
	check "the domain is off" is off-0
	check "the system sleeps without the driver" sleeps
	check bind bind
	check "the domain is on again" is on
	/mnt/share/faults ok ok ok
	for i in $(seq 5); do unbind; is off-0; bind; done
	/mnt/share/faults ok
	check unload rmmod asahi
	check "the domain is off again" is off-0
	check load insmod /mnt/rig/modules/asahi.ko
	/mnt/share/faults ok'

# shellcheck disable=SC2016
domain power-always-on always-on '
	check "the domain is on" is on
	/mnt/share/faults ok ok
	check "the system sleeps" sleeps
	says "asahi .*gpu: firmware answers after system suspend" 1
	/mnt/share/faults ok
	check unbind unbind
	check "the domain stays on" is on
	check bind bind
	/mnt/share/faults ok ok
	check unload rmmod asahi
	check load insmod /mnt/rig/modules/asahi.ko
	/mnt/share/faults ok'

# A coprocessor that does not go to sleep keeps its power: without its driver, with one that leaves it alone, and when the system
# sleeps.
# shellcheck disable=SC2016
domain power-kept "power-domain --fault no-sleep" '
	off() { cat /sys/kernel/debug/pm_genpd/gfx/total_idle_time; }
	before=$(off)
	/mnt/share/faults ok
	check unbind unbind
	says "asahi .*gpu: firmware did not go to sleep .*: what it was given stays allocated until the next reboot" 1
	says "asahi .*gpu: coprocessor may still run: its power domain stays on until the next reboot" 1
	check "another driver leaves it alone" eval "! bind 2>/dev/null"
	check unload rmmod asahi
	echo platform >/sys/power/pm_test
	check "the system sleeps, as far as devices go" sleeps
	check "the domain is on" is on
	check "and has been all the time" test "$(off)" = "$before"'

# A firmware that boots when the suspend has begun, which its driver was not told of.
# shellcheck disable=SC2016
domain power-late power-domain '
	check unbind unbind
	check "the domain is off" is off-0
	echo platform >/sys/power/pm_test
	holds=/sys/module/keep_awake/parameters/holds
	echo 1 >$holds
	begun() { dmesg | grep -q "keep_awake: the suspend is held"; }
	sleeps &
	suspend=$!
	until begun || ! kill -0 $suspend 2>/dev/null; do sleep 0.1; done
	check "a suspend begins" begun
	bind &
	bind=$!
	# It goes on when the driver wants to be told of suspends, which has to wait for this one to begin.
	registers() { grep -q notifier_chain_register /proc/$bind/stack 2>/dev/null; }
	until registers || ! kill -0 $bind 2>/dev/null; do sleep 0.1; done
	check "the driver registers meanwhile" registers
	echo 0 >$holds
	check "it is refused" eval "! wait $suspend"
	check bind wait $bind
	says "asahi .*gpu: firmware was booted while the system began to suspend: refused" 1
	/mnt/share/faults ok
	check unload rmmod asahi
	check "the system sleeps without the driver" sleeps'
