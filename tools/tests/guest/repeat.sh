# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Bind and unbind, load and unload, some times. The suites repeat-binds-N and repeat-loads-N do it many times.
# shellcheck disable=SC2154
guest_tap repeat --timeout 1200 --share "$programs" -- /mnt/share/rounds 6 3
