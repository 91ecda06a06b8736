# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: core torture uapi faults render sharing lives probe repeat fail-nth
#
# Suites of the guest once more, on the kernel with all checkers that go together: kCFI, DMA-API, DMA-BUF, page tables, UBSAN, poisoned
# memory, and what tools/vm/kernel/checks.config has else.
# shellcheck disable=SC2154,SC1091
. "$here/lib/again.sh"
# The times that suites give their machines are for the debug kernel, which is several times as fast.
again_piece checks "--checks-kernel --timeout 3600"
