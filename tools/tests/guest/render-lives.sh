# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Clients of OpenGL that draw without a pause, and are killed, run out of their cgroup's memory, or lose the device or its firmware; by
# name, a few rounds on the plain kernel, which has no such cgroups, in "make test-all" many on the debug kernel.
# shellcheck disable=SC2154
kernel=--plain-kernel rounds=4
if [ "$TIER" != test ]; then
	kernel=--debug-kernel rounds=40
fi
# What both machines' scripts begin with. drawers COUNT: starts as many clients, and waits until each has drawn.
common='
	[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
	cp /mnt/share/gl-rates /mnt/share/gl-many /run/
	check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
	gpu=$(basename /sys/bus/platform/drivers/asahi/*.gpu)
	drawers() {
		local i first
		pids=()
		for i in $(seq $1); do
			# A line comes each second or so; the first one when a frame has been drawn.
			exec {output}< <(exec /run/gl-rates Apple 1 2>&1)
			pids+=($!)
			read -t 300 -ru $output first && [[ $first != "Bail out!"* ]] || return 1
			exec {output}<&-
		done
	}
	# Clients whose output nobody reads end by themselves.
	gone() { for pid in "${pids[@]}"; do timeout 300 tail --pid=$pid -f /dev/null || return 1; done; }
	draws() { /run/gl-many Apple 1 | tee /run/many | grep "^not ok" && return 1; grep -q "^ok" /run/many; }
	'
guest_tap render-killed $kernel --memory 2560 --timeout 1800 --share "$programs" -- bash -c "$common"'
	for round in $(seq $1); do
		drawers 2 || { echo "not ok round $round: clients draw"; break; }
		sleep 0.$((RANDOM % 10))
		kill -KILL "${pids[@]}"
		gone || { echo "not ok round $round: they go"; break; }
	done
	check "$1 rounds of two clients that are killed: another one draws" draws
	# A cgroup whose memory is too small for a client.
	if zcat /proc/config.gz 2>/dev/null | grep -q CONFIG_MEMCG=y || grep -qw memory /proc/cgroups; then
		mkdir -p /run/cgroup/ && mount -t cgroup2 none /run/cgroup
		echo +memory >/run/cgroup/cgroup.subtree_control
		mkdir /run/cgroup/small
		for size in 24 48 64; do
			echo ${size}M >/run/cgroup/small/memory.max
			(echo $BASHPID >/run/cgroup/small/cgroup.procs && exec /run/gl-rates Apple 1) >/dev/null 2>&1
		done
		kills=$(sed -n "s/^oom_kill //p" /run/cgroup/small/memory.events)
		check "clients without memory are killed: $kills" [ "${kills:-0}" -ge 1 ]
		check "another one draws" draws
	fi
	for round in $(seq $1); do
		drawers 2 || { echo "not ok round $round: clients draw before unbind"; break; }
		sleep 0.$((RANDOM % 10))
		echo $gpu >/sys/bus/platform/drivers/asahi/unbind
		kill -KILL "${pids[@]}" 2>/dev/null
		gone || { echo "not ok round $round: they go"; break; }
		echo $gpu >/sys/bus/platform/drivers/asahi/bind
	done
	check "$1 times without a device: one draws with the next" draws
	check unload rmmod asahi' sh $rounds
guest_tap render-crash $kernel --timeout 900 --share "$programs" --emu "--fault crash-job:60" -- bash -c "$common"'
	# These are killed before they have measured anything.
	pids=()
	for i in 1 2; do
		/run/gl-rates Apple 3600 >/dev/null 2>&1 &
		pids+=($!)
	done
	# The kernel log is read until it says so.
	check "the firmware crashes" timeout 300 grep -m 1 -q "asahi .*firmware crashed" /dev/kmsg
	# It ends by itself, and has drawn nothing.
	told() { timeout 100 /run/gl-many Apple 1 >/run/many 2>&1; [ $? != 124 ] && ! grep -q "^ok" /run/many; }
	check "a client that begins now is told so" told
	kill -KILL "${pids[@]}" 2>/dev/null
	check "the clients go" gone
	check unload rmmod asahi
	check load insmod /mnt/rig/modules/asahi.ko'
