# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Clients that are killed, or lose the device, at random moments, with jobs in all states (H35, H36); then fences that outlive the driver.
# shellcheck disable=SC2154
seconds=(10 6)
[ "$TIER" = test ] || seconds=(60 40)
guest_tap lives --share "$programs" --timeout 900 --carry other_drm -- sh -c '
	tasks() { grep -c . /sys/kernel/debug/kasync/tasks; }
	before=$(tasks)
	/mnt/share/lives kill "$2" "$1" && /mnt/share/lives unbind "$3" "$1" && /mnt/share/lives blocked || exit
	# The tasks of all queues have ended, or are about to.
	for i in $(seq 600); do [ "$(tasks)" -gt "$before" ] || break; sleep 0.1; done
	if [ "$(tasks)" -le "$before" ]; then echo ok no task is left; else echo not ok no task is left; cat /sys/kernel/debug/kasync/tasks; fi
	/mnt/share/lives outlive' sh "${ASAHI_SEED:-1}" "${seconds[@]}"
guest_tap lives-withdraw --plain-kernel --share "$programs" --emu "--fault delay:1:100000 --fault delay:2:16000" -- \
	/mnt/share/lives withdraw
