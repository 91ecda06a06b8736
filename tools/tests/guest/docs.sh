# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Each command of the pages about samples is run as it stands there. It has to succeed, and to print each line that the page says it
# prints; and no sample that it runs may say "not ok", nor the kernel complain.
pages=(firstdriver nvme)
# That of Nova builds nova-core.
[ "$TIER" = test ] || pages+=(nova)

# blocks PAGE: its commands, each in a literal block after a paragraph that ends with two colons, as "c" and what is in it; and what
# they print, in code blocks of the class "output", as "o" and that. Each ends with a zero byte.
blocks() {
	awk '
		function flush() { if (text != "") printf "%s%s%c", kind, text, 0; text = ""; kind = "" }
		/^\.\. code-block::/ { flush(); directive = 1; next }
		directive && /^   :class: output$/ { kind = "o"; next }
		directive && /^   :/ { next }
		/::$/ && !/^\.\./ { flush(); kind = "c"; directive = 0; next }
		kind == "c" && /^    [^ ]|^      / { text = text substr($0, 5) "\n"; next }
		kind == "o" && /^   [^ ]/ { text = text substr($0, 4) "\n"; next }
		/^$/ && text == "" { next }
		{ flush(); directive = 0 }
		END { flush() }' "$1"
}

# printed LOG LINES: the log has each of the lines, as a part of one of its own.
printed() {
	local line missing=0
	while IFS= read -r line; do
		grep -qF -e "$line" "$1" || {
			say "not printed: $line" >&2
			missing=1
		}
	done <<<"${2%$'\n'}"
	[ $missing = 0 ]
}

# page PAGE: runs all of a page.
page() {
	local name=${1##*/} number=0 log='' status block expected=1
	name=${name%.rst}
	while IFS= read -r -d '' block; do
		if [ "${block:0:1}" = o ]; then
			expected=1
			if [ -z "$log" ]; then
				fail "$name.rst: something is printed before the first command"
			elif printed "$log" "${block:1}"; then
				pass "$name.rst: what command $number prints"
			else
				fail "$name.rst: what command $number prints"
				tail -n 20 "$log" >&2
			fi
			continue
		fi
		[ $expected = 1 ] || fail "$name.rst does not say what command $number prints"
		number=$((number + 1)) status=0 expected=0
		log=$LOGS/docs-$name-$number.log
		(cd "$REPO" && timeout 1800 bash -c "${block:1}") >"$log" 2>&1 </dev/null || status=$?
		if [ $status = 0 ] && ! grep -E '(^|: )(not ok |Bail out!)|(BUG|WARNING|Oops|INFO): ' "$log" >&2; then
			pass "$name.rst: command $number"
		else
			fail "$name.rst: command $number (status $status)"
			tail -n 20 "$log" >&2
		fi
	done < <(blocks "$1")
	[ $number != 0 ] || fail "$name.rst has no command"
	[ $expected = 1 ] || fail "$name.rst does not say what command $number prints"
}

for name in "${pages[@]}"; do
	page "$REPO/Documentation/$name.rst"
done
