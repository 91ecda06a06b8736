// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Very many interrupts, each of which a job waits for, while the processors are busy and the
 * interrupts go from one to the other.
 *
 * The emulator has to signal each line once only ("--hardware once"): then what is lost is not made
 * up for. The mailbox's later messages raise no interrupt any more, as its line is active already,
 * and the driver finds what they are about two seconds later by itself. So after one interrupt that
 * is lost all jobs are late, for ever. Single ones are when the machine is busy.
 *
 * usage: interrupts JOBS [lost]	lost: an interrupt is lost, and this has to find that out
 *
 * Prints TAP.
 */
#define _GNU_SOURCE
#include "../uapi/uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A job takes longer than this if its interrupt does not arrive. */
#define LIMIT_MS 1500
/* So many that are late, one after another, are no accident. */
#define IN_A_ROW 10
#define MAX_LINES 8
#define PROCESSORS 2

static volatile bool over;
static int lines[MAX_LINES];
static int line_count;
static unsigned int moves;

/* Finds the interrupts of the bridge. */
static void find_lines(void)
{
	FILE *file = fopen("/proc/interrupts", "r");
	char line[512];

	need("read the interrupts", file ? 0 : -errno);
	while (fgets(line, sizeof(line), file)) {
		if (strstr(line, "agxemu") && line_count < MAX_LINES)
			lines[line_count++] = atoi(line);
	}
	fclose(file);
	need("find the bridge's interrupts", line_count ? 0 : -ENOENT);
}

/* Moves the interrupts between the processors, which masks them each time. */
static void *move(void *unused)
{
	for (unsigned int n = 0; !over; n++) {
		for (int i = 0; i < line_count; i++) {
			char path[64], text[8];
			int fd;

			snprintf(path, sizeof(path), "/proc/irq/%d/smp_affinity_list", lines[i]);
			snprintf(text, sizeof(text), "%u", n % PROCESSORS);
			fd = open(path, O_WRONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			moves += write(fd, text, strlen(text)) > 0;
			close(fd);
		}
		usleep(500);
	}
	return unused;
}

static void *burn(void *unused)
{
	while (!over)
		;
	return unused;
}

int main(int argc, char **argv)
{
	bool lost = argc == 3 && !strcmp(argv[2], "lost");
	int jobs = argc == 2 || lost ? atoi(argv[1]) : 0, ret = 0, late = 0, row = 0, done = 0;
	long longest = 0, start, end;
	pthread_t mover, burners[PROCESSORS];
	struct context ctx;
	uint32_t sync;

	if (jobs < 1) {
		fprintf(stderr, "usage: interrupts JOBS [lost]\n");
		return 2;
	}
	context_init(&ctx);
	find_lines();
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	need("move interrupts", -pthread_create(&mover, NULL, move, NULL));
	for (int i = 0; i < PROCESSORS; i++)
		need("be busy", -pthread_create(&burners[i], NULL, burn, NULL));
	start = now_ms();
	for (; done < jobs && !ret && row < IN_A_ROW; done++) {
		int64_t before = now_ms(), took;

		ret = submit_one(&ctx, sync);
		if (!ret)
			ret = syncobj_wait(ctx.fd, sync, 30);
		took = now_ms() - before;
		longest = took > longest ? took : longest;
		late += took > LIMIT_MS;
		row = took > LIMIT_MS ? row + 1 : 0;
	}
	end = now_ms();
	over = true;
	pthread_join(mover, NULL);
	for (int i = 0; i < PROCESSORS; i++)
		pthread_join(burners[i], NULL);
	printf("# %d jobs in %ld ms, %d were late, the longest took %ld ms\n", done, end - start,
	       late, longest);
	printf("# %d lines were moved %u times\n", line_count, moves);
	check("all jobs complete", ret, 0);
	check_true(lost ? "the lost interrupt is found out" : "no interrupt was lost",
		   (row == IN_A_ROW) == lost);
	check_true("the lines were moved", moves > 0);
	context_fini(&ctx);
	return finish();
}
