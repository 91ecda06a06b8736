# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Passes a kernel's log through, without reports of a thread that has waited for a minute for a test of KUnit's; how often they were there
# is the last line. KUnit gives a test five minutes, and waits for it without a signal. A test's own thread that is blocked is reported.
{
	if (within && !/^ |^"echo 0 |^task:|^Call trace:/)
		end()
	if (/INFO: task .* blocked for more than/) {
		end()
		within = 1
	}
	if (!within) {
		print
		next
	}
	held = held $0 "\n"
	if (/ kunit_try_catch_run\+/)
		waits = 1
}

END {
	end()
	if (others)
		print "rig: left out: " others " reports of threads that wait for tests of KUnit's"
}

# The report that is held, if there is one, is at its end.
function end() {
	if (waits)
		others++
	else
		printf "%s", held
	held = ""
	within = waits = 0
}
