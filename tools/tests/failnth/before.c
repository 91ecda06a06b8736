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

/* Waits until @done(@of) is true, for so long as what ends by itself may take. Whether it is. */
static bool wait_for(bool (*done)(const void *of), const void *of)
{
	struct timespec pause = { .tv_nsec = 5000000 };

	for (int i = 0; i < BEFORE_SECONDS * 200; i++) {
		if (done(of))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

struct rest read_rest(void)
{
	return (struct rest){
		.tasks = count_lines("/sys/kernel/debug/kasync/tasks", NULL),
		.attached = count_lines("/sys/kernel/debug/dma_buf/bufinfo", "11000000.gpu") +
			    count_lines("/sys/kernel/debug/dma_buf/bufinfo", "\tvgem\n"),
	};
}

static bool has_rest(const void *of)
{
	const struct rest *before = of;
	struct rest now = read_rest();

	return now.tasks <= before->tasks && now.attached == before->attached;
}

bool rest_is_back(struct rest before)
{
	return wait_for(has_rest, &before);
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

/* A file, and what its fdinfo has said and says. */
struct fdinfo {
	int fd;
	const char *before;
	char *now;
	size_t size;
};

static bool has_fdinfo(const void *of)
{
	const struct fdinfo *info = of;

	read_fdinfo(info->fd, info->now, info->size);
	return !strcmp(info->before, info->now);
}

bool fdinfo_is_back(int fd, const char *before)
{
	char now[1024];
	struct fdinfo info = { fd, before, now, sizeof(now) };

	if (wait_for(has_fdinfo, &info))
		return true;
	printf("# before:\n%s# now:\n%s", before, now);
	return false;
}

long long pinned_bytes(void)
{
	long long kib = pinned();

	need("read what is pinned", kib >= 0 ? 0 : -EIO);
	return kib << 10;
}

static bool has_released(const void *most)
{
	return pinned_bytes() <= *(const long long *)most;
}

bool is_released(long long most)
{
	return wait_for(has_released, &most);
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
		.pinned = pinned_bytes(),
	};
}

/* A file, and what was held and is. */
struct holding {
	int fd;
	struct held before, *now;
};

static bool has_held(const void *of)
{
	const struct holding *holding = of;
	struct held before = holding->before, now = read_held(holding->fd);

	*holding->now = now;
	return now.total == before.total &&
	       now.pinned - before.pinned <= now.resident - before.resident;
}

bool held_is_back(int fd, struct held before)
{
	struct held now;
	struct holding holding = { fd, before, &now };

	if (wait_for(has_held, &holding))
		return true;
	printf("# buffers %lld, %lld of it there; %lld pinned; then %lld, %lld; %lld\n",
	       before.total, before.resident, before.pinned, now.total, now.resident, now.pinned);
	return false;
}
