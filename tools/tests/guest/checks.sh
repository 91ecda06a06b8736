# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Suites of the guest once more, on the kernel with all checkers that go together: kCFI, DMA-API, DMA-BUF, page tables, UBSAN, poisoned
# memory, and what tools/vm/kernel/checks.config has else.
# shellcheck disable=SC2154,SC1091
. "$here/lib/again.sh"
again checks --checks-kernel kasync dma_fence jobqueue jobqueue-c rtkit torture uapi faults render-uapi sharing sleepers fail-nth lives \
	teardown wedge probe repeat shaders fuzz suspend sample-rust
