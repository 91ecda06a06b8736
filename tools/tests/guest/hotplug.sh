# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Processors that go and come back, three of four, while clients are killed with jobs in all states, and while timers, workers and
# interrupts of the executor's own tests run.
# shellcheck disable=SC2154

# hotplug_tap NAME SCRIPT END OPTION…: the script runs beside the function "toggle", which does not end before there is /tmp/over. Then
# comes the script END.
hotplug_tap() {
	local name=$1 script=$2 last=$3
	shift 3
	guest_tap "$name" --processors 4 --timeout 900 "$@" -- bash -c '
		toggle() {
			local rounds=0 cpu failed=0
			until [ -e /tmp/over ]; do
				for state in 0 1; do
					for cpu in 1 2 3; do echo $state >/sys/devices/system/cpu/cpu$cpu/online || failed=$((failed + 1)); done
				done
				rounds=$((rounds + 1))
			done
			echo "# $rounds times"
			if [ $rounds -gt 0 ] && [ $failed = 0 ]; then echo ok processors go and come back; else echo not ok processors: $failed failed; fi
		}
		toggle &
		toggling=$!
		eval "$1"
		: >/tmp/over
		wait $toggling
		'"$last" sh "$script"
}

hotplug_tap hotplug-kasync '
	insmod /mnt/rig/modules/kasync_test.ko
	sed -nE "s/^ +((not )?ok [0-9].*|1\.\.[0-9]+)/\1/p" /sys/kernel/debug/kunit/kasync_*/results' '
	if rmmod kasync_test kasync; then echo ok unload; else echo not ok unload; fi' \
	--no-emu --modules kasync --carry kasync_test
hotplug_tap hotplug-lives '
	/mnt/share/lives kill 20 "${ASAHI_SEED:-1}"
	/mnt/share/uapi submit queue' '
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi' \
	--share "$programs"
