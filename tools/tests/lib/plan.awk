# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Says which numbered test of a log is the last if no plan ("1..N") counts it: the program that prints such tests has not come to its
# end. The plan comes behind the tests ("ok 1 - …"), or, as KUnit has it, before them ("ok 1 …"). Children of a program may number
# theirs anew.
/^1\.\.[0-9]+/ {
	# One that comes behind its tests is for no others.
	planned = uncounted == "" ? substr($1, 4) + 0 : 0
	uncounted = ""
	last = 0
	next
}
/^(not )?ok [0-9]+( |$)/ {
	number = ($1 == "not" ? $3 : $2) + 0
	if (number <= planned && number == last + 1) {
		last = number
		at = $0
	} else if (/^(not )?ok [0-9]+ - /) {
		uncounted = $0
	}
}
END {
	if (uncounted != "")
		print "no plan counts \"" uncounted "\""
	else if (last && last < planned)
		print "of " planned " tests the last is \"" at "\""
}
