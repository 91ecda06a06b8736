# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: none
#
# Suites of the guest once more, on the kernel that is preemptible everywhere (PREEMPT_RT), with lockdep and with KASAN by tags of the
# hardware's. The other pieces are links to this file.
# shellcheck disable=SC2154,SC1091
. "$here/lib/again.sh"
again_piece "$(basename "${BASH_SOURCE[0]}" .sh)" --rt-kernel
