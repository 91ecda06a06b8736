# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The parts of the rig that scripts begin with.

# shellcheck source=tools/vm/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
for part in packages toolchain kernel guest build chips; do
	# shellcheck disable=SC1090
	. "$REPO/tools/vm/lib/$part.sh"
done
