# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Passes a kernel's log through, without one report that is of the kernel itself; how often it was there is the last line.
#
# With CONFIG_DEBUG_KOBJECT_RELEASE the release of an object begins a while after its last reference has gone. That of a disk's
# device is in memory that the block layer frees with the disk's inode, so the timer is freed while it runs. With
# CONFIG_DEBUG_TEST_DRIVER_REMOVE each virtio disk is removed once.
{
	if ($0 ~ /-+\[ cut here \]-+/) {
		printf "%s", held
		within = 1
		held = ""
		timer = disk = 0
	}
	if (!within) {
		print
		next
	}
	held = held $0 "\n"
	if ($0 ~ /ODEBUG: free active .* hint: kobject_delayed_cleanup/)
		timer = 1
	if ($0 ~ /bdev_free_inode\+/)
		disk = 1
	if ($0 ~ /---\[ end trace /) {
		if (timer && disk)
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
		print "rig: left out: " others " reports of disks whose objects are released late"
}
