# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Random calls of the driver and of DRM, other ones each time ("# seed" in the log), and then: can it be unloaded?
# shellcheck disable=SC2154
guest_tap fuzz --share "$programs" -- sh -c '
	/mnt/share/fuzz 40
	rmmod asahi && echo ok the module is unloaded || echo not ok the module is unloaded'
