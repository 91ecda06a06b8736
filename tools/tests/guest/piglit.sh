# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# A part of piglit's tests of compute, the same each time: what passes by piglit/results.txt still does. On the plain kernel, as this is about
# the emulator, and takes long.
# shellcheck disable=SC2154
# shellcheck source=tools/tests/piglit/lib.sh
. "$here/piglit/lib.sh"
share=$(mktemp -d "$LOGS/piglit.XXXXXX")
piglit_share "$share" 2>>"$LOGS/piglit-packages.log"
# Of those that pass, each 8th of OpenCL's; GL's that were written by hand, but for two whose compilations take minutes, and each
# 30th of those that were generated. In "make test" an eighth of that.
part=8
[ "$TIER" = test ] || part=1
awk -v part=$part '
	$1 != "pass" || $3 ~ /local-(id|size)$/ { next }
	$3 ~ /\/cl\// { if (cl++ % (8 * part) == 0) print $3; next }
	$3 ~ /^generated/ { if (gl++ % (30 * part) == 0) print $3; next }
	hand++ % part == 0 { print $3 }' \
	"$here/piglit/results.txt" >"$share/list"
guest_tap piglit --plain-kernel --timeout $((14400 / part)) --share "$share" -- bash -c '
	bash /mnt/share/in-guest asahi 2
	awk "NR == FNR { result[\$3] = \$2; next }
		{ print (result[\$1] == \"pass\" ? \"ok \" : \"not ok \") \$1, result[\$1] == \"pass\" ? \"\" : result[\$1] }" \
		/mnt/share/results /mnt/share/list'
rm -rf "$share"
