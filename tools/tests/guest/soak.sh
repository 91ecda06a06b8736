# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# A day of frames, ten for each second, one behind the other, and what belongs to each minute and hour of them.
# shellcheck disable=SC2154
guest_tap soak --plain-kernel --timeout 18000 --share "$programs" -- bash -c '
	tasks() { wc -l </sys/kernel/debug/kasync/tasks; }
	/mnt/share/uapi queue >/dev/null
	before=$(tasks)
	/mnt/share/soak "$1"
	after=$(tasks)
	echo "# $before tasks before, $after after"
	if [ "$after" -le "$before" ]; then echo ok tasks are as before; else echo not ok tasks are as before; fi
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi' bash "${ASAHI_SOAK_HOURS:-24}"
