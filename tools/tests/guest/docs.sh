# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=bash
#
# Each command of the pages about samples is run as it stands there, and has to succeed.
pages=(firstdriver nvme)
# That of Nova builds nova-core.
[ "$TIER" = test ] || pages+=(nova)
for page in "${pages[@]}"; do
	number=0
	while IFS= read -r -d '' command; do
		number=$((number + 1))
		if (cd "$REPO" && timeout 300 bash -c "$command") >"$LOGS/docs-$page-$number.log" 2>&1 </dev/null; then
			pass "$page.rst: command $number"
		else
			fail "$page.rst: command $number (status $?)"
			tail -n 20 "$LOGS/docs-$page-$number.log" >&2
		fi
	done < <(awk '
		# A literal block: what is indented after a paragraph that ends with two colons.
		/::$/ && !/^\.\./ { block = 1; next }
		block && /^    [^ ]|^      / { text = text substr($0, 5) "\n"; next }
		block && /^$/ && text == "" { next }
		text != "" { printf "%s%c", text, 0; text = "" }
		{ block = 0 }
		END { if (text != "") printf "%s%c", text, 0 }' "$REPO/Documentation/$page.rst")
	[ $number != 0 ] || fail "$page.rst has no command"
done
