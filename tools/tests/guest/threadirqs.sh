# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Suites of the guest once more, with handlers of interrupts in threads.
# shellcheck disable=SC2154,SC1091
. "$here/lib/again.sh"
again threadirqs "--kernel-options threadirqs" kasync dma_fence jobqueue uapi faults lives wedge repeat suspend
