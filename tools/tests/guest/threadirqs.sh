# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: lines core uapi faults lives repeat
#
# Suites of the guest once more, with handlers of interrupts in threads. Those of the mailbox are; the rig's bridge, which passes
# interrupts on, stays in hard interrupts: PREEMPT_RT has interrupts enabled in such threads, where none may be passed on.
# shellcheck disable=SC2154,SC1091
if [ "$piece" = lines ]; then
	guest_tap threadirqs-lines --kernel-options threadirqs --share "$programs" -- bash -c '
		# threads PATTERN: the names of handlers that have a thread of their own.
		threads() { cat /proc/[0-9]*/comm | grep -E "^irq/[0-9]+-$1"; }
		if threads ".*mbox" >/tmp/mailbox; then echo ok the mailbox has threads; else echo not ok the mailbox has threads; fi
		if threads agxemu; then echo not ok the bridge has none; else echo ok the bridge has none; fi
		cat /proc/[0-9]*/comm | grep ^irq/ | sed "s/^/# /"
		/mnt/share/faults ok ok ok
		if rmmod asahi; then echo ok unload; else echo not ok unload; fi'
else
	. "$here/lib/again.sh"
	again_piece threadirqs "--kernel-options threadirqs"
fi
