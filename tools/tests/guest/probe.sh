# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# What the driver does without a firmware that it can use: one line that names the cause, no device, nothing
# left behind (the machine looks for leaks), and it can be loaded again.

# probe_fails FAULT LINE [LINE-WHEN-LOADED-AGAIN]
probe_fails() {
	guest_tap "probe-${1//[:.]/-}" --emu "--fault $1" -- sh -c '
		lines() {
			dmesg -l err,warn | grep "asahi .*gpu: " | grep -v RTKit: | grep -v "probe with driver asahi failed"
		}
		check() {
			if [ "$(lines | grep -cE "$1")" = "$2" ]; then echo "ok $3"; else echo "not ok $3"; lines; fi
		}
		check "$1" 1 "one line names the cause"
		if [ -e /dev/dri ]; then echo "not ok there is no device"; else echo "ok there is no device"; fi
		if rmmod asahi && insmod /mnt/rig/modules/asahi.ko; then echo ok reload; else echo not ok reload; fi
		check "$2" "$3" "one line when loaded again"
		if rmmod asahi agxemu_bridge jobqueue kasync; then echo ok unload; else echo not ok unload; fi
		' sh "$2" "${3:-$2}" "$(if [ $# = 3 ]; then echo 1; else echo 2; fi)"
}

asleep='firmware was started before and does not wake up: reboot to use the GPU'
probe_fails no-hello 'firmware does not answer on its mailbox' "$asleep"
probe_fails no-handoff 'firmware does not answer the handoff'
probe_fails crash-boot 'firmware crashed \(.*unusable until the next reboot' "$asleep"
probe_fails abi:12.3.1 'firmware interface 12\.3\.1 is not supported'
for region in uat-ttbs uat-pagetables uat-handoff hw-cal-a hw-cal-b globals; do
	probe_fails "no-region:$region" "no memory region '${region#uat-}'"
done
probe_fails empty-region:hw-cal-a 'memory region hw-cal-a is empty'
probe_fails empty-region:globals 'memory region globals is empty'

# No emulator at all: no device appears, and the modules come and go.
guest_tap probe-without-gpu --no-emu -- sh -c '
	if grep -q alias=of: /mnt/rig/modules/asahi.ko; then echo "not ok nothing loads it by itself"; else echo "ok nothing loads it by itself"; fi
	if [ -e /dev/dri ]; then echo "not ok there is no device"; else echo "ok there is no device"; fi
	if rmmod asahi agxemu_bridge jobqueue kasync; then echo ok unload; else echo not ok unload; fi'
