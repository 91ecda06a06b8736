# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# The runner of piglit's tests of drawing: with programs in place of piglit's that pass, fail, are skipped, crash and hang, each
# test gets the result that it has, in one process with others as well. And samples: the same for a seed, larger ones with the
# smaller ones in them.
# shellcheck disable=SC2154
# shellcheck source=tools/tests/piglit/gl.sh
. "$here/piglit/gl.sh"
share=$(mktemp -d "$LOGS/piglit-runner.XXXXXX")
mkdir -p "$share"/piglit/{bin,lib}
cat >"$share/piglit/bin/shader_runner" <<'T'
#!/bin/bash
# A test's name says how it ends: alone, and if it has "-here" in it, beside others only.
files=() several=
for argument in "$@"; do
	case $argument in
	-report-subtests) several=1 ;;
	-*) ;;
	*) files+=("$argument") ;;
	esac
done
for file in "${files[@]}"; do
	name=$(basename "$file" .shader_test)
	result=${name%%-*}
	# One that needs another version of GL than the first should not be in the same process.
	[ ! "$several" ] || cmp -s "$file" "${files[0]}" || echo "$file" >>/mnt/share/mixed
	if [[ $name == *-here* ]] && [ ! "$several" ]; then result=pass; fi
	case $result in
	crash) kill -SEGV $$ ;;
	hang) exec sleep 1000 ;;
	esac
	if [ "$several" ]; then
		echo "PIGLIT: {\"subtest\": {\"$name\" : \"$result\"}}"
	else
		echo "PIGLIT: {\"result\": \"$result\" }"
	fi
done
T
printf '#!/bin/bash\n[ $# = 3 ] && [ "$1" = "" ] && echo "PIGLIT: {\\"result\\": \\"pass\\" }"\n' >"$share/piglit/bin/other"
chmod +x "$share"/piglit/bin/*
cp "$here/piglit/in-guest-gl" "$(piglit_gl_runner)" "$share/"
mkdir "$share/piglit/tests"
version=0
for name in pass-1 fail-2 pass-3 skip-4 crash-5 pass-6 hang-7 pass-8 fail-here-9 crash-here-10 pass-11 skip-12 pass-13 \
	crash-14 fail-15; do
	version=$((version % 2 + 1))
	printf '[require]\nGL >= %d.0\nGLSL >= %d.20\nGL_ARB_other\n\n[vertex shader]\nGL text' $version $version \
		>"$share/piglit/tests/$name.shader_test"
	printf "spec@%s\t'shader_runner' 'tests/%s.shader_test' -auto -fbo\n" "$name" "$name"
	case $name in
	*-here*) result=pass ;;
	hang*) result=timeout ;;
	*) result=${name%%-*} ;;
	esac
	printf '%s\t%s\n' "$result" "spec@$name" >>"$share/wanted"
done >"$share/list"
printf "other with spaces\t'other' '' -auto -fbo\n" >>"$share/list"
printf 'pass\tother with spaces\n' >>"$share/wanted"

# piglit_runner PARALLEL [LIMIT]: with what the guest has in its place, and nothing of this machine's changed. Without a LIMIT no test hangs.
piglit_runner() {
	unshare --mount --propagation private bash -c '
		mount -t tmpfs run /run && mount -t tmpfs mnt /mnt && mkdir /mnt/share && mount --bind "$1" /mnt/share &&
		LIMIT=$3 PIGLIT=/mnt/share/piglit exec bash /mnt/share/in-guest-gl "$2" asahi llvmpipe' bash "$share" "$1" "${2:-300}" \
		>"$LOGS/piglit-runner.log" 2>&1
}

# piglit_difference DRIVER: what its results are that they should not be, and the reverse.
piglit_difference() {
	diff <(sort "$share/wanted") \
		<(awk -F '\t' -v OFS='\t' -v driver="$1" '$1 == driver { print $2, $3 }' "$share/results" | sort)
}
for parallel in 1 3; do
	# The one that hangs is ended by the limit, so this is short. On a machine where others take as long they need a longer one.
	for limit in 3 20 120; do
		rm -f "$share/results"
		piglit_runner $parallel $limit || true
		! piglit_difference asahi >/dev/null || ! piglit_difference llvmpipe >/dev/null || break
	done
	for driver in asahi llvmpipe; do
		if difference=$(piglit_difference $driver); then
			pass "piglit's runner: results with $driver, $parallel at a time"
		else
			fail "piglit's runner: results with $driver, $parallel at a time"
			echo "$difference" >&2
		fi
	done
done
if [ ! -e "$share/mixed" ] && grep -q "spec@crash-here" "$share/results"; then
	pass "piglit's runner: one version of GL in a process"
else
	fail "piglit's runner: one version of GL in a process"
fi
# Nothing starts when time is up, which is no error.
mv "$share/results" "$share/results.old"
if BUDGET=1e-9 piglit_runner 1 && [ ! -s "$share/results" ]; then
	pass "piglit's runner: time is up"
else
	fail "piglit's runner: time is up"
fi
mv "$share/results.old" "$share/results"
# A program that is not there is no result.
printf "no program\t'none' -auto\n" >>"$share/list"
if ! piglit_runner 1 && ! grep -q "no program" "$share/results"; then
	pass "piglit's runner: no program"
else
	fail "piglit's runner: no program"
fi
sed -i '/^no program/d' "$share/list"
# What has a result is not run again, what has none is.
grep -v pass-13 "$share/results" >"$share/results.new"
mv "$share/results.new" "$share/results"
before=$(wc -l <"$share/results")
piglit_runner 1 || true
if [ $(($(wc -l <"$share/results") - before)) = 2 ] && [ "$(grep -c pass-13 "$share/results")" = 2 ]; then
	pass "piglit's runner: goes on where it was"
else
	fail "piglit's runner: goes on where it was"
fi

piglit_gl_tests() {
	seq 1000
}
if [ "$(piglit_gl_sample none 14 1000 | sort -n)" = "$(seq 1000)" ] &&
	[ "$(piglit_gl_sample none 14 100)" = "$(piglit_gl_sample none 14 1000 | head -n 100)" ] &&
	[ "$(piglit_gl_sample none 15 100)" != "$(piglit_gl_sample none 14 100)" ]; then
	pass "piglit's runner: samples"
else
	fail "piglit's runner: samples"
fi
piglit_gl_sample none 14 40 | awk -v OFS='\t' '
	{
		if (NR == 3) print "-", "-", $1, ""
		else if (NR == 7) print "pass", "fail", $1, "ours"
		else if (NR == 9) print "fail(host)", "fail", $1, ""
		else if (NR % 5 == 0) print "skip", "skip", $1, ""
		else print NR < 20 ? "pass" : "pass(host)", "pass", $1, ""
	}' >"$share/whole"
piglit_gl_shorten 14 <"$share/whole" >"$share/short"
if [ "$(head -n 1 "$share/short")" = $'pass\tpass\t@14:1-2,4,6,8,11-14,16-19' ] && [ "$(wc -l <"$share/short")" = 5 ] &&
	[ "$(piglit_gl_expand none "$share/short" | sort)" = "$(grep -v '^-' "$share/whole" | sort)" ]; then
	pass "piglit's runner: tables with places for names"
else
	fail "piglit's runner: tables with places for names"
fi
printf 'pass\tfail\tb\tours\n-\t-\tc\tgone\n' >"$share/old"
printf 'asahi\tfail\tb\nllvmpipe\tpass\tb\nasahi\tpass\ta\nllvmpipe\tpass\ta\n' >"$share/results"
printf 'a\tx\nb\tx\nc\tx\n' >"$share/list"
if [ "$(piglit_gl_table "$share/old" "$share/results" "$share/list")" = $'pass\tpass\ta\t\npass\tfail\tb\tours\n-\t-\tc\t' ] &&
	piglit_gl_table "$share/old" "$share/results" "$share/list" | piglit_gl_figures |
	grep -qx '2 tests with both results; 2 pass with llvmpipe, of which 1 (50.0 %) pass with asahi; 0 pass with asahi only'; then
	pass "piglit's runner: table and figures"
else
	fail "piglit's runner: table and figures"
fi
rm -f "$share/left"
printf 'b\tx\nd\tx\n' >"$share/list"
piglit_gl_results "$share/old" >"$share/results"
if [ "$(cat "$share/results")" = $'llvmpipe\tpass\tb\nasahi\tfail\tb' ] &&
	[ "$(piglit_gl_left "$share/list" "$share/results" asahi)" = $'d\tx' ] &&
	[ "$(piglit_gl_left "$share/list" "$share/results" asahi host)" = $'b\tx\nd\tx' ]; then
	pass "piglit's runner: results of a table, and what is left"
else
	fail "piglit's runner: results of a table, and what is left"
fi
rm -rf "$share"
