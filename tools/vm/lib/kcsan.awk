# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Passes a kernel's log through, without those reports of KCSAN that are none of ours; how many those were is the last line.
#
# A report stands between two lines of "=". Each access in it has a stack; the first function of a stack, helpers through which
# Rust calls C aside, is who made the access. A report is ours if for one of its accesses that is one of our modules' functions, or
# the fence core's. The detector's own warning, that an interrupt at the entry of a function has hidden a stack's first frame, is no
# complaint either. Another complaint ($COMPLAINTS is the pattern) in the midst of a report is not left out with it.
function text(line) {
	sub(/\r$/, "", line)
	sub(/^(<[0-9]+>)?\[ *[0-9.]+\](\[[^]]*\])? ?/, "", line)
	return line
}

function flush() {
	if (held == "")
		return
	if (!races || ours)
		printf "%s", held
	else
		others++
	held = ""
}

{
	line = text($0)
	if (line ~ /^=====*$/) {
		if (within) {
			held = held $0 "\n"
			flush()
			within = 0
		} else {
			within = 1
			races = ours = top = 0
			held = $0 "\n"
		}
		next
	}
	if (!within) {
		if (line !~ /^WARNING: kernel\/kcsan\/report\.c:/)
			print
		next
	}
	held = held $0 "\n"
	if (line ~ /^BUG: KCSAN: /)
		races = 1
	else if (line ~ ENVIRON["COMPLAINTS"] && line !~ /^WARNING: kernel\/kcsan\/report\.c:/)
		ours = 1
	else if (line ~ /^(race at unknown origin, with )?(read|write|read-write|assert)[^:]* (to|of|by) .*:$/)
		top = 1
	else if (top && line ~ /^ ?[A-Za-z_]/) {
		if (line ~ /^ ?(rust_helper_|instrument_|__tsan_|kcsan_|mem(cpy|set|move)\+|__mem)/)
			next
		top = 0
		if (line ~ /\[(kasync|jobqueue|torture|kasync_test|jobqueue_test|asahi)\]/ || line ~ /^ ?(__)?dma_fence_/)
			ours = 1
	}
}

END {
	flush()
	if (others)
		print "rig: left out: " others " reports of KCSAN of races that none of our modules have part in"
}
