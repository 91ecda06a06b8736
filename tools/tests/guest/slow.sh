# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# A firmware that lives, and is slower than the driver waits for it. It keeps what it was given, and uses it after that: nothing of that is
# given away.
# shellcheck disable=SC2154

# slow NAME HARDWARE FAULT SHELL: runs SHELL, which prints TAP. It has "lines", which prints what the driver says, and "says COUNT PATTERN",
# which looks for that.
slow() {
	guest_tap "slow-$1" --timeout 900 --kernel-options page_poison=1 --share "$programs" \
		--emu "--hardware poison,$2 ${3:+--fault $3}" -- bash -c '
		check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
		lines() { dmesg -l err,warn | grep "asahi .*gpu: " | grep -vE "RTKit:|gpu: firmware: |probe with driver asahi failed"; }
		says() { check "$1 times: $2" test "$(lines | grep -cE "$2")" = "$1"; }
		eval "$1"
		lines | sed "s/^/# /"' sh "$4"
	untouched "slow-$1"
}

# The GPU halts after the driver has given it up.
slow halt slow-halt:8000 mmu-fault:2 '
	/mnt/share/faults ok ENODEV ENODEV SUBMIT:ENODEV
	says 1 "GPU fault: .*: [0-9]+ commands have failed"
	says 1 "no halt after Fault: ETIMEDOUT: the GPU is unusable until the next reboot"
	check "no other line" test "$(lines | wc -l)" = 2
	check unload rmmod asahi
	check load insmod /mnt/rig/modules/asahi.ko
	/mnt/share/faults ok
	check "still no other line" test "$(lines | wc -l)" = 2
	# By then the first halt would be over.
	sleep 5'
# The first command takes longer than the probe waits. The firmware comes to it, and to the first job.
slow init slow-init:14000 '' '
	line="firmware has not taken its first command for 10 s: going on without"
	/mnt/share/faults ok ok
	says 1 "$line"
	check unload rmmod asahi
	check load insmod /mnt/rig/modules/asahi.ko
	/mnt/share/faults ok ok
	says 2 "$line"
	check "no other line" test "$(lines | wc -l)" = 2'
# Longer than any other command may take. Clients that want to have the cache flushed meanwhile wait, and end when they are killed.
# shellcheck disable=SC2016
slow wait slow-init:60000 '' '
	line="firmware has not taken its first command for 10 s: going on without"
	/mnt/share/wedge garbage
	/mnt/share/faults ok ok
	check unload rmmod asahi
	says 1 "$line"
	check "no other line" test "$(lines | wc -l)" = 1'
# It goes to sleep after the driver has given up waiting for that, and has what it was given until then. Nobody is told when it does, so the
# next driver leaves it alone.
slow sleep slow-sleep:3000 '' '
	/mnt/share/faults ok ok
	check unload rmmod asahi
	says 1 "firmware did not go to sleep \(ETIME\): what it was given stays allocated until the next reboot"
	check load insmod /mnt/rig/modules/asahi.ko
	says 1 "firmware still has what an earlier driver gave it: reboot to use the GPU"
	check "there is no device" test ! -e /dev/dri/renderD128
	# By then it sleeps.
	sleep 5
	check "no other line" test "$(lines | wc -l)" = 2
	check "unload again" rmmod asahi'
