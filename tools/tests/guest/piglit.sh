# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# A part of piglit's tests of compute, the same each time: what passes by piglit/results.txt still does. On the plain kernel, as this is about
# the emulator, and takes long.
# shellcheck disable=SC2154
# shellcheck source=tools/tests/piglit/lib.sh
. "$here/piglit/lib.sh"
share=$(mktemp -d "$LOGS/piglit.XXXXXX")
piglit_share "$share"
# Of those that pass, each 16th of OpenCL's; GL's that were written by hand, but for two whose compilations take minutes, and each
# 60th of those that were generated.
awk '$1 == "pass" && $3 !~ /local-(id|size)$/ && ($3 ~ /\/cl\// ? cl++ % 16 == 0 : $3 ~ /^generated/ ? gl++ % 60 == 0 : 1) { print $3 }' \
	"$here/piglit/results.txt" >"$share/list"
guest_tap piglit --plain-kernel --timeout 1200 --share "$share" -- bash -c '
	bash /mnt/share/in-guest asahi 2
	awk "NR == FNR { result[\$3] = \$2; next }
		{ print (result[\$1] == \"pass\" ? \"ok \" : \"not ok \") \$1, result[\$1] == \"pass\" ? \"\" : result[\$1] }" \
		/mnt/share/results /mnt/share/list'
rm -rf "$share"
