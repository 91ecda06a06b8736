# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# What suites of sample drivers share.

# sample_allocations DRIVER: what a guest's shell runs to bind the device of a driver again and again, each time with the next of the
# allocations failing that the binding thread makes, until there are no more. The device is bound before and afterwards.
sample_allocations() {
	printf 'driver=/sys/bus/pci/drivers/%s\n' "$1"
	cat <<'T'
	device=$(ls $driver | grep -m 1 :)
	echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
	echo 0 >/sys/kernel/debug/failslab/verbose
	n=0 failed=0 left=
	echo $device >$driver/unbind
	while :; do
		n=$((n + 1))
		# In one process, whose allocations are counted. It says how many are left, if it gets that far.
		left=$(sh -c 'echo $1 >/proc/self/fail-nth; echo $2 >$3/bind; read left </proc/self/fail-nth; echo 0 >/proc/self/fail-nth; echo $left' \
			sh $n $device $driver 2>/dev/null)
		if [ ! -e $driver/$device ]; then
			failed=$((failed + 1))
			continue
		fi
		# 0: one has failed, and the driver did without. Nothing: one has failed that came after.
		[ "${left:-0}" = 0 ] || break
		[ $n -lt 5000 ] || break
		echo $device >$driver/unbind
	done
	if [ $failed -gt 10 ] && [ $n -lt 5000 ]; then
		echo "ok each of $n allocations fails once, $failed end the binding"
	else
		echo "not ok allocations: $n tried, $failed ended the binding"
	fi
T
}
