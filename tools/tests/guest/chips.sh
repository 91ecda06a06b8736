# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Every chip with every firmware of it: what Mesa calls the GPU, the parameters, jobs, renders and faults through the UAPI, and
# shaders beside llvmpipe's. In "make test" one that has dies, clusters and another firmware, and less of it.
# shellcheck disable=SC2154
# shellcheck source=tools/vm/lib/chips.sh
. "$REPO/tools/vm/lib/chips.sh"

# unusual LOG: what the firmware finds unusual, but for the protection that the driver means to be another.
unusual() {
	grep 'unusual: ' "$1" | grep -v 'mapped as GPU_FW_SHARED_RW'
}

# on_chip CHIP FIRMWARE NAME [OPTION…]: what each has to pass. The checks are those of $checks.
on_chip() {
	local chip=$1 firmware=$2 name=$3
	shift 3
	guest_tap "chips-$chip-$firmware$name" --plain-kernel --timeout 900 --chip "$chip" --firmware "$firmware" --share "$programs" "$@" -- bash -c '
		check() { if "${@:2}"; then echo "ok $1"; else echo "not ok $1"; fi; }
		check "the firmware is up" sh -c "dmesg | grep -q \"asahi .*gpu: G.* firmware $ASAHI_FIRMWARE is up\""
		check "Mesa names the GPU" sh -c "vulkaninfo --summary 2>/dev/null | grep -qF \"= $ASAHI_GPU \""
		check "compute jobs of Vulkan" /mnt/share/dispatch "$ASAHI_GPU" 20
		'"$checks"'
		check unload rmmod asahi
		check "without a word" test -z "$(dmesg -l err,warn | grep "asahi .*gpu: " | grep -vE "RTKit:|GPU (fault|stopped|halted)")"'
	# The firmware there is the emulator'"'"'s: what is unusual is no panic, but no mistake of ours either.
	if [ -e "$LOGS/chips-$chip-$firmware$name/emulator.log" ]; then
		if unusual "$LOGS/chips-$chip-$firmware$name/emulator.log" >/dev/null; then
			fail "$chip $firmware: $(unusual "$LOGS/chips-$chip-$firmware$name/emulator.log")"
		else
			pass "$chip $firmware: nothing that the firmware finds unusual"
		fi
	fi
}

if [ "$TIER" = test ]; then
	checks='/mnt/share/uapi params; /mnt/share/render jobs'
	on_chip t6002 12.3 ""
else
	checks='for group in params submit submit-errors; do /mnt/share/uapi $group; done
		for group in fields jobs sizes faults; do /mnt/share/render $group; done
		/mnt/share/shaders-test "$ASAHI_GPU" llvmpipe'
	for chip in $CHIPS; do
		for firmware in $(chip_firmwares "$chip"); do
			on_chip "$chip" "$firmware" ""
		done
	done
	# Parts with cores switched off. How many work is what the parameters have to say.
	checks='/mnt/share/render fields'
	on_chip t8103 13.5 -all --cores ff
	on_chip t8112 13.5 -binned --cores 3f3
	on_chip t6000 13.5 -binned --cores 7f7f
	on_chip t6001 13.5 -binned --cores 3f3f3f3f
	on_chip t6002 13.5 -binned --cores ff7f3fff3f3f7f3f
fi
