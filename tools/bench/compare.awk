# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Compares figures with a baseline: awk -v percent=N [-v judged=REGEX] [-v others=REGEX] -f compare.awk BASELINE FIGURES
#   percent  how much more a figure of ours may be
#   judged   the names that have this limit; the other figures only have to be there. Without it all have
#   others   names of figures, of each 1000 jobs, 20 of which are not ours
# Lines of both files are "NAME WHO FIGURE". Fails if a figure is over its limit, is missing, or has no baseline.
FILENAME == ARGV[1] { was[$1] = $3; next }
$2 == "ours" {
	limit = was[$1] * (1 + percent / 100)
	if (others != "" && $1 ~ others) limit += 20
	if (!($1 in was)) { print "error: " $1 " is not in the baseline (run --accept)"; bad = 1 }
	else if ((judged == "" || $1 ~ judged) && $3 > limit) { print "error: " $1 " is " $3 ", was " was[$1]; bad = 1 }
	delete was[$1]
}
END { for (s in was) { print "error: " s " was not measured"; bad = 1 }; exit bad }
