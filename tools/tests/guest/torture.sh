# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Long tests, on four processors: the module runs what it is asked for when it is loaded. "make test" does less of each.
torture() {
	local name=$1 option=$KERNEL
	shift
	# No allocation fails on the plain kernel.
	[ "$name" != failures ] || option=${KERNEL/plain/debug}
	guest_tap "torture-$name" "$option" --no-emu --processors 4 --timeout 3600 --modules "kasync jobqueue torture_keeper torture" -- sh -c "
		rmmod torture
		echo N >/sys/kernel/debug/failslab/ignore-gfp-wait
		echo 0 >/sys/kernel/debug/failslab/verbose
		insmod /mnt/rig/modules/torture.ko $* && rmmod torture jobqueue kasync && echo ok $name || echo not ok $name
		dmesg | sed -nE 's/.*torture: /# /p'
		# Fences outlive what has made them.
		sed 's/^/# kept: /' /sys/kernel/debug/torture_keeper
		grep -q ' 0 not as they have to be' /sys/kernel/debug/torture_keeper && rmmod torture_keeper &&
			echo ok fences that were kept || echo not ok fences that were kept"
}
torture failures failures=1
if [ "$TIER" = test ]; then
	torture mixed soak_ms=5000 rounds=600 jobs=6000
else
	torture soak soak_ms=60000
	# 10,000 in all. A machine each, so that none takes longer than its limit beside others.
	for seed in 1 2 3 4; do
		torture "rounds-$seed" rounds=2500 "seed=$seed"
	done
	torture jobs jobs=100000
fi
