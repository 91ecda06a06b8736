// SPDX-License-Identifier: MIT OR Apache-2.0
/* Files that stay open when the driver is unbound: they say so, and hold nothing of the device. */
#define _GNU_SOURCE
#include "nvme.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRIVER "/sys/bus/pci/drivers/nvme_async/"
#define FILES 16

static void driver(const char *what, const char *device)
{
	char path[128];
	int file;

	snprintf(path, sizeof(path), DRIVER "%s", what);
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, device, strlen(device)) != (ssize_t)strlen(device)) {
		say(false, "%s: %s", path, strerror(errno));
		exit(1);
	}
	close(file);
}

/* Memory that nobody uses, in KiB. */
static int64_t free_memory(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	int64_t kib = -1;

	while (file && kib < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemFree: %" SCNd64, &kib) != 1)
			kib = -1;
	if (file)
		fclose(file);
	return kib;
}

static bool is_gone(int disk)
{
	static char data[BLOCK];
	struct nvme_info info;

	return pread(disk, data, BLOCK, 0) < 0 && errno == ENODEV &&
	       pwrite(disk, data, BLOCK, 0) < 0 && errno == ENODEV &&
	       ioctl(disk, NVME_INFO, &info) < 0 && errno == ENODEV &&
	       ioctl(disk, NVME_FLUSH) < 0 && errno == ENODEV;
}

int held(const char *device)
{
	static char data[BLOCK];
	int disks[FILES], gone = 0, works = 0;
	int64_t before, held, takes;

	/* What a binding has of the device at least: 64 buffers of 64 KiB for each queue. */
	disks[0] = open_disk();
	takes = FILES * 64 * 64 * info(disks[0]).queues;
	close(disks[0]);
	/* A first time, for what later ones find in caches. */
	driver("unbind", device);
	driver("bind", device);
	before = free_memory();
	for (int i = 0; i < FILES; i++) {
		disks[i] = open_disk();
		works += pread(disks[i], data, BLOCK, 0) == BLOCK;
		driver("unbind", device);
		gone += is_gone(disks[i]);
		driver("bind", device);
	}
	held = before - free_memory();
	say(works == FILES, "the disk is read, %d times beside files of earlier bindings", works);
	say(gone == FILES, "%d of %d files say that the device has gone", gone, FILES);
	/* Processors keep some free pages for themselves. */
	say(before > 0 && held < takes / 4,
	    "%d files hold %" PRId64 " KiB, of %" PRId64 " KiB that their bindings had", FILES,
	    held, takes);
	gone = 0;
	for (int i = 0; i < FILES; i++)
		gone += is_gone(disks[i]) && close(disks[i]) == 0;
	say(gone == FILES, "also when the device is bound again");
	return 0;
}
