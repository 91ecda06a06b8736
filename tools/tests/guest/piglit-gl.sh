# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Piglit's tests of drawing: what passes by results/piglit-gl.txt still does. In "make test" 30 of the shader tests, the same each
# time, which take a minute or so: 60 took 249 s on two processors with nine machines more. On the plain kernel, as this is about
# the emulator, and takes long.
# shellcheck disable=SC2154
# shellcheck source=tools/tests/piglit/gl.sh
. "$here/piglit/gl.sh"
share=$(mktemp -d "$LOGS/piglit-gl.XXXXXX")
package=$(piglit_gl 2>>"$LOGS/piglit-packages.log")
count=0 limit=20000
[ "$TIER" != test ] || count=30 limit=1200
piglit_gl_tests "$package" | awk -F '\t' -v count=$count '
	FILENAME == ARGV[1] { if ($1 ~ /^pass/ && $2 == "pass") pass[$3] = 1; next }
	($1 in pass) && (!count || $2 ~ /^\047shader_runner/) { line[n++] = $0 }
	END { for (i = 0; i < n; i++) if (!count || i % int((n + count - 1) / count) == 0) print line[i] }' \
	<(piglit_gl_expand "$package" "$here/results/piglit-gl.txt") - >"$share/list"
piglit_gl_share "$package" "$share" 2>>"$LOGS/piglit-packages.log"
cp "$programs/piglit-runner" "$share/"
guest_tap piglit-gl --plain-kernel --memory 3072 --timeout $limit --share "$share" -- bash -c '
	bash /mnt/share/in-guest-gl 2 asahi
	awk -F "\t" "FILENAME == ARGV[1] { result[\$3] = \$2; next }
		{ print (result[\$1] == \"pass\" ? \"ok \" : \"not ok \") \$1, result[\$1] == \"pass\" ? \"\" : result[\$1] }" \
		/mnt/share/results /mnt/share/list'
rm -rf "$LOGS/piglit-gl-logs"
mv "$share/logs" "$LOGS/piglit-gl-logs" 2>/dev/null || true
rm -rf "$share"
