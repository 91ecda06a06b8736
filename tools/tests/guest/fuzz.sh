# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# machine: shared
#
# Random calls of the driver and of DRM, four threads at once, the same ones each time unless ASAHI_SEED says otherwise. Then the
# driver has to unload.
# shellcheck disable=SC2154
seconds=15
[ "$TIER" = test ] || seconds=90
guest_tap fuzz --share "$programs" -- sh -c '
	/mnt/share/fuzz "$2" 4 "$1"
	rmmod asahi && echo ok the module is unloaded || echo not ok the module is unloaded' sh "${ASAHI_SEED:-1}" $seconds
