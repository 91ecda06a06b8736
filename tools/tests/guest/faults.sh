# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Jobs while the firmware or a shader goes wrong, and the driver afterwards. In "make test" the first, which has most of it, one that
# crashes the firmware, and the last are on the debug kernel, which takes several times as long to boot.
# shellcheck disable=SC2154

# faults RULES RESULT…: the jobs' results; then the driver goes, with whatever state it is in.
faults() {
	local rules=$1 kernel=
	shift
	case $TIER/$rules in test/mmu-fault:2* | test/crash-job:* | all/*) ;; *) kernel=--plain-kernel ;; esac
	guest_tap "faults-${rules//[:. ]/-}" ${kernel:+"$kernel"} --share "$programs" --emu "--fault ${rules// / --fault }" -- sh -c '
		/mnt/share/faults "$@"
		if rmmod asahi; then echo ok unload; else echo not ok unload; fi
		if insmod /mnt/rig/modules/asahi.ko; then echo ok reload; else echo not ok reload; fi
		' sh "$@"
}

faults "mmu-fault:2 hang:4 drop-flag:6 delay:8:500" ok EIO ok ETIMEDOUT ok ok ok ok ok
faults channel-error:2 ok EIO ok
# A job whose stamp was written before the next one failed is done, whether or not its event came.
faults "drop-flag:1 channel-error:2" ok EIO ok
faults "drop-flag:1 mmu-fault:2" ok EIO ok
faults "drop-flag:1 hang:2" ok ETIMEDOUT ok
# The driver has had about eight interrupts when it is up.
faults drop-irq:12 ok ok ok ok ok ok ok ok
# A job whose stamp was written before the crash is done, whether or not its event came.
faults crash-done:2 ok ok ENODEV SUBMIT:ENODEV
faults crash-job:2 ok ENODEV ENODEV SUBMIT:ENODEV

# A flood of failures: ten lines in 5 s, each of which names the client, and how many more there were, which is said when these are over.
# There are so many that some are left out unless each takes half a second; and however long they take, the lines are those of as many
# times 5 s as have begun.
flood=100
guest_tap faults-flood --plain-kernel --share "$programs" --emu "$(printf -- '--fault channel-error:%s ' $(seq $flood))" -- bash -c '
	dmesg --follow >/tmp/log &
	now() { cut -d. -f1 /proc/uptime; }
	begun=$(now)
	bash -c "echo \$\$ >/tmp/pid; exec /mnt/share/faults $(printf "EIO %.0s" $(seq $1))"
	took=$(($(now) - begun + 1))
	check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; cat /tmp/log; fi; }
	errors() { grep -c "gpu: channel error: .* of faults\[$(cat /tmp/pid)\]$" /tmp/log; }
	left_out() { sed -nE "s/^.*gpu: ([0-9]+) failures of jobs were not logged$/\1/p" /tmp/log | awk "{ n += \$1 } END { print n + 0 }"; }
	told() { [ $(($(errors) + $(left_out))) = "$1" ]; }
	for i in $(seq 600); do ! told "$1" || break; sleep 0.1; done
	check "ten lines name the client, and no more in 5 s ($(errors) in $took s)" test "$(errors)" -ge 10 -a "$(errors)" -le $((10 * (took / 5 + 1)))
	check "the others are counted" test "$(left_out)" -gt 0
	check "all of them, once" told "$1"' bash $flood

# Jobs take 8 s each; their client is killed, or loses the device, before the first is done.
guest_tap teardown-late-jobs --share "$programs" --emu "--fault delay:8000" -- bash -c '
	# Starts the program, and returns when it has submitted its jobs. Its output goes on at file 3.
	start() {
		exec 3< <(exec /mnt/share/faults "$@")
		pid=$!
		while read -ru 3 line && [ "$line" != "# submitted" ]; do echo "$line"; done
		kill -0 $pid
	}
	check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
	check "jobs are in flight" start ok ok ok
	kill -KILL $pid; wait $pid 2>/dev/null
	check "unload after the client was killed" rmmod asahi
	check "load" insmod /mnt/rig/modules/asahi.ko
	gone="ECANCELED|ENODEV"
	check "jobs are in flight again" start $gone $gone $gone SUBMIT:ENODEV
	echo 11000000.gpu >/sys/bus/platform/drivers/asahi/unbind
	cat <&3
	check "bind" sh -c "echo 11000000.gpu >/sys/bus/platform/drivers/asahi/bind"
	check "unload" rmmod asahi'
