# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# All that hardware may do and the emulator does not by itself, at once: jobs that fail, and what comes after them; bind and unbind. What
# the emulator counts of what nobody may do is looked at, accesses to pages that the guest has freed among it. The first machine has slow
# answers of RTKit's and the emulator's book of translations as well, by which it knows of those that hardware still has and the driver
# has not invalidated (tools/agxemu/tlbi): what is not by the end is reported half a second later. The suites strict-uapi-GROUP have the
# UAPI.
# shellcheck disable=SC2154
strict_dir=$LOGS/strict.plugin
mkdir -p "$strict_dir"
in_root "$(toolchain)" clang -O2 -shared -fPIC -fvisibility=hidden -Wall -Werror -o "$strict_dir/plugin.so" \
	"$here/../agxemu/tlbi/plugin.c"
guest_tap strict-faults --timeout 900 --kernel-options page_poison=1 --share "$programs" \
	--plugin "$strict_dir/plugin.so,ring=$strict_dir/ring" \
	--emu "--hardware strict,poison,slow-boot:1300 --tlbi $strict_dir/ring --fault mmu-fault:2 --fault hang:4" -- sh -c '
	/mnt/share/faults ok EIO ok ETIMEDOUT ok ok
	if rmmod asahi; then echo ok unload; else echo not ok unload; fi
	if insmod /mnt/rig/modules/asahi.ko; then echo ok reload; else echo not ok reload; fi
	/mnt/share/faults ok
	sleep 1'
rm -f "$strict_dir/ring"
none_of strict-faults gated cuts asleep remapped freed stale
at_least strict-faults invalidated 30
guest_tap strict-repeat --timeout 1800 --kernel-options page_poison=1 --share "$programs" --emu "--hardware strict,poison" \
	-- /mnt/share/repeat 10
none_of strict-repeat gated cuts asleep remapped freed
