# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The chips that can be emulated. ASAHI_CHIP and ASAHI_FIRMWARE choose one for all machines that are not told another.

CHIPS="t8103 t8112 t6000 t6001 t6002 t6020 t6021 t6022"

# chip_gpu CHIP: how Mesa's names of its GPU begin.
chip_gpu() {
	case $1 in
	t8103) echo "Apple M1 (G13G" ;;
	t8112) echo "Apple M2 (G14G" ;;
	t6000) echo "Apple M1 Pro (G13S" ;;
	t6001) echo "Apple M1 Max (G13C" ;;
	t6002) echo "Apple M1 Ultra (G13D" ;;
	t6020) echo "Apple M2 Pro (G14S" ;;
	t6021) echo "Apple M2 Max (G14C" ;;
	t6022) echo "Apple M2 Ultra (G14D" ;;
	*) return 1 ;;
	esac
}

# chip_firmwares CHIP: the versions of its firmware. False if there is no such chip.
chip_firmwares() {
	chip_gpu "$1" >/dev/null || return 1
	case $1 in
	t8112) echo "13.5 12.4" ;;
	t602?) echo 13.5 ;;
	*) echo "13.5 12.3" ;;
	esac
}

# check_chip CHIP FIRMWARE: says which there are, and ends, if that is none.
check_chip() {
	local firmware
	chip_gpu "$1" >/dev/null || die "no chip is called \"$1\": there are $CHIPS"
	for firmware in $(chip_firmwares "$1"); do
		[ "$2" != "$firmware" ] || return 0
	done
	die "no firmware of $1 is \"$2\": there are $(chip_firmwares "$1")"
}
