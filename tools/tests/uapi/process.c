// SPDX-License-Identifier: MIT OR Apache-2.0
#include "uapi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

void pause_ms(int ms)
{
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

char process_state(pid_t pid)
{
	char path[32], line[256] = "", *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (!fgets(line, sizeof(line), file))
		line[0] = 0;
	fclose(file);
	/* The name before it may have any letters. */
	end = strrchr(line, ')');
	return end && end[1] ? end[2] : 0;
}

bool process_sleeps(pid_t pid, int ms)
{
	int64_t end = now_ms() + ms;

	while (now_ms() < end) {
		char state = process_state(pid);

		if (state == 'S')
			return true;
		if (!state || state == 'Z')
			return false;
		pause_ms(1);
	}
	return false;
}

bool process_ends(pid_t pid, int ms, int *status)
{
	int64_t end = now_ms() + ms;

	while (waitpid(pid, status, WNOHANG) == 0) {
		if (now_ms() > end)
			return false;
		pause_ms(1);
	}
	return true;
}
