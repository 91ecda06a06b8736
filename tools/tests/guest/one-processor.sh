# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
# pieces: core torture uapi faults lives repeat
#
# Suites of the guest once more, on one processor.
# shellcheck disable=SC2154,SC1091
. "$here/lib/again.sh"
again_piece one-processor "--processors 1"
