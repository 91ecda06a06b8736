# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# tier: all
#
# Interrupts of the emulator are events, those of a Mac are levels: the bridge between them may not lose one, as nothing makes up for
# it here. Messages come whenever the mailbox's handler has just found no more.
# shellcheck disable=SC2154
jobs=2000
[ "$TIER" = test ] || jobs=20000
guest_tap interrupts --timeout 2400 --share "$programs" --emu "--hardware once,late-messages" -- bash -c '
	/mnt/share/interrupts "$1"
	# The line is disabled while it is active.
	/mnt/share/repeat 5' sh $jobs
# A lost interrupt makes the test fail.
guest_tap interrupts-lost --share "$programs" --emu "--hardware once --fault drop-irq:40" -- /mnt/share/interrupts 1000 lost
count=$(sed -nE 's/.*"interrupts": ([0-9]+).*/\1/p' "$LOGS/interrupts/stats.json" || true)
if [ "${count:-0}" -ge $jobs ]; then
	pass "interrupts: there were $count"
else
	fail "interrupts: ${count:-none} for $jobs jobs"
fi
