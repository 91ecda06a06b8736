# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# What the driver does without a firmware that it can use: one line that names the cause, no device, nothing
# left behind (the machine looks for leaks), and it can be loaded again. The firmware uses no memory that was freed: the debug
# kernel fills that. In "make test" only a firmware that is never there, one that crashes late and one that does not sleep are
# tried on the debug kernel, which takes several times as long to boot.
# shellcheck disable=SC2154
poison=(--kernel-options page_poison=1)
plain=
[ "$TIER" = all ] || plain=--plain-kernel

# probe_fails FAULT LINE [LINE-WHEN-LOADED-AGAIN]
probe_fails() {
	local kernel=$plain
	case $1 in no-hello | crash-init) kernel= ;; esac
	guest_tap "probe-${1//[:.]/-}" ${kernel:+"$kernel"} "${poison[@]}" --emu "--hardware poison --fault $1" --gpu-may-fail -- sh -c '
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
	untouched "probe-${1//[:.]/-}"
}

asleep='firmware was started before and does not wake up: reboot to use the GPU'
kept='firmware still has what an earlier driver gave it: reboot to use the GPU'
probe_fails no-hello 'firmware does not answer on its mailbox' "$asleep"
probe_fails no-handoff 'firmware does not answer the handoff'
# A firmware that crashes keeps what it was given; if it crashes later, what is in the init data as well.
probe_fails crash-boot 'firmware crashed \(.*unusable until the next reboot' "$kept"
probe_fails crash-init 'firmware crashed \(.*unusable until the next reboot' "$kept"
probe_fails abi:12.3.1 'firmware interface 12\.3\.1 is not supported'
# One is like the other.
regions=(globals)
[ "$TIER" = test ] || regions=(uat-ttbs uat-pagetables uat-handoff hw-cal-a hw-cal-b globals)
for region in "${regions[@]}"; do
	probe_fails "no-region:$region" "no memory region '${region#uat-}'"
done
probe_fails empty-region:hw-cal-a 'memory region hw-cal-a is empty'
[ "$TIER" = test ] || probe_fails empty-region:globals 'memory region globals is empty'

# No emulator at all: no device appears, and the modules come and go.
guest_tap probe-without-gpu ${plain:+"$plain"} --no-emu -- sh -c '
	if grep -q alias=of: /mnt/rig/modules/asahi.ko; then echo "not ok nothing loads it by itself"; else echo "ok nothing loads it by itself"; fi
	if [ -e /dev/dri ]; then echo "not ok there is no device"; else echo "ok there is no device"; fi
	if rmmod asahi agxemu_bridge jobqueue kasync; then echo ok unload; else echo not ok unload; fi'

# DMA goes to copies of memory, which the GPU does not share with anybody.
guest_tap probe-bounced ${plain:+"$plain"} --kernel-options swiotlb=force --gpu-may-fail -- sh -c '
	lines() { dmesg -l err,warn | grep "asahi .*gpu: " | grep -v RTKit: | grep -v "probe with driver asahi failed"; }
	check() { if "$@"; then echo "ok $*"; else echo "not ok $*"; lines; fi; }
	check test "$(lines | wc -l)" = 1
	check test "$(lines | grep -c "memory would be copied for each access by the GPU (swiotlb), which shares it")" = 1
	check test ! -e /dev/dri
	check rmmod asahi'

# The mailbox has no driver yet, so the GPU is probed later. Linux finds that out by links between devices; without those, the GPU's
# own driver does.
probe_defers() {
	guest_tap "probe-defer-$1" ${plain:+"$plain"} --kernel-options "fw_devlink=$1 page_poison=1" --emu "--hardware poison" \
		--share "$programs" -- bash -c '
		check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
		complaints() { dmesg -l err,warn | grep "11000000.gpu" | grep -v RTKit:; }
		mailbox() { echo 11008000.mbox >/sys/bus/platform/drivers/apple-mailbox/$1; }
		check unload rmmod asahi
		check "the mailbox loses its driver" mailbox unbind
		check load insmod /mnt/rig/modules/asahi.ko
		check "there is no device" test ! -e /dev/dri/renderD128
		check "it waits for its turn" grep -q 11000000.gpu /sys/kernel/debug/devices_deferred
		check "without a word" test -z "$(complaints)"
		check "the mailbox has a driver again" mailbox bind
		# The kernel probes from a worker.
		for i in $(seq 1200); do [ ! -e /dev/dri/renderD128 ] || break; sleep 0.1; done
		/mnt/share/faults ok ok
		check "still without a word" test -z "$(complaints)"'
	untouched "probe-defer-$1"
}
[ "$TIER" = test ] || probe_defers on
probe_defers off

# Each step of RTKit's dialogue takes longer than RTKit waits for one; at a cold start, and when it is woken.
guest_tap probe-slow-boot ${plain:+"$plain"} "${poison[@]}" --emu "--hardware poison,slow-boot:1300" --share "$programs" -- bash -c '
	check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
	/mnt/share/faults ok
	check unload rmmod asahi
	check load insmod /mnt/rig/modules/asahi.ko
	/mnt/share/faults ok
	check "without a word" test -z "$(dmesg -l err,warn | grep "asahi .*gpu: " | grep -v RTKit:)"'
untouched probe-slow-boot

# It has much to do yet when it is told that the driver goes, and answers later than RTKit waits for it.
guest_tap probe-slow-quiesce ${plain:+"$plain"} "${poison[@]}" --emu "--hardware poison,slow-quiesce:1500" --share "$programs" -- bash -c '
	check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
	lines() { dmesg -l err,warn | grep "asahi .*gpu: " | grep -v RTKit:; }
	for i in 1 2; do
		/mnt/share/faults ok
		check unload rmmod asahi
		check load insmod /mnt/rig/modules/asahi.ko
	done
	/mnt/share/faults ok
	check "without a word" test -z "$(lines)"
	lines | sed "s/^/# /"'
untouched probe-slow-quiesce

# A firmware that stays awake when it is told to sleep keeps what it was given: that memory is not given away. A kernel that removes
# each device once before it is used (CONFIG_DEBUG_TEST_DRIVER_REMOVE) has used it up by then: the second probe is refused, and there
# is no device to begin with.
if [ "${AGAIN:-}" = --checks-kernel ]; then
	skip probe-no-sleep "the kernel \"checks\" removes the device before it is used, and a firmware that does not sleep is not probed twice"
else
	guest_tap probe-no-sleep "${poison[@]}" --emu "--hardware poison --fault no-sleep" --share "$programs" -- bash -c '
		check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
		lines() { dmesg -l err,warn | grep "asahi .*gpu: " | grep -v RTKit: | grep -v "probe with driver asahi failed"; }
		says() { check "one line: $1" test "$(lines | grep -cE "$1")" = 1; }
		/mnt/share/faults ok ok
		check unload rmmod asahi
		says "firmware did not go to sleep .*: what it was given stays allocated until the next reboot"
		check load insmod /mnt/rig/modules/asahi.ko
		says "$1"
		check "there is no device" test ! -e /dev/dri/renderD128
		check "no other line" test "$(lines | wc -l)" = 2
		lines | sed "s/^/# /"
		check "unload again" rmmod asahi' sh "$kept"
	untouched probe-no-sleep
fi

# Page tables that are not part of the kernel's own mapping of memory.
[ "$TIER" = test ] || guest_tap probe-no-map --no-map uat-pagetables --share "$programs" -- bash -c '
	check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
	node=$(echo /proc/device-tree/reserved-memory/uat-pagetables@*)
	check "the region is marked" test -e "$node/no-map"
	/mnt/share/faults ok ok
	check unload rmmod asahi
	check load insmod /mnt/rig/modules/asahi.ko
	/mnt/share/faults ok'
