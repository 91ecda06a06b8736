# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Suites of the guest once more, on one processor and on eight.
# shellcheck disable=SC2154,SC1091
. "$here/lib/again.sh"
for processors in 1 8; do
	again "processors-$processors" "--processors $processors" kasync dma_fence jobqueue torture uapi faults lives wedge repeat suspend
done
