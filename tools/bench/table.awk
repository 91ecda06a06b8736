# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Prints a table of figures: awk -v title=TEXT -v columns="WHO…" -f table.awk FIGURES
#   columns  whose figures, in this order; "WHO=TEXT" has another heading. "best" are the best of those whose names begin with drm_
# Lines of FIGURES are "NAME WHO FIGURE". What was not measured is "-".
{
	value[$1, $2] = $3
	if (!($1 in seen)) {
		seen[$1] = 1
		order[n++] = $1
	}
}
$2 ~ /^drm_/ && (!(($1, "best") in value) || $3 < value[$1, "best"]) { value[$1, "best"] = $3 }
END {
	count = split(columns, who)
	printf "%-24s", title
	for (w = 1; w <= count; w++) {
		heading = who[w]
		sub(/.*=/, "", heading)
		sub(/=.*/, "", who[w])
		printf "%12s", heading
	}
	print ""
	for (i = 0; i < n; i++) {
		printf "%-24s", order[i]
		for (w = 1; w <= count; w++) printf "%12s", ((order[i], who[w]) in value) ? value[order[i], who[w]] : "-"
		print ""
	}
}
