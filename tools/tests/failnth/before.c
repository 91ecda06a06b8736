// SPDX-License-Identifier: MIT OR Apache-2.0
#include "before.h"

#include "../uapi/uapi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* How many lines of @path have @text, or all lines if that is NULL. */
static int count_lines(const char *path, const char *text)
{
	FILE *file = fopen(path, "r");
	char line[512];
	int lines = 0;

	need(path, file ? 0 : -errno);
	while (fgets(line, sizeof(line), file))
		lines += !text || strstr(line, text) != NULL;
	fclose(file);
	return lines;
}

struct rest read_rest(void)
{
	return (struct rest){
		.tasks = count_lines("/sys/kernel/debug/kasync/tasks", NULL),
		.attached = count_lines("/sys/kernel/debug/dma_buf/bufinfo", "11000000.gpu") +
			    count_lines("/sys/kernel/debug/dma_buf/bufinfo", "\tvgem\n"),
	};
}

bool rest_is_back(struct rest before)
{
	struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; i < BEFORE_SECONDS * 100; i++) {
		struct rest now = read_rest();

		if (now.tasks <= before.tasks && now.attached == before.attached)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

void read_fdinfo(int fd, char *all, size_t size)
{
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	need("read fdinfo", file ? 0 : -errno);
	all[0] = 0;
	/* What is in use is so until a job has been dropped, a moment after its fence. */
	while (fgets(line, sizeof(line), file))
		if (strstr(line, "-memory:") && !strstr(line, "-active-"))
			strncat(all, line, size - strlen(all) - 1);
	fclose(file);
}

bool fdinfo_is_back(int fd, const char *before)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	char now[1024];

	for (int i = 0; i < BEFORE_SECONDS * 100; i++) {
		read_fdinfo(fd, now, sizeof(now));
		if (!strcmp(before, now))
			return true;
		nanosleep(&pause, NULL);
	}
	printf("# before:\n%s# now:\n%s", before, now);
	return false;
}

long long pinned(void)
{
	FILE *file = fopen("/sys/kernel/debug/dri/128/memory", "r");
	long long kib;

	need("open the table of memory", file ? 0 : -errno);
	need("read it", fscanf(file, "pinned: %lld", &kib) == 1 ? 0 : -EIO);
	fclose(file);
	return kib << 10;
}

bool is_released(long long most)
{
	struct timespec pause = { .tv_nsec = 5000000 };

	for (int i = 0; i < BEFORE_SECONDS * 200; i++) {
		if (pinned() <= most)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* A line of the file's fdinfo, in bytes. */
static long long fdinfo_bytes(const char *all, const char *key)
{
	const char *line = strstr(all, key);
	char unit[8] = "";
	long long size;

	need(key, line && sscanf(line + strlen(key), ": %lld %7s", &size, unit) >= 1 ? 0 : -EIO);
	return unit[0] == 'K' ? size << 10 : unit[0] == 'M' ? size << 20 : size;
}

struct held read_held(int fd)
{
	char all[1024];

	read_fdinfo(fd, all, sizeof(all));
	return (struct held){
		.total = fdinfo_bytes(all, "drm-total-memory"),
		.resident = fdinfo_bytes(all, "drm-resident-memory"),
		.pinned = pinned(),
	};
}

bool held_is_back(int fd, struct held before)
{
	struct timespec pause = { .tv_nsec = 5000000 };
	struct held now;

	for (int i = 0; i < BEFORE_SECONDS * 200; i++) {
		now = read_held(fd);
		if (now.total == before.total &&
		    now.pinned - before.pinned <= now.resident - before.resident)
			return true;
		nanosleep(&pause, NULL);
	}
	printf("# buffers %lld, %lld of it there; %lld pinned; then %lld, %lld; %lld\n",
	       before.total, before.resident, before.pinned, now.total, now.resident, now.pinned);
	return false;
}
