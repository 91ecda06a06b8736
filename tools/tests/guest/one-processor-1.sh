# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
# tier: all
#
# Suites of the guest once more, on one processor. The other pieces are links to this file.
# shellcheck disable=SC2154,SC1091
. "$here/lib/again.sh"
again_piece "$(basename "${BASH_SOURCE[0]}" .sh)" "--processors 1"
