# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: none
# pieces: core torture uapi faults render sharing lives probe repeat fail-nth hardware bounds wraps samples drawing
#
# Suites of the guest once more, on the kernel that is preemptible everywhere (PREEMPT_RT), with lockdep and with KASAN by tags of the
# hardware's.
# shellcheck disable=SC2154,SC1091
. "$here/lib/again.sh"
again_piece rt --rt-kernel
