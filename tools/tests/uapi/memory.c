// SPDX-License-Identifier: MIT OR Apache-2.0
/* Memory that a client takes of the machine, all of which has to come back. */
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

long long fdinfo(int fd, const char *key)
{
	char path[64], line[128], name[64], unit[8];
	long long value, found = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	while (file && found < 0 && fgets(line, sizeof(line), file)) {
		unit[0] = 0;
		if (sscanf(line, "%63[^:]: %lld %7s", name, &value, unit) >= 2 &&
		    !strcmp(name, key))
			found = !strcmp(unit, "MiB")	       ? value * KIB_PER_MIB :
				!strcmp(unit, "KiB") || !value ? value :
								 -1;
	}
	if (file)
		fclose(file);
	return found;
}

bool is_back(const char *what, long long before, long long slack)
{
	long long now = 0, last = 0;

	/* A machine that is slow is not through as long as more comes back. */
	for (int i = 0; i < 100; i++) {
		now = meminfo("MemAvailable");
		if (now + slack * KIB_PER_MIB >= before)
			return true;
		if (now > last + KIB_PER_MIB) {
			last = now;
			i = 0;
		}
		usleep(100000);
	}
	printf("# %s: %lld KiB before, %lld KiB now\n", what, before, now);
	return false;
}

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

int run(struct context *ctx)
{
	uint32_t sync;
	int ret, file;

	need("create a syncobj", syncobj_create(ctx->fd, &sync));
	ret = submit_one(ctx, sync);
	if (!ret) {
		file = syncobj_export_sync_file(ctx->fd, sync);
		need("export a fence", file);
		ret = sync_file_wait(file, 120000);
		close(file);
	}
	syncobj_destroy(ctx->fd, sync);
	return ret;
}

void test_memory(void)
{
	check_fdinfo();
	check_greeds();
	check_closes();
}
