# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Passes a kernel's log through, without reports that are of the kernel itself; how often each was there is said at the end. A report
# is known by two of its lines. It has as many complaints as are its own: what another processor says in its midst is not left out with
# it. $COMPLAINTS is the pattern of complaints.
#
# Disks: with CONFIG_DEBUG_KOBJECT_RELEASE the release of an object begins a while after its last reference has gone. That of a disk's
# device is in memory that the block layer frees with the disk's inode, so the timer is freed while it runs. With
# CONFIG_DEBUG_TEST_DRIVER_REMOVE each virtio disk is removed once.
#
# Device links: the driver core makes the names of a link's files once more when it removes the link, and says so if it has no memory
# for them. That is left out where a program has had that allocation fail, which is called fail-nth.
BEGIN {
	kinds = 2
	one[1] = "ODEBUG: free active .* hint: kobject_delayed_cleanup"
	other[1] = "bdev_free_inode\\+"
	own[1] = 2
	what[1] = "disks whose objects are released late"
	one[2] = "Unable to properly free device link symlinks!"
	other[2] = "WARNING: .* at devlink_remove_symlinks\\+.*: fail-nth\\/"
	own[2] = 1
	what[2] = "device links whose names had no memory"
}

{
	if ($0 ~ /-+\[ cut here \]-+/) {
		printf "%s", held
		within = 1
		held = ""
		complaints = 0
		split("", has_one)
		split("", has_other)
	}
	if (!within) {
		print
		next
	}
	held = held $0 "\n"
	if ($0 ~ ENVIRON["COMPLAINTS"])
		complaints++
	for (i = 1; i <= kinds; i++) {
		if ($0 ~ one[i])
			has_one[i] = 1
		if ($0 ~ other[i])
			has_other[i] = 1
	}
	if ($0 ~ /---\[ end trace /) {
		for (i = 1; i <= kinds && !(has_one[i] && has_other[i] && complaints == own[i]); i++)
			;
		if (i <= kinds)
			left_out[i]++
		else
			printf "%s", held
		within = 0
		held = ""
	}
}

END {
	printf "%s", held
	for (i = 1; i <= kinds; i++)
		if (left_out[i])
			print "rig: left out: " left_out[i] " reports of " what[i]
}
