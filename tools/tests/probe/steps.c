// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A probe that has no memory at one of its steps. The kernel's fault injection has the Nth
 * allocation of the thread that binds the device fail, for N = FIRST, FIRST + STEP and so on, until
 * the probe has fewer. After each that failed there is one line in the kernel's log, the next probe
 * works, and its GPU runs a job. What leaks is for kmemleak to find.
 *
 * usage: probe-steps FIRST STEP
 *
 * The device is bound, before and afterwards. Prints TAP.
 */
#define _GNU_SOURCE
#include "../uapi/uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DRIVER "/sys/bus/platform/drivers/asahi/"
#define DEVICE "11000000.gpu"
#define FAILSLAB "/sys/kernel/debug/failslab/"
#define FAIL_PAGES "/sys/kernel/debug/fail_page_alloc/"

/* Kernel messages up to this level count. */
#define LEVEL_WARNING 4

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = fd < 0 ? -errno : 0;

	if (!ret && write(fd, text, strlen(text)) < 0)
		ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

/*
 * Binds the device, with the @n-th allocation from here on failing; none if that is 0. *@left is
 * how many more there would have had to be.
 */
static int bind_failing(unsigned int n, unsigned int *left)
{
	int bind = open(DRIVER "bind", O_WRONLY | O_CLOEXEC);
	int nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	char text[16] = "";
	int ret = 0;

	need("open the driver's file", bind < 0 ? -errno : 0);
	need("open fail-nth", nth < 0 ? -errno : 0);
	snprintf(text, sizeof(text), "%u", n);
	need("say which allocation fails", write(nth, text, strlen(text)) < 0 ? -errno : 0);
	if (write(bind, DEVICE, strlen(DEVICE)) < 0)
		ret = -errno;
	/* Reading allocates nothing that may fail. */
	memset(text, 0, sizeof(text));
	need("read fail-nth", pread(nth, text, sizeof(text) - 1, 0) < 0 ? -errno : 0);
	*left = strtoul(text, NULL, 10);
	need("clear fail-nth", pwrite(nth, "0", 1, 0) < 0 ? -errno : 0);
	close(nth);
	close(bind);
	return ret;
}

static bool is_bound(void)
{
	return !access(DRIVER DEVICE, F_OK);
}

/*
 * Reads what has been added to the kernel's log. Returns how many lines at warning level or above
 * are about the GPU, whether or not the driver core says with which error its probe ended.
 */
static int read_log(int log, bool print)
{
	char record[8192];
	ssize_t length;
	int lines = 0;

	while ((length = read(log, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		if (length < 0)
			continue;
		record[length] = 0;
		if ((strtoul(record, NULL, 10) & 7) > LEVEL_WARNING || !strstr(record, DEVICE ": "))
			continue;
		if (print)
			printf("# %s", strchr(record, ';') + 1);
		if (!strstr(record, "probe with driver asahi failed"))
			lines++;
	}
	return lines;
}

/* Runs a job. */
static int run_job(void)
{
	struct context ctx;
	uint32_t sync;
	int ret;

	context_init(&ctx);
	need("create a syncobj", syncobj_create(ctx.fd, &sync));
	ret = submit_one(&ctx, sync);
	if (!ret)
		ret = syncobj_wait(ctx.fd, sync, 20);
	context_fini(&ctx);
	return ret;
}

/* What @n was bad for, if it was. */
static const char *try_step(unsigned int n, int log, bool *over, unsigned int *failed)
{
	unsigned int left;
	int ret, lines;

	read_log(log, false);
	ret = bind_failing(n, &left);
	lines = read_log(log, false);
	*over = left > 0;
	if (!ret != is_bound())
		return "result and device disagree";
	if (!ret) {
		/* It was an allocation that the kernel can do without, or there are no more. */
		if (lines)
			return "the probe has succeeded with a complaint";
	} else {
		(*failed)++;
		if (left)
			return "the probe has failed without a reason";
		if (ret != -ENOMEM)
			return strerrorname_np(-ret);
		if (lines > 1)
			return "more than one line in the log";
		ret = bind_failing(0, &left);
		if (ret || !is_bound() || read_log(log, false))
			return "the next probe fails or complains";
	}
	if (run_job())
		return "the job fails";
	if (write_file(DRIVER "unbind", DEVICE) || read_log(log, false))
		return "unbind fails or complains";
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned int n, step, steps = 0, failed = 0, bad = 0;
	bool over = false;
	int log;

	if (argc != 3 || !(n = strtoul(argv[1], NULL, 10)) ||
	    !(step = strtoul(argv[2], NULL, 10))) {
		fprintf(stderr, "usage: probe-steps FIRST STEP\n");
		return 2;
	}
	need("allocations that may wait fail", write_file(FAILSLAB "ignore-gfp-wait", "N"));
	need("the same of slab is said", write_file(FAILSLAB "verbose", "0"));
	need("pages that may wait fail", write_file(FAIL_PAGES "ignore-gfp-wait", "N"));
	need("small ones too", write_file(FAIL_PAGES "min-order", "0"));
	need("it is not said each time", write_file(FAIL_PAGES "verbose", "0"));
	log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	need("open the kernel's log", log < 0 ? -errno : 0);
	need("unbind", write_file(DRIVER "unbind", DEVICE));

	for (; !over; n += step, steps++) {
		const char *why = try_step(n, log, &over, &failed);

		if (!why)
			continue;
		bad++;
		printf("# allocation %u: %s\n", n, why);
		fflush(stdout);
		/* The next step begins without the device. */
		if (is_bound())
			write_file(DRIVER "unbind", DEVICE);
		if (bad == 10)
			break;
	}
	printf("# %u steps, the last one of allocation %u; %u probes have failed\n", steps,
	       n - step, failed);
	check_true("each probe fails with one line, and the next one works", !bad);
	check_true("the last step is behind the probe's last allocation", over);
	check_true("some have failed", failed > 2);
	need("bind", write_file(DRIVER "bind", DEVICE));
	check("a job", run_job(), 0);
	return finish();
}
