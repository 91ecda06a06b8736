# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# A coprocessor that runs would lose its power: suspend is refused, and works again without the driver.
# shellcheck disable=SC2154
if grep -q '^CONFIG_SUSPEND=y' "$(kernel debug)/build/.config"; then
	guest_tap suspend --share "$programs" -- sh -c '
		if { echo freeze >/sys/power/state; } 2>&1 | grep -q busy; then echo "ok suspend is refused"; else echo "not ok suspend is refused"; fi
		if [ "$(dmesg | grep -c "would cut the power of a running coprocessor: refused")" = 1 ]; then echo "ok with one line"; else echo "not ok with one line"; fi
		/mnt/share/faults ok'
else
	skip suspend "the debug kernel has no CONFIG_SUSPEND"
fi
