// SPDX-License-Identifier: MIT OR Apache-2.0
/* What the kernel says of the machine's memory. */
#include "uapi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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

void drop_caches(void)
{
	FILE *file = fopen("/proc/sys/vm/drop_caches", "w");

	need("drop caches", file && fputs("3", file) >= 0 && !fclose(file) ? 0 : -errno);
}
