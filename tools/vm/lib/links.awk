# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Passes a kernel's log through, without one report that is of the kernel itself; how often it was there is the last line.
#
# The driver core makes the names of a device link's files once more when it removes the link, and says so if it has no memory for
# them. That is left out where a program has had that allocation fail, which is called fail-nth.
{
	if ($0 ~ /-+\[ cut here \]-+/) {
		printf "%s", held
		within = 1
		held = ""
		links = program = 0
	}
	if (!within) {
		print
		next
	}
	held = held $0 "\n"
	if ($0 ~ /Unable to properly free device link symlinks!/)
		links = 1
	if ($0 ~ /WARNING: .* at devlink_remove_symlinks\+.*: fail-nth\//)
		program = 1
	if ($0 ~ /---\[ end trace /) {
		if (links && program)
			others++
		else
			printf "%s", held
		within = 0
		held = ""
	}
}

END {
	printf "%s", held
	if (others)
		print "rig: left out: " others " reports of device links whose names had no memory"
}
