# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# tier: all
#
# A firmware that hears nothing any more, while its RTKit goes on: the first part of the driver that needs it gives it up
# with one line, and the next driver starts it anew. Nothing uses memory that the driver has freed meanwhile.
# shellcheck disable=SC2154

# deaf NAME FAULTS LINE SHELL: in SHELL, which prints TAP, the firmware becomes deaf, and the driver says LINE. JOB is what runs
# after it.
deaf() {
	guest_tap "deaf-$1" --kernel-options page_poison=1 --share "$programs" \
		--emu "--hardware poison --fault ${2// / --fault }" -- bash -c '
		check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
		lines() { dmesg -l err,warn | grep "asahi .*gpu: " | grep -v RTKit:; }
		eval "$2"
		check "one line: $1" test "$(lines | grep -cE "$1")" = 1
		check "no other" test "$(lines | wc -l)" = 1
		lines | sed "s/^/# /"
		check unload rmmod asahi
		check load insmod /mnt/rig/modules/asahi.ko
		check "there is a device again" test -e /dev/dri/renderD128
		check "still one line" test "$(lines | wc -l)" = 1' sh "$3: the GPU is unusable until the next reboot" "$4"
	untouched "deaf-$1"
}

# No command completes, so the firmware is asked whether it is alive.
deaf ping "delay:1:600000 deaf:2" "no command completes, and firmware does not answer" \
	'/mnt/share/faults ENODEV ENODEV SUBMIT:ENODEV'
# The first command after a suspend, by which the driver finds out whether the firmware is still there.
deaf resume deaf:2 "firmware does not answer after system suspend" '
	echo freezer >/sys/power/pm_test
	echo 1 >/sys/module/suspend/parameters/pm_test_delay
	check "the system sleeps" sh -c "echo freeze >/sys/power/state"'
# The end of a queue.
deaf queue deaf:2 "the context of a queue was not destroyed: ETIMEDOUT" '/mnt/share/faults ok ok
	# The queue goes after the program has ended.
	for i in $(seq 1200); do
		lines | grep -q . && break
		sleep 0.1
	done'
