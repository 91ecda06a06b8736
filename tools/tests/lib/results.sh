# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Results of suites: one record per finished suite, and the summary made of them.
#
# A record is $RECORDS/NAME, with lines "passed N", "failed N", "skipped N", "seconds N", "cpu N", "tree KEY",
# "reason TEXT" of what was skipped, and "failure TEXT" of what failed. It appears in one step, at the end of the suite: a suite without
# a record was cut off.
# shellcheck disable=SC2154

# Prints a hash of all files that the tests can see: tracked files and new ones, as they are now. The summaries that are
# kept in the tree do not count.
tree_key() {
	local files
	if has_repository; then
		mapfile -d '' -t files < <(git -C "$REPO" ls-files -z --cached --others --exclude-standard)
	else
		mapfile -d '' -t files < <(cd "$REPO" && find . -name build -prune -o -name target -prune -o -type f -print0)
	fi
	wait $! || die "the files of this tree cannot be listed"
	(
		cd "$REPO" || exit
		printf '%s\0' "${files[@]}" | grep -zv '^\(\./\)\?tools/tests/results/' | sort -zu |
			xargs -0 sha256sum -- 2>/dev/null || true
	) | sha256sum | cut -c1-16
}

# record NAME SECONDS: writes the record of the suite that has counted in $passed, $failed, $skipped, $reasons and $failures. One that has
# counted nothing has not tested anything.
record() {
	[ $((passed + failed + skipped)) != 0 ] || fail "$1: no test ran"
	# Processor time of this shell's finished children; in a pipe it would be another shell's.
	times >"$RECORDS/.times-$1"
	{
		printf 'passed %d\nfailed %d\nskipped %d\nseconds %d\n' "$passed" "$failed" "$skipped" "$2"
		printf 'tree %s\n' "$TREE"
		awk 'NR == 2 { gsub(/[ms]/, " "); print "cpu", int($1 * 60 + $2 + $3 * 60 + $4 + 0.5) }' "$RECORDS/.times-$1"
		[ -z "$reasons" ] || sed '/^$/d; s/^/reason /' <<<"$reasons" | sort -u
		[ -z "$failures" ] || sed '/^$/d; s/^/failure /' <<<"$failures"
	} >"$RECORDS/.$1"
	rm "$RECORDS/.times-$1"
	mv "$RECORDS/.$1" "$RECORDS/$1"
}

# value NAME KEY: a number of a record, or 0.
value() {
	awk -v key="$2" '$1 == key { n = $2 } END { print n + 0 }' "$RECORDS/$1" 2>/dev/null
}

# word NAME KEY: a word of a record.
word() {
	awk -v key="$2" '$1 == key { print $2 }' "$RECORDS/$1"
}

# summary NAME…: prints the table of the suites' results. A suite without a record did not end, or $missing.
summary() {
	local name
	printf '%-28s %7s %7s %8s %8s %8s  %s\n' suite passed failed skipped minutes cpu ''
	for name in "$@"; do
		if [ ! -e "$RECORDS/$name" ]; then
			printf '%-28s %7s %7s %8s %8s %8s  %s\n' "$name" - "$([ -n "${missing:-}" ] && echo - || echo 1)" \
				- - - "${missing:-did not end}"
			continue
		fi
		awk -v name="$name" -v tree="$TREE" '
			$1 == "tree" && $2 != tree { why = "tree " $2; next }
			$1 == "reason" { why = why (why ? "; " : "") substr($0, 8); next }
			$1 == "failure" { next }
			{ v[$1] = $2 }
			END { printf "%-28s %7d %7d %8d %8.1f %8.1f  %s\n", name, v["passed"], v["failed"], v["skipped"],
				v["seconds"] / 60, v["cpu"] / 60, why }' "$RECORDS/$name"
	done | sed 's/ *$//'
}

# failures NAME…: prints what failed in the suites, a line each; of one suite no more than the first 20.
failures() {
	local name
	for name in "$@"; do
		[ ! -e "$RECORDS/$name" ] || awk -v name="$name" '
			$1 == "failure" && ++n <= 20 { print "failed in " name ": " substr($0, 9) }
			END { if (n > 20) print "failed in " name ": " n - 20 " more" }' "$RECORDS/$name"
	done
}

# quotes NAME…: prints what the suites have said of what failed, from where they said so, and the last that those have said that did not
# end; of one suite no more than 25 lines.
quotes() {
	local name
	for name in "$@"; do
		[ -s "$LOGS/$name.said" ] || continue
		if [ ! -e "$RECORDS/$name" ]; then
			echo "$name said at its end:"
			tail -n 12 "$LOGS/$name.said" | cut -c1-160 | sed 's/^/    /'
		elif [ "$(value "$name" failed)" != 0 ]; then
			echo "$name said:"
			awk '
				/^(not ok |Bail out!|FAILED: |failures:|---- |error)/ && left < 12 { left = 12 }
				/^ok: / { next }
				left > 0 && n < 25 { left--; n++; print "    " substr($0, 1, 160) }' "$LOGS/$name.said"
		fi
	done
}

# summary_json NAME…: the table as JSON.
summary_json() {
	local name comma=
	printf '{"tree":"%s","tier":"%s","processors":%d,"suites":[' "$TREE" "$TIER" "$(nproc)"
	for name in "$@"; do
		printf '%s\n{"suite":"%s"' "$comma" "$name"
		comma=,
		if [ -e "$RECORDS/$name" ]; then
			awk '
				function quoted(text) {
					gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text); gsub(/[[:cntrl:]]/, " ", text)
					return "\"" text "\""
				}
				$1 == "reason" { why = why (why ? "," : "") quoted(substr($0, 8)); next }
				$1 == "failure" { bad = bad (bad ? "," : "") quoted(substr($0, 9)); next }
				$1 == "tree" { printf ",\"tree\":\"%s\"", $2; next }
				{ printf ",\"%s\":%d", $1, $2 }
				END { printf ",\"ended\":true,\"reasons\":[%s],\"failures\":[%s]}", why, bad }' "$RECORDS/$name"
		else
			printf ',"ended":false}'
		fi
	done
	printf '\n]}\n'
}
