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
	guest_tap "$name" --share "$programs" --emu "--hardware $2" -- bash -c '
		check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
		says() { check "$2 times: $1" test "$(dmesg | grep -cE "$1")" = "$2"; }
		driver=/sys/bus/platform/drivers/asahi
		bind() { echo 11000000.gpu >$driver/bind; }
		unbind() { echo 11000000.gpu >$driver/unbind; }
		state() { awk "\$1 == \"gfx\" { print \$2 }" /sys/kernel/debug/pm_genpd/pm_genpd_summary; }
		is() {
			for i in $(seq 100); do
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
	refused="system suspend would cut the power of a running coprocessor: refused"
	not_busy() { ! sleeps && grep -q "Device or resource busy" /tmp/error; }
	check "suspend is refused" not_busy
	says "asahi .*gpu: $refused" 1
	/mnt/share/faults ok
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
	/mnt/share/faults ok
	says "asahi .*gpu: $refused" 1'

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
