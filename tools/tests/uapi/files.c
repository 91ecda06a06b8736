// SPDX-License-Identifier: MIT OR Apache-2.0
/* Files of the kernel: what they say, and what is written to them. */
#include "uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = fd < 0 ? -errno : 0;

	if (!ret && write(fd, text, strlen(text)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

int bind_device(void)
{
	return write_file(DRIVER "bind", DEVICE);
}

int unbind_device(void)
{
	return write_file(DRIVER "unbind", DEVICE);
}

long long meminfo(const char *key)
{
	char line[128], name[64];
	long long value, found = -1;
	FILE *file = fopen("/proc/meminfo", "r");

	while (file && found < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "%63[^:]: %lld kB", name, &value) == 2 && !strcmp(name, key))
			found = value;
	if (file)
		fclose(file);
	return found;
}

long long pinned(void)
{
	FILE *file = fopen("/sys/kernel/debug/dri/128/memory", "r");
	long long kib = -1;

	need("open what debugfs says", file ? 0 : -errno);
	if (fscanf(file, "pinned: %lld KiB", &kib) != 1)
		kib = -1;
	fclose(file);
	return kib;
}

void drop_caches(void)
{
	FILE *file = fopen("/proc/sys/vm/drop_caches", "w");

	need("drop caches", file && fputs("3", file) >= 0 && !fclose(file) ? 0 : -errno);
}
