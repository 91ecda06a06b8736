# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: core uapi faults lives repeat
#
# Suites of the guest once more, with handlers of interrupts in threads.
# shellcheck disable=SC2154,SC1091
. "$here/lib/again.sh"
again_piece threadirqs "--kernel-options threadirqs"
