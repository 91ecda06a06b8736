# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# tier: all
#
# The lock that driver and firmware share: no client fails if the firmware gives it back late. One that never does is given up with one
# line. Its clients are told so, and the driver goes; what the firmware may still use stays, and so does the lock.
# shellcheck disable=SC2154

# lock NAME FAULTS SHELL: runs SHELL, which prints TAP, in a machine whose firmware keeps the lock.
lock() {
	guest_tap "handoff-$1" --share "$programs" --emu "--fault ${2// / --fault }" -- bash -c '
		[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
		check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
		lines() { dmesg -l err,warn | grep "asahi .*gpu: " | grep -v RTKit:; }
		says() { check "$2 times: $1" test "$(lines | grep -cE "$1")" = "$2"; }
		# Starts a client, and returns when its first job is done; its output goes on at file 3.
		start() {
			exec 3< <(exec /mnt/share/faults "$@")
			while read -ru 3 line; do
				echo "$line"
				[[ $line != "ok "*"job 1: "* ]] || return 0
			done
			return 1
		}
		eval "$1"' sh "$3"
}

# The second job is still running when another client needs the lock, to have its page tables used.
lock never "keep-handoff:1 delay:2:600000" '
	stuck="firmware does not give back the handoff lock"
	check "a job runs, and the firmware keeps the lock" start ok ENODEV ENODEV SUBMIT:ENODEV
	check "another client fails" sh -c "! timeout 100 /mnt/share/faults ok >/dev/null 2>&1"
	cat <&3
	says "$stuck: the GPU is unusable until the next reboot" 1
	check "no other line" test "$(lines | wc -l)" = 1
	lines | sed "s/^/# /"
	check unbind sh -c "echo 11000000.gpu >/sys/bus/platform/drivers/asahi/unbind"
	check "there is no device any more" test ! -e /dev/dri/renderD128
	# What the firmware may use is not given back, and that is said.
	kept() { dmesg | grep -q "gpu: .* stay allocated until the next reboot"; }
	check "the driver says what it leaves behind" kept
	check unload rmmod asahi
	# The lock is still kept: the next driver says so, and leaves the GPU alone.
	before=$(lines | wc -l)
	# That its probe has failed is said by the core of drivers.
	new() { lines | tail -n +$((before + 1)) | grep -v "probe with driver asahi failed"; }
	check load insmod /mnt/rig/modules/asahi.ko
	check "still no device" test ! -e /dev/dri/renderD128
	new | sed "s/^/# /"
	check "and one line" test "$(new | wc -l)" = 1
	check "that says why" sh -c "dmesg | tail | grep -q \"gpu: $stuck\$\""
	check "unload again" rmmod asahi'

# Clients come while the firmware, which does nothing else then, has the lock: for half of the time that the driver waits, so that it may
# be late. It is the first time, so none of them waits for memory of one that has ended. On a machine on which none comes in time this is
# done again.
for _ in 1 2 3 4; do
	lock late keep-handoff:1:500 '
	for i in $(seq 16); do
		/mnt/share/faults ok ok &
		clients+=($!)
	done
	for pid in "${clients[@]}"; do
		wait $pid || echo not ok a client has failed
	done
	check "no line" test "$(lines | wc -l)" = 0
	lines | sed "s/^/# /"
	check unload rmmod asahi'
	[ "$(counted handoff-late handoff_waits)" = 0 ] || break
done
# The driver has waited for it.
at_least handoff-late handoff_waits 1
