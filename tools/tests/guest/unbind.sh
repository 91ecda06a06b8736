# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Unbinding waits for what only the hardware or others can end: it says so, it does not wait for ever for a job, and the thread that waits
# is not taken for hung. Times are real: a job of 20 s, and one that goes on for ever. Nothing uses memory that the driver has freed.
# shellcheck disable=SC2154
guest_tap unbind-foreign --share "$programs" --timeout 900 -- /mnt/share/lives foreign

# unbinds NAME DELAY RESULT LINE MOST SHELL: while a job of DELAY ms is in flight, which ends with RESULT, the device is unbound within MOST
# seconds, and the kernel says LINE as well, if that is not empty. Then SHELL.
unbinds() {
	guest_tap "unbind-$1" --plain-kernel --timeout 900 --kernel-options page_poison=1 --share "$programs" \
		--emu "--hardware poison --fault delay:1:$2" -- bash -c '
		[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
		check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
		lines() { dmesg | sed -n "/rig: unbind/,\$p" | grep "asahi .*gpu: " | grep -v RTKit:; }
		says() { check "once: $1" test "$(lines | grep -cE "$1")" = 1; }
		exec 3< <(exec /mnt/share/faults "$1")
		while read -ru 3 line && [ "$line" != "# submitted" ]; do echo "$line"; done
		echo "rig: unbind" >/dev/kmsg
		begun=$SECONDS
		check unbind sh -c "echo 11000000.gpu >/sys/bus/platform/drivers/asahi/unbind"
		took=$((SECONDS - begun))
		cat <&3
		check "the device is gone after $took s, more than 5 and at most $3" test $took -gt 5 -a $took -le $3
		says "waits for jobs in flight, 120 s at most, before it is unbound$"
		[ -z "$2" ] || says "$2"
		check "no other line" test "$(lines | grep -vcE "${2:-waits for jobs}|waits for jobs|stays? allocated")" = 0
		lines | sed "s/^/# /"
		eval "$4"
		check unload rmmod asahi' sh "$3" "$4" "$5" "$6"
	untouched "unbind-$1"
}

# shellcheck disable=SC2016
again='check bind sh -c "echo 11000000.gpu >/sys/bus/platform/drivers/asahi/bind"
	/mnt/share/faults ok'
unbinds long 20000 ok '' 40 "$again"
# What runs on the GPU still does, and no other job would: what the job's firmware was given stays, and the next driver is refused.
# shellcheck disable=SC2016
refused='says "a job still runs: what firmware was given stays allocated until the next reboot$"
	check "binding is refused" sh -c "! echo 11000000.gpu 2>/tmp/said >/sys/bus/platform/drivers/asahi/bind"
	check "as the GPU is busy" grep -q "Device or resource busy" /tmp/said
	says "firmware still has what an earlier driver gave it: reboot to use the GPU$"
	check "there is no device" test ! -e /dev/dri/renderD128'
unbinds endless 3600000 ENODEV 'jobs still run after 120 s of unbinding: the GPU is unusable until the next reboot$' 160 "$refused"
